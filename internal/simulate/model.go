package simulate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// model remembers what nobody in the run remembers as a whole: what each
// person saved, each verdict that left the server, each body that came.
type model struct {
	r        *run
	saves    map[*phone][]*saveOf
	all      []*saveOf
	verdicts map[string]string           // by stamp and content
	parked   map[*phone]map[string]bool  // stamps
	dealt    map[string]bool             // stamps of what was released or adopted: the phone learns of it by pull, some day
	reads    map[*phone]map[string]int64 // record -> newest version that was shown
	epochs   map[*phone]string           // of reads
	gone     map[string]int64            // collection/id -> seq of its delete
	changes  int                         // of people's scopes
	maybe    map[string]*saveOf          // by mark, what phones were saving when they died
	taken    map[string][]client.Op      // ops as they were sent and taken, by stamp and mark: twins make the same stamps
	backs    int                         // how often the server went back
	least    int64                       // the lowest seq that it went back to
	ahead    map[*phone]bool             // phones that know more than the server does since it went back
}

// saveOf is a mutation that a phone acknowledged as saved.
type saveOf struct {
	what, mark, stamp string
	ops               []client.Op
	at                time.Time // true time
	measured          bool      // the phone knew how far its clock was off
	byPerson          bool      // somebody sent it again or released it
	owner             *phone
	place             int // in the order of the owner's saves
}

func newModel(r *run) *model {
	return &model{r: r, saves: map[*phone][]*saveOf{}, verdicts: map[string]string{}, parked: map[*phone]map[string]bool{}, dealt: map[string]bool{},
		reads: map[*phone]map[string]int64{}, epochs: map[*phone]string{}, gone: map[string]int64{}, ahead: map[*phone]bool{}, maybe: map[string]*saveOf{}, taken: map[string][]client.Op{}}
}

func (m *model) saved(p *phone, what, mark string, ops []client.Op, s client.Saved) {
	one := &saveOf{what: what, mark: mark, stamp: s.Stamp, ops: ops, at: m.r.now(), measured: p.measured && p.skew == p.knownSkew, owner: p, place: 2 * len(m.saves[p])}
	m.saves[p] = append(m.saves[p], one)
	p.moved = true
	m.all = append(m.all, one)
}

// perhaps: the phone died while it saved. The save was not acknowledged; if it
// is there all the same, its first push tells.
func (m *model) perhaps(p *phone, what, mark string) {
	m.maybe[mark] = &saveOf{what: what, mark: mark, at: m.r.now(), owner: p, place: 2*len(m.saves[p]) - 1}
}

// touchedByPerson: a person dealt with a parked mutation.
func (m *model) touchedByPerson(p *phone, stamp string) {
	delete(m.parked[p], stamp)
	for _, s := range m.saves[p] {
		s.byPerson = s.byPerson || s.stamp == stamp
	}
}

// forked: the copy holds what the original held.
func (m *model) forked(p, q *phone) {
	m.saves[q] = slices.Clone(m.saves[p])
	m.parked[q] = map[string]bool{}
	for s := range m.parked[p] {
		m.parked[q][s] = true
	}
}

// wentBack: the server has forgotten what it did since the backup.
func (m *model) wentBack(b *backup, head int64) {
	m.backs++
	if m.backs == 1 || b.head < m.least {
		m.least = b.head
	}
	m.verdicts = maps.Clone(b.verdicts)
	for _, p := range m.r.phones {
		p.head = 0
		if m.ahead[p] = p.mark > 0 && m.r.hashAt(p.mark) != p.markHash; !m.ahead[p] {
			delete(m.ahead, p)
		}
	}
}

// pushed is a push as the server got it.
type pushed struct {
	Device    string `json:"device"`
	Mutations []struct {
		N      int64           `json:"n"`
		Stamp  string          `json:"stamp"`
		Schema int             `json:"schema"`
		Ops    json.RawMessage `json:"ops"`
	} `json:"mutations"`
}

// ghost tells that nobody hears the answer: the network has kept the request
// back, and it says what the phone knew long ago.
func (l *letter) ghost() bool { return l.done == nil }

// mutations counts those of a push.
func (l *letter) mutations() int {
	var asked pushed
	if json.Unmarshal(l.plainBody(), &asked) != nil {
		return 0
	}
	return len(asked.Mutations)
}

func contentKey(stamp string, ops []byte) string {
	sum := sha256.Sum256(ops)
	return stamp + " " + hex.EncodeToString(sum[:6])
}

// answered sees each answer as it leaves the server, whether it arrives or not.
func (m *model) answered(l *letter, a *answer) {
	body := a.plain()
	m.checkRewound(l, a, body)
	if l.path == "/api/sync/push" || l.path == "/api/sync/pull" {
		m.checkSignedOut(l, a.status, body)
	}
	if l.enrols() {
		m.enrolled(l, a, body)
	}
	switch {
	case l.path == "/api/sync/push" && a.status == http.StatusOK:
		l.p.moved = true
		l.p.pushes++
		m.pushAnswered(l, body)
	case l.path == "/api/sync/push":
		l.p.pushes++
		m.pushRefused(l, a, body)
	case l.path == "/api/sync/pull" && a.status == http.StatusOK:
		m.pullAnswered(l, body)
	default:
		m.r.note("%s %s %d %s", l.p.name, l.path, a.status, codeOf(body))
	}
	m.r.checkLeak(l, body)
}

// checkRewound: a phone that knows of more than the server has is told at its
// next contact, however far the server has grown since (INV-20).
func (m *model) checkRewound(l *letter, a *answer, body []byte) {
	if l.path != "/api/sync/push" && l.path != "/api/sync/pull" || a.status != http.StatusOK || l.ghost() {
		return
	}
	if m.r.server != nil {
		l.p.heard = m.r.headNow()
		l.p.heardHash = m.r.hashAt(l.p.heard)
	}
	var got struct {
		Rewound bool `json:"rewound"`
	}
	if json.Unmarshal(body, &got) != nil {
		return
	}
	mark := l.p.mark
	l.p.mark = 0     // it is another one now, or not: a sync that ends well will tell
	if got.Rewound { // a snapshot that was put back keeps its epoch
		l.p.anew = true
	}
	if !m.ahead[l.p] {
		return
	}
	if !got.Rewound {
		m.r.fail(20, "%s knows the history up to %d, the server went back behind it, and does not say so", l.p.name, mark)
	}
	delete(m.ahead, l.p)
}

func codeOf(body []byte) string {
	var e wire.ErrorBody
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	return e.Code
}

func (m *model) pushAnswered(l *letter, body []byte) {
	r := m.r
	var asked pushed
	var got wire.PushAnswer
	if json.Unmarshal(l.plainBody(), &asked) != nil || json.Unmarshal(body, &got) != nil {
		r.fail(8, "a push or its answer cannot be read: %s", body)
		return
	}
	var line []string
	verdicts := map[int64]wire.Verdict{}
	for _, v := range got.Verdicts {
		verdicts[v.N] = v
		line = append(line, fmt.Sprintf("%d:%s:%s:%d:%d:%v", v.N, v.Verdict, v.Code, v.Seq, len(v.Conflicts), v.Replayed))
	}
	r.note("%s pushes: rewound=%v %s", l.p.name, got.Rewound, strings.Join(line, " "))
	for _, mu := range asked.Mutations {
		var ops []client.Op
		v, ok := verdicts[mu.N]
		mark := markShape.FindString(string(mu.Ops))
		if mark != "" && ok && (v.Verdict == wire.Applied || v.Verdict == wire.Merged) && json.Unmarshal(mu.Ops, &ops) == nil {
			m.taken[mu.Stamp+" "+mark] = ops
			if one := m.maybe[mark]; one != nil {
				one.stamp, one.ops = mu.Stamp, ops
				m.all = append(m.all, one)
				delete(m.maybe, mark)
			}
		}
		if ok && mu.Schema < wire.Schema && v.Verdict == wire.Refused && v.Code == wire.CodeInvalid && strings.Contains(string(mu.Ops), "of an older app") {
			r.fail(23, "%s: what schema %d made is refused: %s", l.p.name, mu.Schema, v.Message)
		}
		if !ok {
			r.fail(4, "%s got no verdict on %d", l.p.name, mu.N)
			continue
		}
		if v.Verdict == wire.Deferred {
			continue
		}
		m.checkClaims(l, mu.Ops, v)
		if !v.Replayed && strings.Contains(string(mu.Ops), `"industry":`) {
			r.res.Letters.count(v)
		}
		v.Replayed, v.N = false, 0
		text, _ := json.Marshal(v)
		key := contentKey(mu.Stamp, mu.Ops)
		if old, ok := m.verdicts[key]; ok && old != string(text) {
			r.fail(3, "the verdict on %s of %s was %s and is %s", mu.Stamp, l.p.name, old, text)
		}
		m.verdicts[key] = string(text)
	}
}

func (c *Letters) count(v wire.Verdict) {
	switch {
	case v.Verdict == wire.Refused:
		c.Refused++
	case slices.ContainsFunc(v.Conflicts, func(c wire.Conflict) bool { return c.Field == "industry" }):
		c.Conflicts++
	default:
		c.Applied++
	}
}

// pushRefused: nothing of a push that got no verdicts was committed.
func (m *model) pushRefused(l *letter, a *answer, body []byte) {
	r := m.r
	code := codeOf(body)
	r.note("%s push %d %s", l.p.name, a.status, code)
	if a.status == http.StatusRequestEntityTooLarge {
		m.tight(l, body)
	}
	if (a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests) && a.header.Get("Retry-After") == "" {
		r.fail(27, "%d %s without Retry-After", a.status, code)
	}
	after := r.receiptsOf(l)
	for n := range after {
		if !l.receipts[n] {
			r.fail(27, "%s was answered %d %s, and number %d has a receipt", l.p.name, a.status, code, n)
		}
	}
}

// receiptsOf gives the numbers of a push that have receipts.
func (r *run) receiptsOf(l *letter) map[int64]bool {
	var asked pushed
	if json.Unmarshal(l.plainBody(), &asked) != nil {
		return nil
	}
	sent := map[int64]bool{}
	for _, mu := range asked.Mutations {
		sent[mu.N] = true
	}
	out := map[int64]bool{}
	for _, row := range r.server.query("SELECT n FROM journal_receipt WHERE device = ?", r.server.s.Key.Device(asked.Device)) {
		if n := row[0].(int64); sent[n] {
			out[n] = true
		}
	}
	for n := range sent { // of staff
		if len(r.server.query("SELECT 1 FROM journal_receipt WHERE device = ?", r.server.s.Key.Receipt(asked.Device, n))) > 0 {
			out[n] = true
		}
	}
	return out
}

func (m *model) pullAnswered(l *letter, body []byte) {
	r := m.r
	var got wire.PullAnswer
	if json.Unmarshal(body, &got) != nil {
		r.fail(8, "the answer to a pull cannot be read: %s", body)
		return
	}
	// Tombstones live for 400 days: who comes later begins anew (INV-18).
	if at := l.p.syncedAt; !l.ghost() && !at.IsZero() && r.now().Sub(at) > 400*24*time.Hour {
		l.p.syncedAt = time.Time{}
		if !got.Reset {
			r.fail(18, "%s comes back after %v and gets no full view", l.p.name, r.now().Sub(at))
		}
	}
	if m.epochs[l.p] != got.Epoch && !l.ghost() {
		m.epochs[l.p], l.p.anew = got.Epoch, true
	}
	l.p.moved = l.p.moved || got.Reset || len(got.Changes) > 0
	var line []string
	for _, c := range got.Changes {
		text := fmt.Sprintf("%s/%s:%d", c.Collection, r.recordName(c.Collection, c.ID), c.Seq)
		if c.Record == nil || string(c.Record) == "null" {
			text += "-"
		}
		line = append(line, text)
	}
	r.note("%s pulls: epoch %s reset=%v more=%v rewound=%v seen=%d %s", l.p.name, r.name("epoch", got.Epoch), got.Reset, got.More, got.Rewound,
		len(got.Seen), strings.Join(line, " "))
	r.checkBodies(l, &got)
}

// recordName names a record in the trace: some ids are the server's.
func (r *run) recordName(collection, id string) string {
	if access.Table[collection].Create == nil { // the server alone makes them
		return r.name(collection, id)
	}
	return id
}

// synced looks at a phone after a sync. clean tells that nothing was in the way.
func (m *model) synced(p *phone, clean bool) error {
	r := m.r
	if p.d == nil || p.disk.isDead() {
		return nil
	}
	if p.err == nil {
		p.measured, p.knownSkew, p.mark, p.markHash, p.syncedAt = true, p.skew, p.heard, p.heardHash, r.now()
	}
	if !p.moved && p.err == nil {
		return nil // it has sent nothing and got nothing new
	}
	p.moved = false
	entries, err := p.d.Outbox()
	if err != nil {
		return err
	}
	r.checkHeld(p, entries)
	m.checkParked(p, entries)
	if err := m.checkReads(p); err != nil {
		return err
	}
	if !clean || r.server == nil || r.strain.what != "" || r.server.disk.full || p.disk.full || p.shut() {
		return nil
	}
	if p.err != nil {
		r.fail(4, "%s syncs on a good network: %v", p.name, p.err)
		return nil
	}
	behind := map[client.Ref]bool{} // changes wait with an earlier one of the same record
	for _, e := range entries {
		if e.Phase != client.Waiting {
			continue
		}
		waits := e.Verdict != nil && e.Verdict.Verdict == wire.Deferred && e.Code == wire.CodeMissingDependency
		for _, ref := range e.Records {
			record := client.Ref{Collection: ref.Collection, ID: ref.ID}
			waits = waits || behind[record] && ref.Op != wire.OpCreate
		}
		if !waits {
			r.fail(4, "%s: number %d waits after a sync on a good network: %s %s", p.name, e.N, e.Code, e.Message)
		}
		for _, ref := range e.Records {
			behind[client.Ref{Collection: ref.Collection, ID: ref.ID}] = true
		}
	}
	return nil
}

// checkHeld: what was acknowledged as saved is in the outbox, as it was saved (INV-1).
func (r *run) checkHeld(p *phone, entries []client.Entry) {
	byStamp := map[string]client.Entry{}
	for _, e := range entries {
		byStamp[e.Stamp] = e
	}
	for _, s := range r.model.saves[p] {
		e, ok := byStamp[s.stamp]
		if !ok {
			r.fail(1, "%s has lost %s (%s)", p.name, s.stamp, s.what)
			continue
		}
		if e.Raw != nil && !strings.Contains(string(e.Raw), s.mark) && s.what != "claim" && s.what != "first" && s.what != "open" && s.what != "delsite" &&
			s.what != "resolve" && s.what != "served" && s.what != "poison" {
			r.fail(1, "%s holds something else as %s", p.name, s.stamp)
		}
	}
}

// checkParked: what needs attention stays until a person deals with it (INV-5).
func (m *model) checkParked(p *phone, entries []client.Entry) {
	now := map[string]bool{}
	for _, e := range entries {
		if e.Phase == client.Parked {
			now[e.Stamp] = true
		}
	}
	for s := range m.parked[p] {
		if !now[s] && !m.dealt[s] {
			m.r.fail(5, "%s: %s needed attention, and does not any more", p.name, s)
		}
	}
	m.parked[p] = now
}

// checkReads: a phone's view of a record does not go back in an epoch (INV-14).
func (m *model) checkReads(p *phone) error {
	// In another line of history reads may go back; the phone is there once a
	// sync has come to its end.
	if p.anew && p.err != nil {
		return nil
	}
	if p.anew || m.reads[p] == nil {
		m.reads[p], p.anew = map[string]int64{}, false
	}
	// While a full view is on its way, rows of the old one stand beside it.
	st, err := p.d.Status()
	if err != nil || st.Resetting {
		return err
	}
	// A reset leaves records with own changes that wait, of whatever line of
	// history they are (PULL-4).
	waiting, err := p.d.Outbox(client.Waiting)
	if err != nil {
		return err
	}
	left := map[string]bool{}
	for _, e := range waiting {
		for _, ref := range e.Records {
			left[ref.Collection+"/"+ref.ID] = true
		}
	}
	views, err := p.d.AllConfirmed()
	if err != nil {
		return err
	}
	for _, c := range sortedKeys(views) {
		for id, seq := range views[c] {
			if left[c+"/"+id] {
				delete(m.reads[p], c+"/"+id)
				continue
			}
			if was := m.reads[p][c+"/"+id]; seq < was {
				m.r.fail(14, "%s showed %s %s at %d and shows it at %d", p.name, c, id, was, seq)
			}
			m.reads[p][c+"/"+id] = seq
		}
	}
	return nil
}

// wroteREST: what REST has changed is in the journal (INV-26).
func (m *model) wroteREST(method, path string, status int, before int64) error {
	after, err := m.r.server.head()
	if err != nil {
		return err
	}
	if status < 300 && after == before && method != http.MethodPatch {
		m.r.fail(26, "%s %s was answered %d and left no entry", method, path, status)
	}
	if status >= 300 && after != before {
		m.r.fail(26, "%s %s was answered %d and left an entry", method, path, status)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
