package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
)

// plantedPhones are faults of what phones do, keep and send.
func plantedPhones() []planted {
	return []planted{
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
		{19, "[INV-19] phones do not send again what the server lost", 0, restored, func() *Tamper {
			return &Tamper{PhoneSQL: func(_ *run, _ *phone, q string, _ []any) (string, bool) {
				return "", strings.HasPrefix(q, "UPDATE outbox SET state = 'waiting'") && strings.Contains(q, "'acknowledged'")
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
	}
}
