package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing/synctest"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// What a server under strain does, see Strain.
const (
	Busy  = "busy"  // answers most requests with `busy`; as a fault of one request: this one
	Rates = "rates" // counts requests from one place and answers `slow_down` to what is too much; as a fault: this one
	Small = "small" // takes less in one request than it said
	Quota = "quota" // has no more room for what is refused of the phone's person
)

// The size of what a server takes that takes less: more than any one mutation of a run.
const smallBytes = 6000

// planStrain lets the server have too much to do for a while, in which people
// save and sync; some of it goes on until all heals.
func planStrain(g *rand.Rand, s *Script) {
	if g.IntN(3) > 0 {
		return
	}
	what := []string{Busy, Rates, Small, Quota}[g.IntN(4)]
	who := []int{0, 3, 5}[g.IntN(3)]
	at := g.IntN(len(s.Steps) * 3 / 4)
	s.insert(at, Step{Do: Strain, What: what, Who: who, N: g.IntN(3), Seed: g.Uint64()})
	for range 2 + g.IntN(3) {
		i := who
		if g.IntN(3) == 0 {
			i = busy[g.IntN(len(busy))] % s.Phones
		}
		save := Step{Do: Save, What: "report", Who: i, N: 2 + g.IntN(5), Seed: g.Uint64()}
		if list := acts[i]; what != Quota || i != who {
			save.What = list[g.IntN(len(list))]
		} else if g.IntN(3) > 0 {
			save.What = "broken"
		}
		at++
		s.insert(at, save)
		at++
		sync := Step{Do: Sync, Who: i, With: []int{i}, Seed: g.Uint64()}
		switch g.IntN(6) {
		case 0, 1:
			sync.Faults = planFaults(g, 1)
		case 2:
			sync.Faults = []Fault{{At: g.IntN(2), Kind: Stall}}
		}
		s.insert(at, sync)
	}
	if g.IntN(3) > 0 {
		s.insert(at+1+g.IntN(len(s.Steps)-at), Step{Do: Calm, Seed: g.Uint64()})
	}
}

// planRivals lets two coordinators at their boards claim a new report in one moment.
func planRivals(g *rand.Rand, s *Script) {
	if g.IntN(4) > 0 {
		return
	}
	at, who := g.IntN(len(s.Steps)), []int{0, 3}[g.IntN(2)]
	for _, p := range []Step{{Do: Save, What: "report", Who: who, N: 1}, {Do: Sync, Who: who, With: []int{who, 1, 2}},
		{Do: Save, What: "first", Who: 1, N: 1}, {Do: Save, What: "first", Who: 2, N: 1},
		{Do: Sync, Who: 1, With: []int{1, 2}, Together: true}} {
		p.Seed = g.Uint64()
		s.insert(at, p)
		at++
	}
}

// planDesks lets two coordinators write about one site, neither of them knowing of
// the other, in a third of the seeds.
func planDesks(s *Script) {
	g := rand.New(rand.NewPCG(s.Seed, 0x6465736b))
	if g.IntN(3) > 0 {
		return
	}
	at := g.IntN(len(s.Steps))
	for _, p := range []Step{{Do: Save, What: "front", Who: 1, N: 1 + g.IntN(3)}, {Do: Save, What: "front", Who: 2, N: 1 + g.IntN(3)},
		{Do: Sync, Who: 1, With: []int{1, 2}, Together: g.IntN(2) == 0, Faults: planFaults(g, 2)}} {
		p.Seed = g.Uint64()
		s.insert(at, p)
		at++
	}
}

// planCarry lets what a phone holds go out through somebody else's.
func planCarry(g *rand.Rand, s *Script) {
	if g.IntN(4) > 0 {
		return
	}
	at, who := g.IntN(len(s.Steps)), []int{0, 3, 4, 4, 5}[g.IntN(5)]
	list := acts[who]
	s.insert(at, Step{Do: Save, What: list[g.IntN(len(list))], Who: who, N: 1 + g.IntN(3), Seed: g.Uint64()})
	s.insert(at+1, Step{Do: Carry, Who: who, With: []int{g.IntN(s.Phones)}, N: g.IntN(2), Seed: g.Uint64(), Faults: planFaults(g, 1)})
}

// strain is what the server has too much of.
type strain struct {
	what string
	n    int
}

// tense puts the server under strain.
func (r *run) tense(s *Step) error {
	if err := r.calm(); err != nil {
		return err
	}
	r.strain = strain{s.What, s.N}
	r.note("strain: %s %d", s.What, s.N)
	if p := r.phone(s.Who); s.What == Quota && p != nil && p.device != "" && !r.server.disk.full {
		// Somebody else's text would fill it as well; here one line of the ledger does.
		return r.write("INSERT INTO journal_held (quarantine, device, n, bytes) VALUES ('" + filling + p.name + "', '" + r.server.s.Key.Device(p.device) + "', 0, 10000000)")
	}
	r.bear()
	return nil
}

// filling begins the id of what only takes room in quarantine.
const filling = "fillingroom"

// calm ends all strain.
func (r *run) calm() error {
	if r.strain.what != "" {
		r.note("calm")
	}
	r.strain = strain{}
	r.bear()
	return r.makeRoom()
}

// makeRoom takes out what only took room: it comes back with a backup of then.
func (r *run) makeRoom() error {
	if len(r.server.query("SELECT 1 FROM journal_held WHERE quarantine LIKE '"+filling+"%'")) == 0 || r.server.disk.full {
		return nil
	}
	return r.write("DELETE FROM journal_held WHERE quarantine LIKE '" + filling + "%'")
}

// write changes the server's own books from inside.
func (r *run) write(query string) error {
	_, err := r.server.app.NonconcurrentDB().NewQuery(query).Execute()
	return err
}

// bear gives the server's process the limits that go with the strain: it reads
// them at each request, and a new process begins with its own.
func (r *run) bear() {
	limits := wire.DefaultLimits
	if n := r.script.Limit; n > 0 {
		limits.Mutations, limits.Changes = n, n
	}
	rates := core.RateLimitsConfig{}
	switch r.strain.what {
	case Small:
		limits.Mutations, limits.Bytes, limits.Inflated = min(limits.Mutations, 2+r.strain.n), smallBytes, smallBytes
	case Rates:
		rates = core.RateLimitsConfig{Enabled: true, Rules: []core.RateLimitRule{{Label: "/api/sync/", MaxRequests: 2 + r.strain.n/2, Duration: 5}}}
	}
	r.server.s.Exchange.Limits = limits
	r.server.app.Settings().RateLimits = rates
}

// turnedAway is the answer of a server that has too much to do, nil when it takes
// the request.
func (r *run) turnedAway(l *letter, faults []Fault) *reply {
	for _, f := range faults {
		switch f.Kind {
		case Busy, Rates:
			return r.away(l, f.Kind, f.Arg)
		}
	}
	if r.strain.what == Busy && !r.healing && (l.p.i+r.at+l.ordinal+r.strain.n)%3 > 0 {
		return r.away(l, Busy, r.strain.n)
	}
	return nil
}

func (r *run) away(l *letter, kind string, arg int) *reply {
	r.note("%s %s turned away: %s", l.p.name, l.path, kind)
	status, code := http.StatusServiceUnavailable, "busy"
	if kind == Rates {
		status, code = http.StatusTooManyRequests, "slow_down"
	}
	if l.path == "/api/sync/push" && l.mutations() > 0 {
		l.p.turned++
	}
	return &reply{cut: -1, answer: answer{status, http.Header{"Content-Type": {"application/json"}, "Retry-After": {fmt.Sprint(5 + 30*arg)}},
		fmt.Appendf(nil, `{"status":%d,"message":"x","data":{},"code":%q,"hint":"x","retry":"later"}`, status, code)}}
}

// stall keeps the server's writer waiting until the phone has given up on its
// request. Then the writer goes on, and does what it was asked for or not:
// nobody hears of it.
func (r *run) stall(l *letter) {
	r.note("%s %s waits for too long", l.p.name, l.path)
	held := r.server.disk
	held.close()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	l.within = ctx
	var a answer
	go func() { a = r.ask(l) }()
	synctest.Wait()
	time.Sleep(patience + time.Second) // of the bubble, by which the phone waits
	r.pass(patience + time.Second)
	synctest.Wait()
	leave()
	synctest.Wait()
	held.release()
	synctest.Wait()
	r.res.Requests++
	if held.isDead() {
		if err := r.fallen(); err != nil {
			panic(err)
		}
		return
	}
	held.disarm()
	r.note("%s %s is over: %d", l.p.name, l.path, a.status)
	if a.status == http.StatusOK { // what is told to nobody may be anything, but for verdicts
		r.model.answered(l, &a)
	}
}

// patience is how long a phone waits for an answer.
const patience = time.Minute

// carry takes what a phone holds, sealed, through somebody else's session. The
// carrier sees none of it, and the phone notes nothing: it sends all of it again.
func (r *run) carry(s *Step, p *phone) error {
	q := r.phone(s.With[0])
	if q == nil || q == p || q.shut() || q.person == "" || p.person == "" || !r.ready(p) || !r.ready(q) {
		return nil
	}
	var file bytes.Buffer
	out, err := p.d.ExportRecovery(&file, s.N%2 == 1)
	if err != nil || out.Mutations == 0 {
		return p.soft(err)
	}
	was := r.signedOut(p.device)
	var told client.Delivered
	r.drive(s, act{q, func() (err error) {
		told, err = q.d.DeliverRecovery(context.Background(), bytes.NewReader(file.Bytes()))
		return err
	}})
	if r.up {
		r.server.disk.disarm()
	}
	received, later, attention := told.Count()
	r.note("%s carries %d of %s: %s, %d received, %d later, %d refused", q.name, out.Mutations, p.name, r.saying(q.err), received, later, attention)
	if q.err == nil && len(told.Verdicts) != out.Mutations {
		r.fail(4, "%s carried %d of %s and was told of %d", q.name, out.Mutations, p.name, len(told.Verdicts))
	}
	for _, v := range told.Verdicts {
		if was && !v.Replayed && (v.Verdict == wire.Applied || v.Verdict == wire.Merged) {
			r.fail(12, "%s is signed out, and number %d of it took effect through %s", p.name, v.N, q.name)
		}
	}
	return nil
}

// tight notes that a phone was told of smaller limits than the server's: it keeps
// to them.
func (m *model) tight(l *letter, body []byte) {
	var told struct {
		Limits *wire.Limits `json:"limits"`
	}
	if json.Unmarshal(body, &told) != nil || told.Limits == nil {
		return
	}
	n := told.Limits.Mutations
	if told.Limits.Bytes == smallBytes {
		n = 1 // as many as fit
	}
	if l.p.limit == 0 || n < l.p.limit {
		l.p.limit = n
	}
}

// newest gives the newest report that nobody has claimed.
func newest(all []client.Record) *client.Record {
	slices.Reverse(all)
	for i := range all {
		if by, _ := all[i].Fields["claimed_by"].(string); by == "" {
			return &all[i]
		}
	}
	return nil
}

// checkClaims: of those who claim a report one is told that it is theirs, and it
// is (INV-16): whoever comes second and has not seen that is told so. To claim
// what one had already changes nothing (MERGE-6), whoever took it over since.
func (m *model) checkClaims(l *letter, ops json.RawMessage, v wire.Verdict) {
	var made []client.Op
	if v.Replayed || v.Verdict != wire.Applied && v.Verdict != wire.Merged || json.Unmarshal(ops, &made) != nil {
		return
	}
	for _, op := range made {
		by, ok := op.Fields["claimed_by"].(string)
		if !ok || op.Op != wire.OpUpdate || op.Collection != "triage" || m.r.server.claimant(op.ID, op.Base, by) == by {
			continue
		}
		for _, row := range m.r.server.query("SELECT claimed_by FROM triage WHERE id = ?", op.ID) {
			if text(row[0]) != by {
				m.r.fail(16, "%s was told that its claim holds, and the report is somebody else's", l.p.name)
			}
		}
	}
}

// claimant is whose a report was as far as a person knew at base: by what had
// been written then, and by what they wrote themselves since.
func (v *server) claimant(triage string, base int64, person string) string {
	found := ""
	for _, row := range v.query(`SELECT c.body FROM journal_entry e JOIN journal_content c ON c.seq = e.seq
		WHERE e.collection = 'triage' AND e.record = ? AND (e.seq <= ? OR e.actor = ?) ORDER BY e.seq`, triage, base, person) {
		var content struct {
			Fields map[string]any `json:"fields"`
		}
		if json.Unmarshal([]byte(text(row[0])), &content) == nil {
			if by, ok := content.Fields["claimed_by"].(string); ok {
				found = by
			}
		}
	}
	return found
}
