package simulate

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// edited decodes a JSON object, lets fn change it, and encodes it again; nil
// when fn says that it changed nothing.
func edited(body []byte, fn func(m map[string]any) bool) []byte {
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber() // numbers stay as they are
	if d.Decode(&m) != nil || !fn(m) {
		return nil
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return nil
	}
	return raw
}

// verdicts changes the verdicts of push answers.
func verdicts(fn func(r *run, p *phone, v map[string]any) bool) *Tamper {
	return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
		if path != "/api/sync/push" || status != 200 {
			return nil
		}
		return edited(body, func(m map[string]any) bool {
			changed := false
			list, _ := m["verdicts"].([]any)
			for _, v := range list {
				changed = fn(r, p, v.(map[string]any)) || changed
			}
			return changed
		})
	}}
}

// pulls changes pull answers.
func pulls(fn func(r *run, p *phone, m map[string]any) bool) *Tamper {
	return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
		if path != "/api/sync/pull" || status != 200 {
			return nil
		}
		return edited(body, func(m map[string]any) bool { return fn(r, p, m) })
	}}
}

// changesOf changes the list of changes of a pull answer.
func changesOf(m map[string]any, keep func(c map[string]any) bool) bool {
	list, _ := m["changes"].([]any)
	var left []any
	for _, c := range list {
		if keep(c.(map[string]any)) {
			left = append(left, c)
		}
	}
	if len(left) == len(list) {
		return false
	}
	if left == nil {
		left = []any{}
	}
	m["changes"] = left
	return true
}

// mutations changes the mutations of pushes, as one that is older, or broken,
// would send them.
func mutations(fn func(r *run, p *phone, list []any) []any) *Tamper {
	return &Tamper{Request: func(r *run, p *phone, path string, body []byte) []byte {
		if path != "/api/sync/push" {
			return nil
		}
		return edited(body, func(m map[string]any) bool {
			list, _ := m["mutations"].([]any)
			other := fn(r, p, list)
			m["mutations"] = other
			return other != nil
		})
	}}
}

// sqlOnServer says of some statements that they were done.
func sqlOnServer(skip func(r *run, query string) bool) *Tamper {
	return &Tamper{ServerSQL: func(r *run, query string, _ []any) (string, bool) {
		return "", r.server != nil && len(r.phones) >= r.script.Phones && skip(r, query)
	}}
}

func inserts(query, table string) bool {
	q := strings.NewReplacer("`", "", "{{", "", "}}", "", "\"", "", "[[", "", "]]", "").Replace(query)
	return strings.HasPrefix(strings.TrimSpace(q), "INSERT INTO "+table)
}

// onServer runs a statement past all hooks, after a step.
func onServer(do string, query string) *Tamper {
	done := false
	return &Tamper{After: func(r *run, s *Step) {
		if done || s.Do != do || r.server == nil || r.server.disk.isDead() {
			return
		}
		res, err := r.server.app.DB().NewQuery(query).Execute()
		if err != nil {
			panic(err)
		}
		n, err := res.RowsAffected()
		done = err == nil && n > 0
	}}
}

func drop(m map[string]any, key string) bool { delete(m, key); return true }

// The faults are rules that were broken from outside: the network tells a lie,
// or a statement is not done. Each is caught, with its seed or its script, by the
// checker of its invariant. docs/SIMULATION.md has the table.
func TestPlantedFaults(t *testing.T) {
	for _, f := range []struct {
		inv    int
		name   string
		seed   uint64
		script func() *Script // nil: the plan of the seed
		tamper func() *Tamper
	}{
		{1, "[INV-1] a commit is said to be done and is not", 2, nil, func() *Tamper {
			pushes := 0
			return &Tamper{
				Request: func(_ *run, _ *phone, path string, _ []byte) []byte {
					if path == "/api/sync/push" {
						pushes++
					}
					return nil
				},
				ServerSQL: func(r *run, query string, _ []any) (string, bool) {
					if query == "COMMIT" && pushes > 0 && pushes%4 == 0 {
						pushes++
						return "", true
					}
					return "", false
				}}
		}},
		{1, "[INV-1] a phone drops what was turned away", 0, crowded, func() *Tamper {
			return &Tamper{After: func(r *run, _ *Step) {
				for _, p := range r.phones {
					if p.turned > 0 && p.d != nil && p.off() == nil {
						p.forget()
					}
				}
			}}
		}},
		{2, "[INV-2] a phone makes a new mutation of each report that it sends", 0, again, func() *Tamper {
			return mutations(func(_ *run, _ *phone, list []any) []any {
				for _, m := range list {
					mu := m.(map[string]any)
					ops, _ := mu["ops"].([]any)
					if len(ops) != 1 || ops[0].(map[string]any)["collection"] != "observations" {
						continue
					}
					raw, _ := json.Marshal(mu)
					var twin map[string]any
					if json.Unmarshal(raw, &twin) != nil {
						return nil
					}
					stamp := twin["stamp"].(string)
					twin["stamp"] = stamp[:14] + "fffe" + stamp[18:]
					twin["n"] = 900000 + len(stamp)
					op := twin["ops"].([]any)[0].(map[string]any)
					op["id"] = "z" + op["id"].(string)[1:]
					return append(list, twin)
				}
				return nil
			})
		}},
		{3, "[INV-3] a verdict that is asked for again is another one", 0, again, func() *Tamper {
			return verdicts(func(_ *run, _ *phone, v map[string]any) bool {
				if v["replayed"] == true && v["verdict"] == wire.Applied {
					v["verdict"] = wire.Merged
					return true
				}
				return false
			})
		}},
		{4, "[INV-4] the server puts one mutation off for ever", 0, again, func() *Tamper {
			return verdicts(func(_ *run, p *phone, v map[string]any) bool {
				if p.i == 0 && v["verdict"] == wire.Applied {
					v["verdict"], v["code"] = wire.Deferred, wire.CodeMissingDependency
					delete(v, "seq")
					return true
				}
				return false
			})
		}},
		{5, "[INV-5] what is refused is kept nowhere", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "quarantine") })
		}},
		{6, "[INV-6] of two changes of a phone the earlier one comes later, and wins", 0, twice, func() *Tamper {
			pushes := 0
			return mutations(func(_ *run, p *phone, list []any) []any {
				if p.i != 1 || len(list) == 0 {
					return nil
				}
				if pushes++; pushes == 1 && len(list) == 2 {
					return list[1:]
				}
				list[0].(map[string]any)["offset"] = 3_600_000
				return list
			})
		}},
		{7, "[INV-7] a report is made without its triage", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "triage") })
		}},
		{8, "[INV-8] a record is written without its clock", 1, nil, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "journal_clock") })
		}},
		{9, "[INV-9] one record is never told of", 1, nil, func() *Tamper {
			return pulls(func(_ *run, p *phone, m map[string]any) bool {
				delete(m, "digests")
				changesOf(m, func(c map[string]any) bool { return p.i != 1 || c["id"] != siteA2 })
				return true
			})
		}},
		{10, "[INV-10] the digests are those of another view", 1, nil, func() *Tamper {
			return pulls(func(_ *run, _ *phone, m map[string]any) bool {
				d, ok := m["digests"].(map[string]any)
				if ok {
					delete(d, "sites")
				}
				return ok
			})
		}},
		{11, "[INV-11] a worker gets somebody else's report", 0, neighbours, func() *Tamper {
			return pulls(func(r *run, p *phone, m map[string]any) bool {
				rows := r.server.query("SELECT id, author FROM observations WHERE author <> ? LIMIT 1", p.person)
				if p.i != 0 || p.person == "" || len(rows) == 0 {
					return false
				}
				list, _ := m["changes"].([]any)
				m["changes"] = append(list, map[string]any{"collection": "observations", "id": rows[0][0], "seq": 1,
					"record": map[string]any{"id": rows[0][0]}})
				return true
			})
		}},
		{11, "[INV-11] a carrier is told what it carried", 0, carried, func() *Tamper {
			return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
				rows := r.server.query("SELECT note FROM submissions")
				if path != "/api/sync/recovery" || status != 200 || len(rows) == 0 {
					return nil
				}
				return edited(body, func(m map[string]any) bool { m["note"] = rows[0][0]; return true })
			}}
		}},
		{12, "[INV-12] who has lost a scope is not told to begin anew", 0, moved, func() *Tamper {
			return pulls(func(r *run, _ *phone, m map[string]any) bool {
				if r.model.changes == 0 || m["reset"] != true {
					return false
				}
				m["reset"] = false
				return true
			})
		}},
		{13, "[INV-13] who has gained a scope gets nothing old", 0, moved, func() *Tamper {
			return pulls(func(r *run, _ *phone, m map[string]any) bool {
				return r.model.changes > 0 && m["reset"] == true && changesOf(m, func(c map[string]any) bool { return c["collection"] != "sites" })
			})
		}},
		{14, "[INV-14] an older version comes after a newer one", 1, nil, func() *Tamper {
			var old map[string]any
			return pulls(func(_ *run, p *phone, m map[string]any) bool {
				list, _ := m["changes"].([]any)
				for _, c := range list {
					if change := c.(map[string]any); change["id"] == siteA1 && p.i == 1 {
						old = map[string]any{"collection": "sites", "id": siteA1, "seq": json.Number("1"), "record": change["record"]}
					}
				}
				if p.i != 1 || len(list) > 0 || old == nil {
					return false
				}
				m["changes"] = []any{old}
				return true
			})
		}},
		{15, "[INV-15] an edit of one field puts back another", 0, once, func() *Tamper {
			return onServer(Sync, "UPDATE sites SET address = '', notes = '', industry = '' WHERE address LIKE 'mk%' OR notes LIKE 'mk%' OR industry LIKE 'mk%'")
		}},
		{16, "[INV-16] the value that lost is forgotten", 0, rivals, func() *Tamper {
			return sqlOnServer(func(_ *run, q string) bool { return inserts(q, "conflicts") })
		}},
		{16, "[INV-16] of two claims in one moment both are said to hold", 0, claims, func() *Tamper {
			return verdicts(func(_ *run, _ *phone, v map[string]any) bool {
				if v["code"] != wire.CodeTaken {
					return false
				}
				v["verdict"], v["seq"] = wire.Applied, 1
				return drop(v, "code")
			})
		}},
		{17, "[INV-17] what was deleted is made again", 0, deleted, func() *Tamper {
			return onServer(Sync, `INSERT INTO journal_entry (seq, mut, at, collection, record, op, actor, device, stamp, content_hash, hash)
				SELECT (SELECT max(seq) + 1 FROM journal_entry), mut, at, collection, record, 'create', actor, device, stamp || 'x', content_hash, hash
				FROM journal_entry WHERE op = 'delete' LIMIT 1`)
		}},
		{18, "[INV-18] who comes back after 401 days gets what is new, and nothing of what has gone", 0, asleep, func() *Tamper {
			return pulls(func(r *run, _ *phone, m map[string]any) bool {
				if r.at == 0 || m["reset"] != true {
					return false
				}
				m["reset"] = false
				return true
			})
		}},
		{19, "[INV-19] phones do not send again what the server lost", 0, restored, func() *Tamper {
			return &Tamper{PhoneSQL: func(_ *run, _ *phone, q string, _ []any) (string, bool) {
				return "", strings.HasPrefix(q, "UPDATE outbox SET state = 'waiting'") && strings.Contains(q, "'acknowledged'")
			}}
		}},
		{20, "[INV-20] a server that went back does not say so", 0, restored, func() *Tamper {
			return &Tamper{Answer: func(_ *run, _ *phone, path string, status int, body []byte) []byte {
				return edited(body, func(m map[string]any) bool {
					if m["rewound"] != true {
						return false
					}
					delete(m, "rewound")
					return true
				})
			}}
		}},
		{21, "[INV-21] a clock is taken at its word", 0, wrongClock, func() *Tamper {
			return mutations(func(_ *run, _ *phone, list []any) []any {
				for _, m := range list {
					m.(map[string]any)["offset"] = 0
				}
				return list
			})
		}},
		{22, "[INV-22] a copy of a phone is taken for the phone", 0, twins, func() *Tamper {
			return &Tamper{Answer: func(r *run, p *phone, path string, status int, body []byte) []byte {
				if path == "/api/sync/push" && status == 409 {
					// The answer of a server that looks at the number alone.
					return fmt.Appendf(nil, `{"epoch":"x","now":%q,"mark":"x","durableSeq":0,"verdicts":[{"n":1,"verdict":"applied","seq":1}]}`,
						r.now().UTC().Format(wire.TimeFormat))
				}
				return edited(body, func(m map[string]any) bool { return m["rewound"] == true && status == 200 && drop(m, "rewound") })
			}}
		}},
		{23, "[INV-23] the app of an older schema is shut out", 0, aged, func() *Tamper {
			return verdicts(func(_ *run, _ *phone, v map[string]any) bool {
				if v["verdict"] == wire.Applied {
					v["verdict"], v["code"] = wire.Refused, wire.CodeInvalid
					return drop(v, "seq")
				}
				return false
			})
		}},
		{24, "[INV-24] each pull is a full one", 0, once, func() *Tamper {
			// A cursor that no server knows: the next pull begins anew, and so does the one after it.
			return pulls(func(_ *run, _ *phone, m map[string]any) bool {
				if m["more"] == true {
					return false
				}
				m["cursor"] = "nobody's"
				return true
			})
		}},
		{25, "[INV-25] a batch is never small enough", 0, batches, func() *Tamper {
			return &Tamper{Status: func(r *run, p *phone, path string, status int) (int, []byte) {
				if path == "/api/sync/push" && p.lastBatch > 1 {
					return 413, []byte(`{"status":413,"message":"x","data":{},"code":"too_large","hint":"x","retry":"split"}`)
				}
				return status, nil
			}}
		}},
		{26, "[INV-26] a write goes past the journal", 1, nil, func() *Tamper {
			return onServer(Sync, "UPDATE sites SET venue = 'elsewhere' WHERE id = '"+siteB2+"'")
		}},
		{27, "[INV-27] a push that was committed is answered busy", 1, nil, func() *Tamper {
			n := 0
			return &Tamper{Status: func(_ *run, _ *phone, path string, status int) (int, []byte) {
				if n++; path == "/api/sync/push" && status == 200 && n%3 == 0 {
					return 503, []byte(`{"status":503,"message":"x","data":{},"code":"busy","hint":"x","retry":"later"}`)
				}
				return status, nil
			}}
		}},
		{27, "[INV-27] somebody is enrolled and told that the server is busy", 0, newcomer, func() *Tamper {
			return &Tamper{Status: func(_ *run, p *phone, path string, status int) (int, []byte) {
				if path == "/api/sync/enroll" && status == 200 && p.invite != "" {
					return 503, []byte(`{"status":503,"message":"x","data":{},"code":"busy","hint":"x","retry":"later"}`)
				}
				return status, nil
			}}
		}},
		{27, "[INV-27] an invite is used up, and no device is made", 0, newcomer, func() *Tamper {
			return sqlOnServer(func(r *run, q string) bool { return len(r.phones) > r.script.Phones && inserts(q, "devices") })
		}},
		{4, "[INV-4] a phone that tries again enrols as another one", 0, newcomer, func() *Tamper {
			tries := 0
			return &Tamper{Request: func(_ *run, p *phone, path string, body []byte) []byte {
				if path != "/api/sync/enroll" || p.invite == "" {
					return nil
				}
				tries++
				return edited(body, func(m map[string]any) bool {
					device := m["device"].(map[string]any)
					device["id"] = fmt.Sprintf("%.14s%d", device["id"], tries)
					return true
				})
			}}
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			script := Plan(f.seed)
			if f.script != nil {
				script = f.script()
			}
			tamper := f.tamper()
			tamper.Until = f.inv
			res, err := play(t, script, tamper, *trace)
			for _, line := range res.Log {
				t.Log(line)
			}
			if !caught(res.Failures, f.inv) {
				t.Errorf("not caught; the run found %v, error %v", res.Failures, err)
			}
		})
	}
	t.Run("[INV-28] a build that takes chance from elsewhere is caught", func(t *testing.T) {
		chance := func() *Tamper {
			return &Tamper{After: func(r *run, _ *Step) { r.note("%d", rand.Int()) }}
		}
		one, err := play(t, restored(), chance(), false)
		if err != nil {
			t.Fatal(err)
		}
		two, err := play(t, restored(), chance(), false)
		if err != nil {
			t.Fatal(err)
		}
		if one.Trace == two.Trace {
			t.Error("the traces are the same")
		}
	})
	for name, script := range map[string]func() *Script{"moved": moved, "rivals": rivals, "restored": restored, "wrongClock": wrongClock, "twins": twins,
		"again": again, "once": once, "neighbours": neighbours, "twice": twice, "deleted": deleted, "asleep": asleep, "aged": aged, "batches": batches,
		"quota": quota, "crowded": crowded, "carried": carried, "claims": claims, "newcomer": newcomer} {
		t.Run("[INV-28] the script holds and repeats itself when no rule is broken: "+name, func(t *testing.T) {
			one, err := play(t, script(), nil, *trace)
			report(t, script(), one, err)
			two, err := play(t, script(), nil, false)
			if err != nil || one.Trace != two.Trace {
				t.Errorf("trace %s and then %s: %v", one.Trace, two.Trace, err)
			}
		})
	}
}

// forget lets a phone that is switched off lose what waits on it.
func (p *phone) forget() {
	db, err := sql.Open("sqlite", filepath.Join(p.folder, "store.db"))
	if err != nil {
		panic(err)
	}
	if _, err := db.Exec("DELETE FROM outbox WHERE state = 'waiting'"); err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
}

func caught(failures []string, inv int) bool {
	for _, f := range failures {
		if strings.HasPrefix(f, fmt.Sprintf("[INV-%d] ", inv)) {
			return true
		}
	}
	return false
}
