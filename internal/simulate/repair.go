package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing/synctest"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// planRepairs adds reports that are refused, with what depends on them, what
// coordinators and the operator do about it, and phones that are signed out.
func planRepairs(g *rand.Rand, s *Script) {
	for range g.IntN(3) {
		w := g.IntN(3)
		who := []int{0, 3, 5}[w] // of one organization with those who deal with it
		at := g.IntN(len(s.Steps) - 4)
		s.insert(at, Step{Do: Save, What: "broken", Who: who, N: 1, Seed: g.Uint64()})
		s.insert(at+1, Step{Do: Save, What: "addendum", Who: who, N: 1 + g.IntN(2), Seed: g.Uint64()})
		s.insert(at+2, Step{Do: Sync, With: []int{who}, Who: who, Seed: g.Uint64()})
		by := [][]int{{1, 1, 2, -1}, {1, 2, 2, -1}, {6, 6, 6, -1}}[w][g.IntN(4)]
		for range 1 + g.IntN(2) {
			later := at + 3 + g.IntN(len(s.Steps)-at-2)
			s.insert(later, Step{Do: []string{Release, Release, Adopt}[g.IntN(3)], Who: by, N: g.IntN(8), Seed: g.Uint64()})
		}
	}
	if g.IntN(3) == 0 {
		at := len(s.Steps)/2 + g.IntN(len(s.Steps)/2)
		s.insert(at, Step{Do: Revoke, Who: []int{0, 3, 4, 5, 7}[g.IntN(5)], Seed: g.Uint64()})
	}
}

// deal releases or adopts the N-th of what is held, by Who's person or at the
// server's command line; with an odd N with other ops in place of what was kept.
func (r *run) deal(s *Step) error {
	held := r.server.query("SELECT id FROM quarantine q JOIN journal_clock c ON c.collection = 'quarantine' AND c.record = q.id WHERE q.state = 'held' ORDER BY c.created")
	if len(held) == 0 {
		return nil
	}
	id := text(held[s.N%len(held)][0])
	who, token := "command line", ""
	if s.Who >= 0 {
		p := r.phone(s.Who)
		if p == nil || p.person == "" || p.shut() || !r.ready(p) {
			return nil
		}
		var err error
		if token, err = p.token(); err != nil {
			return err
		}
		who = p.name
	} else if s.Do == Adopt {
		return nil // the command line is nobody
	}
	before, err := r.server.head()
	if err != nil {
		return err
	}
	repair := exchange.Repair{ID: id}
	var body any
	if s.N%2 == 1 {
		if repair.Ops = r.mended(id); repair.Ops != nil {
			body = wire.RepairRequest{Ops: repair.Ops}
		}
	}
	var done wire.Repaired
	status := http.StatusOK
	go func() {
		if token == "" {
			var one *wire.Repaired
			if one, err = r.server.s.Exchange.Release(context.Background(), repair); one != nil {
				done = *one
			}
			return
		}
		status, err = r.server.rest(http.MethodPost, "/api/sync/quarantine/"+id+"/"+s.Do, token, body, &done)
	}()
	synctest.Wait()
	if err != nil && r.server.disk.full {
		r.note("%s of a refused mutation by %s: no room", s.Do, who)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.Do, err)
	}
	after, err := r.server.head()
	if err != nil {
		return err
	}
	r.note("%s of a refused mutation by %s: %d %s %s, %d followed", s.Do, who, status, done.State, done.Verdict.Code, len(done.Followed))
	if status == http.StatusOK && after == before {
		r.fail(26, "%s by %s was answered %s and left no entry", s.Do, who, done.State)
	}
	for _, one := range append([]wire.Repaired{done}, done.Followed...) {
		r.model.repaired(one)
	}
	return nil
}

// mended is what is held with the reports in it put right; nil if there is none.
func (r *run) mended(id string) []any {
	rows := r.server.query("SELECT mutation FROM quarantine WHERE id = ?", id)
	var kept struct {
		Ops []map[string]any `json:"ops"`
	}
	if len(rows) == 0 || json.Unmarshal([]byte(text(rows[0][0])), &kept) != nil {
		return nil
	}
	var ops []any
	for _, op := range kept.Ops {
		fields, _ := op["fields"].(map[string]any)
		if op["collection"] != "observations" || fields == nil {
			return nil
		}
		delete(fields, "author")
		fields["event_time"] = "2026-02-07T04:30:00.000Z"
		fields["indicators"] = []any{map[string]any{"indicator": "core.01", "basis": "saw"}}
		ops = append(ops, op)
	}
	return ops
}

// repaired: what somebody released or adopted needs nobody's attention any
// more. Released it is its author's own act.
func (m *model) repaired(one wire.Repaired) {
	if one.State == "" || one.State == "held" {
		return
	}
	stored := ""
	for _, row := range m.r.server.query("SELECT stamp, more FROM journal_receipt WHERE verdict = 'refused'") {
		var more struct {
			Quarantine string `json:"quarantine"`
		}
		if json.Unmarshal([]byte(text(row[1])), &more) == nil && more.Quarantine == one.ID {
			stored = text(row[0])
		}
	}
	for _, p := range m.r.phones {
		for _, s := range m.saves[p] {
			if stored == "" || stored != m.r.stored(s.stamp) && stored != m.r.server.s.Key.Stamp(s.stamp) {
				continue
			}
			m.touchedByPerson(p, s.stamp)
			m.dealt[s.stamp] = true
			if one.State == "released" {
				m.taken[s.stamp+" "+s.mark] = s.ops
			}
		}
	}
}

// revoke signs the phone's device out, as the operator does for one that is
// lost. What it still holds it may hand in (PUSH-10); it sees nothing any more.
func (r *run) revoke(p *phone) error {
	if p.person == "" || p.role == access.Admin || !r.ready(p) {
		return nil
	}
	st, err := p.d.Status()
	if err != nil {
		return err
	}
	go func() {
		_, err = r.server.s.Devices.Revoke(devices.Loss{Device: st.Device, Act: records.Act{Reason: "lost"}})
	}()
	synctest.Wait()
	if err != nil && !r.server.disk.full {
		return fmt.Errorf("revoke %s: %w", p.name, err)
	}
	r.note("%s is signed out: %v", p.name, err == nil)
	return r.refresh()
}

// signedOut tells whether the server does not let a device in any more.
func (r *run) signedOut(device string) bool {
	d, err := r.server.s.Store.FindDevice(device)
	return err == nil && d != nil && d.Revoked
}

// checkSignedOut: who is signed out gets nothing, and nothing of theirs takes
// effect until somebody has looked at it (INV-12).
func (m *model) checkSignedOut(l *letter, status int, body []byte) {
	var asked struct {
		Device string `json:"device"`
	}
	if m.r.server == nil || json.Unmarshal(l.plainBody(), &asked) != nil {
		return
	}
	if !l.ghost() {
		l.p.device = asked.Device
	}
	if !m.r.signedOut(asked.Device) {
		return
	}
	if !l.ghost() {
		l.p.revoked = true // a copy of a phone goes with it
	}
	if status != http.StatusOK {
		return
	}
	if l.path == "/api/sync/pull" {
		m.r.fail(12, "%s is signed out and was answered a pull", l.p.name)
		return
	}
	var got wire.PushAnswer
	if json.Unmarshal(body, &got) != nil {
		return
	}
	for _, v := range got.Verdicts {
		if !v.Replayed && (v.Verdict == wire.Applied || v.Verdict == wire.Merged) {
			m.r.fail(12, "%s is signed out, and number %d of it took effect", l.p.name, v.N)
		}
	}
}
