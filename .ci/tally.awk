# Reads `go test -v ./...` and prints what `go test ./...` would: of a package
# that passed its last line, of one that failed all but its passing tests. At
# the end the counts go to the file `counts`. Compiler errors do not come this
# way, they are on standard error.

/^ *--- PASS: / { passed++; next }
/^ *--- SKIP: / { skipped++ }
/^ *--- FAIL: / { failed++ }
/^=== (RUN|PAUSE|CONT|NAME) / { speaker = $0; next }
/^PASS$/ { next }

/^ok  \t[^ \t]+\t/ { packages++ }
/^(ok  |\?   )\t[^ \t]+\t/ || /^\t[^ \t]+\t\tcoverage: / {
	print
	fflush()
	held = speaker = ""
	next
}
/^FAIL\t[^ \t]+[ \t]/ {
	printf "%s%s\n", held, $0
	fflush()
	held = speaker = ""
	next
}
{
	# Who said it stands before what was said.
	if (speaker != "") held = held speaker "\n"
	held = held $0 "\n"
	speaker = ""
}
END {
	printf "%s", held
	printf "%d %d %d %d\n", passed, skipped, failed, packages > counts
}
