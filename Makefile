# One target per need. ARGS goes to the program: make demo ARGS="--http 127.0.0.1:0".

.PHONY: check test e2e screenshots run demo bench fuzz simulate unmask audit

# Format, vet, staticcheck, layers, protocol text, all tests. What CI runs.
check:
	@.ci/check

# The Go tests alone.
test:
	go test -timeout 15m ./...

# Every browser test, about 20 minutes; make check has a short set of them. One: make e2e ARGS="night --debug"
e2e:
	cd web && if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi && npm run e2e -- $(ARGS)

# Pictures of every screen in both languages, from the real program: docs/screens.
screenshots:
	cd web && if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then npm ci --no-audit --no-fund --loglevel=error; fi && node needs.mjs && npx playwright test -c e2e/screens.config.ts $(ARGS)

# The server on its data folder.
run:
	go run . serve $(ARGS)

# An invented task force with simulated phones.
demo:
	go run . demo $(ARGS)

# Push and pull beside stock PocketBase, on this machine.
bench:
	go run ./bench $(ARGS)

# Simulated districts with crashes, bad networks and wrong clocks, one a seed:
# make simulate SEEDS=5000 FROM=1
simulate:
	go test ./internal/simulate -run TestSimulation -count=1 -timeout 0 -v -seeds $(or $(SEEDS),200) -from $(or $(FROM),1) $(ARGS)

# Every fuzz target for a time each: make fuzz TIME=10m
fuzz:
	@.ci/fuzz $(TIME)

# Known faults of what we build on. Asks vuln.go.dev and the npm registry; a part
# that gives no answer is named, and fails.
audit:
	@.ci/audit

# The attack on sealed authorship (R9): 200 reports by 20 staff over five weeks,
# with sealing, with pseudonyms alone, and with neither. SEED=2 for another world.
unmask:
	go test ./internal/unmask -run TestUnmask -count=1 -timeout 30m -v -full -seed $(or $(SEED),1) $(ARGS)
