package records_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// audited is an installation with an audit of two organizations.
type audited struct {
	*rig.Rig
	ours, theirs string
}

func newAudited(t *testing.T) *audited {
	t.Helper()
	w := &audited{Rig: rig.New(t)}
	w.ours, w.theirs = w.Organization("Night outreach"), w.Organization("Day outreach")
	for i, o := range []string{w.ours, w.theirs, "", w.ours, w.theirs, w.ours, ""} {
		w.Clock.Add(time.Hour)
		w.write(records.Audit{Act: records.Acts[i], Actor: records.ActorOperator, Organization: o, Collection: "submissions", Record: rig.ID(),
			Reason: "because <ñ> \"" + fmt.Sprint(i) + "\" & \u2028", Detail: map[string]any{"n": i, "list": []string{"a", "b"}}})
		w.Enroll(access.Worker, w.ours) // other entries of the journal lie between
	}
	return w
}

func (w *audited) write(a records.Audit) {
	w.T.Helper()
	if err := w.S.Store.Audit(a); err != nil {
		w.T.Fatal(err)
	}
}

func (w *audited) export(q records.AuditQuery) []byte {
	w.T.Helper()
	var out bytes.Buffer
	if _, err := w.S.Store.ExportAudit(&out, q); err != nil {
		w.T.Fatal(err)
	}
	return out.Bytes()
}

// program takes the program out of the documentation.
func program(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/AUDIT.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(doc)
	if found == nil {
		t.Fatal("docs/AUDIT.md has no program")
	}
	if lines := strings.Count(string(found[1]), "\n"); lines > 27 {
		t.Fatalf("the program has %d lines, about twenty were promised", lines)
	}
	return string(found[1])
}

// verdicts are exports on their way to be judged: what it is, and whether it is
// to be found good.
type verdicts struct {
	t     *testing.T
	names []string
	files [][]byte
	good  []bool
}

func (v *verdicts) add(what string, file []byte, good bool) {
	v.names, v.files, v.good = append(v.names, what), append(v.files, file), append(v.good, good)
}

// many runs a program once for each file, in one process: starting Python costs
// more than what it has to do.
const many = `
import contextlib, io, json, sys, traceback
source, *files = sys.argv[1:]
for f in files:
    sys.argv, said, end = ["verify.py", f], io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(source, "verify.py", "exec"), {"__name__": "__main__"})
    except SystemExit as e:
        end = e.code
    except Exception:
        end = traceback.format_exc()
    print(json.dumps({"good": end in (0, None), "said": said.getvalue() + str(end or "")}))
`

// judge holds each against the program and the command's check, which must
// agree. It gives what the program said.
func (v *verdicts) judge() []string {
	v.t.Helper()
	dir := v.t.TempDir()
	args := []string{"-c", many, program(v.t)}
	for i, file := range v.files {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, file, 0o600); err != nil {
			v.t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command("python3", args...).Output()
	if err != nil {
		v.t.Fatalf("the program needs python3: %v", err)
	}
	var said []string
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		var got struct {
			Good bool
			Said string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			v.t.Fatalf("%s: %v", line, err)
		}
		if got.Good != v.good[i] {
			v.t.Errorf("%s: the program says %s", v.names[i], got.Said)
		}
		report, err := records.VerifyAudit(bytes.NewReader(v.files[i]))
		if err != nil || (report.Bad == "") != v.good[i] {
			v.t.Errorf("%s: the command says %v %v", v.names[i], report, err)
		}
		said = append(said, got.Said)
	}
	if len(said) != len(v.files) {
		v.t.Fatalf("%d answers to %d files", len(said), len(v.files))
	}
	return said
}

// judged judges one.
func judged(t *testing.T, what string, file []byte, good bool) string {
	t.Helper()
	v := &verdicts{t: t}
	v.add(what, file, good)
	return v.judge()[0]
}

func lines(file []byte) []map[string]any {
	var out []map[string]any
	for _, l := range bytes.Split(bytes.TrimSpace(file), []byte("\n")) {
		d := json.NewDecoder(bytes.NewReader(l))
		d.UseNumber()
		var m map[string]any
		if err := d.Decode(&m); err != nil {
			panic(err)
		}
		out = append(out, m)
	}
	return out
}

func unlines(all []map[string]any) []byte {
	var out bytes.Buffer
	w := json.NewEncoder(&out)
	w.SetEscapeHTML(false)
	for _, m := range all {
		if err := w.Encode(m); err != nil {
			panic(err)
		}
	}
	return out.Bytes()
}

// rehash makes the hash of a forged entry fit.
func rehash(e map[string]any) {
	unhex := func(k string) []byte {
		raw, err := hex.DecodeString(e[k].(string))
		if err != nil {
			panic(err)
		}
		return raw
	}
	row := unhex("previous")
	for _, k := range []string{"seq", "mut", "at"} {
		n, err := e[k].(json.Number).Int64()
		if err != nil {
			panic(err)
		}
		row = binary.BigEndian.AppendUint64(row, uint64(n))
	}
	for _, k := range []string{"collection", "record", "op", "actor", "device", "stamp"} {
		row = binary.BigEndian.AppendUint32(row, uint32(len(e[k].(string))))
		row = append(row, e[k].(string)...)
	}
	content := sha256.Sum256(append(unhex("salt"), e["body"].(string)...))
	sum := sha256.Sum256(append(row, content[:]...))
	e["hash"] = hex.EncodeToString(sum[:])
}

// body changes an entry's content, and makes its hash fit.
func body(e map[string]any, change func(fields map[string]any)) {
	var b struct {
		Fields map[string]any `json:"fields"`
	}
	if err := json.Unmarshal([]byte(e["body"].(string)), &b); err != nil {
		panic(err)
	}
	change(b.Fields)
	raw, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	e["body"] = string(raw)
	rehash(e)
}

// anew forges all entries from a place on so that they follow each other, and
// the last line.
func anew(all []map[string]any, from int) {
	for i := max(from, 2); i < len(all)-1; i++ {
		before := all[i-1]["hash"]
		body(all[i], func(f map[string]any) { f["before"] = before })
	}
	end := all[len(all)-2]
	all[len(all)-1]["head"] = map[string]any{"seq": end["seq"], "hash": end["hash"]}
}

func TestAuditExport(t *testing.T) {
	w := newAudited(t)
	whole := w.export(records.AuditQuery{Actor: records.ActorOperator})
	t.Run("[R16] an export is checked by the program of the documentation, away from the server", func(t *testing.T) {
		all := lines(whole)
		rig.Want(t, len(all) > 15, true)
		said := judged(t, "whole", whole, true)
		head := all[len(all)-1]["head"].(map[string]any)
		seq, hash, err := w.S.Store.Journal().Head()
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{head["seq"], head["hash"]}, []any{seq, hex.EncodeToString(hash)})
		if !strings.Contains(said, fmt.Sprintf("Head: %d %x", seq, hash)) {
			t.Errorf("the program does not name the head: %s", said)
		}
	})
	t.Run("[R16] an export of a later day, of one organization, of both, and of nothing but itself are checked as well", func(t *testing.T) {
		since := w.Clock.Now().Add(-150 * time.Minute)
		count := func(file []byte) int { return len(lines(file)) - 2 }
		v := &verdicts{t: t}
		late := w.export(records.AuditQuery{Since: since})
		v.add("late", late, true)
		own := w.export(records.AuditQuery{Organization: w.theirs})
		v.add("one organization", own, true)
		ownLate := w.export(records.AuditQuery{Organization: w.ours, Since: since})
		v.add("one organization, late", ownLate, true)
		alone := w.export(records.AuditQuery{Since: w.Clock.Now().Add(time.Hour)})
		v.add("alone", alone, true)
		v.judge()
		if a := count(late); a >= count(whole) || a < 3 {
			t.Errorf("%d entries of late", a)
		}
		rig.Want(t, []any{count(own), count(alone)}, []any{3, 1})
		if n := count(ownLate); n >= count(late) || n < 2 {
			t.Errorf("%d entries of one organization, late", n)
		}
		for _, e := range lines(own)[1:] {
			if text := fmt.Sprint(e["body"]); strings.Contains(text, w.ours) {
				t.Errorf("another organization's: %s", text)
			}
		}
	})
	t.Run("[R16] [R9] an export holds nothing of the journal's other entries", func(t *testing.T) {
		for _, e := range lines(whole)[1 : len(lines(whole))-1] {
			rig.Want(t, e["collection"], "audit")
		}
	})
	t.Run("[R16] whatever was changed, removed, put in, moved or cut is refused", func(t *testing.T) {
		n := len(lines(whole))
		v := &verdicts{t: t}
		for what, change := range map[string]func(all []map[string]any) []map[string]any{
			"a reason edited": func(all []map[string]any) []map[string]any {
				all[5]["body"] = strings.Replace(all[5]["body"].(string), "reason", "reas0n", 1)
				return all
			},
			"a reason edited, and its hash made to fit": func(all []map[string]any) []map[string]any {
				body(all[4], func(f map[string]any) { f["reason"] = "another" })
				return all
			},
			"an actor edited": func(all []map[string]any) []map[string]any { all[4]["actor"] = "system"; return all },
			"a time edited":   func(all []map[string]any) []map[string]any { all[4]["at"] = json.Number("1"); return all },
			"a time edited, and its hash made to fit": func(all []map[string]any) []map[string]any {
				all[4]["at"] = json.Number("1")
				rehash(all[4])
				return all
			},
			"the entry before it changed": func(all []map[string]any) []map[string]any { all[4]["previous"] = all[3]["hash"]; return all },
			"the first one edited": func(all []map[string]any) []map[string]any {
				body(all[1], func(f map[string]any) { f["reason"] = "another" })
				return all
			},
			"the last one edited": func(all []map[string]any) []map[string]any {
				body(all[n-2], func(f map[string]any) { f["reason"] = "another" })
				return all
			},
			"the last one another act, with a last line to fit": func(all []map[string]any) []map[string]any {
				body(all[n-2], func(f map[string]any) { f["act"] = "release" })
				anew(all, n-1)
				return all
			},
			"one removed":       func(all []map[string]any) []map[string]any { return slices.Delete(all, 5, 6) },
			"the first removed": func(all []map[string]any) []map[string]any { return slices.Delete(all, 1, 2) },
			"the first removed, and the first line made to fit": func(all []map[string]any) []map[string]any {
				all[0]["after"] = map[string]any{"number": 1, "hash": all[1]["hash"]}
				all[n-1]["entries"] = n - 3
				return slices.Delete(all, 1, 2)
			},
			"one removed, and the numbers made to fit": func(all []map[string]any) []map[string]any {
				all = slices.Delete(all, 5, 6)
				for i := 5; i < len(all)-1; i++ {
					all[i]["number"] = i
				}
				return all
			},
			"two moved": func(all []map[string]any) []map[string]any { all[4], all[5] = all[5], all[4]; return all },
			"one twice": func(all []map[string]any) []map[string]any { return slices.Insert(all, 5, all[4]) },
			"one put in": func(all []map[string]any) []map[string]any {
				forged := lines(unlines(all[4:5]))[0]
				body(forged, func(f map[string]any) { f["reason"], f["number"], f["before"] = "forged", 5, all[4]["hash"] })
				forged["number"] = 5
				return slices.Insert(all, 5, forged)
			},
			"one of another collection": func(all []map[string]any) []map[string]any {
				all[4]["collection"] = "sites"
				rehash(all[4])
				return all
			},
			"the last line gone":  func(all []map[string]any) []map[string]any { return all[:n-1] },
			"the last entry gone": func(all []map[string]any) []map[string]any { return slices.Delete(all, n-2, n-1) },
			"the end gone, and the last line made to fit": func(all []map[string]any) []map[string]any {
				all = slices.Delete(all, n-4, n-1)
				end := all[len(all)-2]
				all[len(all)-1]["head"], all[len(all)-1]["entries"] = map[string]any{"seq": end["seq"], "hash": end["hash"]}, len(all)-2
				return all
			},
			"the organization of the first line": func(all []map[string]any) []map[string]any { all[0]["organization"] = w.ours; return all },
			"the day of the first line":          func(all []map[string]any) []map[string]any { all[0]["since"] = "2026-01-01T00:00:00Z"; return all },
			"the head":                           func(all []map[string]any) []map[string]any { all[n-1]["head"].(map[string]any)["seq"] = 1; return all },
			"the count":                          func(all []map[string]any) []map[string]any { all[n-1]["entries"] = n; return all },
			"nothing between first and last":     func(all []map[string]any) []map[string]any { return []map[string]any{all[0], all[n-1]} },
		} {
			v.add(what, unlines(change(lines(whole))), false)
		}
		v.add("nothing", nil, false)
		v.add("cut inside a line", whole[:len(whole)/2], false)
		v.add("cut before the last line's end", whole[:len(whole)-20], false)
		v.add("something behind", append(slices.Clone(whole), whole[:100]...), false)
		// As it is read and written here, without a change, it is good.
		v.add("unchanged", unlines(lines(whole)), true)
		rig.Want(t, len(v.judge()), 30)
	})
	t.Run("[R16] one written anew from the forged entry on passes by itself, and shows against the head and the folder", func(t *testing.T) {
		all := lines(whole)
		body(all[4], func(f map[string]any) { f["reason"] = "another" })
		anew(all, 5)
		forged := unlines(all)
		judged(t, "written anew", forged, true)
		for name, file := range map[string][]byte{"real": whole, "forged": forged} {
			report, err := records.VerifyAudit(bytes.NewReader(file))
			if err == nil {
				err = wiring.VerifyAuditIn(report, w.Dir)
			}
			if err != nil || (report.Bad == "") != (name == "real") {
				t.Errorf("%s: %+v %v", name, report, err)
			}
		}
	})
	t.Run("[R16] an earlier export's entries stand in a later one with the same hashes", func(t *testing.T) {
		later := lines(w.export(records.AuditQuery{}))
		for i, e := range lines(whole)[1 : len(lines(whole))-1] {
			rig.Want(t, later[i+1]["hash"], e["hash"])
		}
	})
	t.Run("[R16] of another server's history an export is none", func(t *testing.T) {
		other := newAudited(t)
		report, err := records.VerifyAudit(bytes.NewReader(whole))
		if err == nil {
			err = wiring.VerifyAuditIn(report, other.Dir)
		}
		if err != nil || report.Bad == "" {
			t.Errorf("%+v %v", report, err)
		}
	})
	t.Run("[R16] content that was erased stops the export, and is named", func(t *testing.T) {
		other := newAudited(t)
		var seq int64
		if err := other.App.DB().NewQuery("SELECT min(seq) FROM journal_entry WHERE collection='audit'").Row(&seq); err != nil {
			t.Fatal(err)
		}
		other.sql(fmt.Sprintf("DELETE FROM journal_content WHERE seq=%d", seq))
		_, err := other.S.Store.ExportAudit(&bytes.Buffer{}, records.AuditQuery{})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("entry %d was erased", seq)) {
			t.Errorf("%v", err)
		}
	})
}

func (w *audited) sql(text string) {
	w.T.Helper()
	if _, err := w.App.NonconcurrentDB().NewQuery(text).Execute(); err != nil {
		w.T.Fatal(err)
	}
}

// TestAuditOfFolder changes a database behind Fieldpost's back.
func TestAuditOfFolder(t *testing.T) {
	check := func(w *audited) *records.AuditReport {
		w.T.Helper()
		report, err := wiring.VerifyAuditOf(w.Dir)
		if err != nil {
			w.T.Fatal(err)
		}
		return report
	}
	t.Run("[R16] [JOURNAL-2] a folder's audit is whole as it is", func(t *testing.T) {
		w := newAudited(t)
		report := check(w)
		if report.Bad != "" || report.Entries < 14 || report.Last != report.Entries {
			t.Fatalf("%+v", report)
		}
	})
	for what, text := range map[string]string{
		"a reason of a record":            "UPDATE audit SET reason='x' WHERE number=2",
		"a detail of a record":            "UPDATE audit SET detail='{\"n\":9}' WHERE detail<>'' AND number=3",
		"a number of a record":            "UPDATE audit SET number=100 WHERE number=3",
		"a reason where there was none":   "UPDATE audit SET reason='x' WHERE number=(SELECT min(number) FROM audit WHERE reason='')",
		"a record gone":                   "DELETE FROM audit WHERE number=3",
		"a record put in":                 "INSERT INTO audit (id, number, act, actor, at) VALUES ('aaaaaaaaaaaaaaa', 99, 'release', 'x', '2026-01-01 00:00:00.000Z')",
		"an entry of the journal":         "UPDATE journal_entry SET actor='x' WHERE seq=(SELECT max(seq) FROM journal_entry WHERE collection='audit')",
		"its content":                     "UPDATE journal_content SET body=CAST('{}' AS BLOB) WHERE seq=(SELECT max(seq) FROM journal_entry WHERE collection='audit')",
		"an entry of another collection":  "UPDATE journal_entry SET actor='x' WHERE seq=1",
		"a record and its entry together": "DELETE FROM audit WHERE number=(SELECT max(number) FROM audit)",
	} {
		t.Run("[R16] what was changed outside of Fieldpost is found: "+what, func(t *testing.T) {
			w := newAudited(t)
			w.sql(text)
			if report := check(w); report.Bad == "" {
				t.Errorf("%+v", report)
			}
		})
	}
}

// unreached are the acts that nothing writes yet.
var unreached = []string{}

// TestActs looks into the sources: each act of the list is written somewhere
// and some test asks for it, or it is known not to be.
func TestActs(t *testing.T) {
	uses := map[string]map[bool]int{} // constant -> in a test -> times
	word := regexp.MustCompile(`\bAct[A-Z][A-Za-z]+\b`)
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (d.Name() == "node_modules" || d.Name() == ".git") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "records/audit_test.go") {
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(raw)
		if strings.HasSuffix(path, "records/audit.go") { // behind the list
			text = text[strings.Index(text, "AuditCollection ="):]
		}
		for _, name := range word.FindAllString(text, -1) {
			if uses[name] == nil {
				uses[name] = map[bool]int{}
			}
			uses[name][strings.HasSuffix(path, "_test.go")]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("[R16] every act of the list is written by something that a test asks for, or listed as not reached", func(t *testing.T) {
		listed := regexp.MustCompile(`(?m)^\t(Act[A-Z][A-Za-z]+)\s+= "([a-z_]+)" +// .+$`).FindAllStringSubmatch(string(source), -1)
		rig.Want(t, len(listed), len(records.Acts))
		for i, l := range listed {
			rig.Want(t, l[2], records.Acts[i])
			written, asked := uses[l[1]][false] > 0, uses[l[1]][true] > 0
			if open := slices.Contains(unreached, l[2]); open == (written && asked) {
				t.Errorf("%s: written %v, asked for by a test %v, listed as not reached %v", l[2], written, asked, open)
			}
		}
	})
	t.Run("[R16] the documentation names every act", func(t *testing.T) {
		doc, err := os.ReadFile("../../docs/AUDIT.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, act := range records.Acts {
			if !strings.Contains(string(doc), "`"+act+"`") {
				t.Errorf("%s is not in docs/AUDIT.md", act)
			}
		}
	})
}
