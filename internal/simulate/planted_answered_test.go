package simulate

import (
	"encoding/json"
	"fmt"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// plantedAnswered are faults of what the server answers.
func plantedAnswered() []planted {
	return []planted{
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
		{16, "[INV-16] of two claims in one moment both are said to hold", 0, claims, func() *Tamper {
			return verdicts(func(_ *run, _ *phone, v map[string]any) bool {
				if v["code"] != wire.CodeTaken {
					return false
				}
				v["verdict"], v["seq"] = wire.Applied, 1
				return drop(v, "code")
			})
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
	}
}
