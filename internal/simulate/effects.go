package simulate

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// receipt is what the server stored of a mutation.
type receipt struct {
	corrected, at int64 // ms
}

// receipts gives all of them, by stored stamp.
func (r *run) allReceipts() map[string]receipt {
	out := map[string]receipt{}
	for _, row := range r.server.query("SELECT stamp, corrected, at FROM journal_receipt WHERE stamp IS NOT NULL") {
		out[text(row[0])] = receipt{row[1].(int64), row[2].(int64)}
	}
	return out
}

// entriesByStamp gives the journal's entries of devices: stored stamp ->
// collection/record -> seqs.
func (r *run) entriesByStamp() map[string]map[string][]int64 {
	out := map[string]map[string][]int64{}
	for _, row := range r.server.query(`SELECT stamp, collection, record, seq FROM journal_entry
		WHERE stamp IN (SELECT stamp FROM journal_receipt WHERE stamp IS NOT NULL) ORDER BY seq`) {
		s, key := text(row[0]), text(row[1])+"/"+text(row[2])
		if out[s] == nil {
			out[s] = map[string][]int64{}
		}
		out[s][key] = append(out[s][key], row[3].(int64))
	}
	return out
}

// checkOnce: no mutation left two entries on one record, and no report that
// somebody wrote once is there twice under two ids (INV-2).
func (r *run) checkOnce() {
	for stamp, records := range r.entriesByStamp() {
		for key, seqs := range records {
			if len(seqs) > 1 {
				r.fail(2, "the mutation of %s changed %s %d times: %v", stamp, key, len(seqs), seqs)
			}
		}
	}
	wrote := map[string]int{}
	for _, s := range r.model.all {
		for _, op := range s.ops {
			if op.Op == wire.OpCreate {
				wrote[op.Collection+" "+s.mark]++
			}
		}
	}
	for c, field := range map[string]string{"observations": "note", "submissions": "note", "addenda": "text", "sites": "name"} {
		found := map[string]int{}
		for _, row := range r.server.query("SELECT " + field + " FROM " + c) {
			if m := markShape.FindString(text(row[0])); m != "" && !strings.HasPrefix(m, "mkrest") {
				found[c+" "+m]++
			}
		}
		for _, key := range sortedKeys(found) {
			if n := wrote[key]; n > 0 && found[key] > n {
				r.fail(2, "%s is there %d times and was written %d times", key, found[key], n)
			}
		}
	}
}

// checkOrder: a phone's changes of a field took effect in the order in which
// its person made them (INV-6). Those of different fields do not depend on each
// other: what waits for another record comes later without harm.
func (r *run) checkOrder() {
	entries := map[string]map[string][]int64{} // stored stamp -> collection/record/field -> seqs
	for _, row := range r.server.query(`SELECT e.stamp, e.collection, e.record, e.seq, c.body FROM journal_entry e
		JOIN journal_content c ON c.seq = e.seq WHERE e.stamp IN (SELECT stamp FROM journal_receipt WHERE stamp IS NOT NULL) ORDER BY e.seq`) {
		var body struct {
			Fields map[string]any `json:"fields"`
		}
		if json.Unmarshal([]byte(text(row[4])), &body) != nil {
			continue // said by checkReplay
		}
		for f := range body.Fields {
			s, key := text(row[0]), text(row[1])+"/"+text(row[2])+"/"+f
			if entries[s] == nil {
				entries[s] = map[string][]int64{}
			}
			entries[s][key] = append(entries[s][key], row[3].(int64))
		}
	}
	for _, p := range r.phones {
		last := map[string]int64{}
		by := map[string]string{}
		for _, s := range r.model.saves[p] {
			if s.byPerson {
				continue // sent again or released by somebody, later than it was made
			}
			if _, taken := r.model.taken[s.stamp+" "+s.mark]; !taken {
				continue
			}
			made := entries[r.stored(s.stamp)]
			for _, key := range sortedKeys(made) {
				for _, seq := range made[key] {
					if seq < last[key] {
						r.fail(6, "%s changed %s by %s and then by %s, which took effect before it", p.name, key, by[key], s.stamp)
					}
					last[key], by[key] = seq, s.stamp
				}
			}
		}
	}
}

// writeOf is a value that somebody wrote into a field and the server accepted.
type writeOf struct {
	key, field, value string
	base              int64
	owner             *phone
	place             int
	seq               int64 // of the entry; 0: it lost at once, or stood there already
	stamp             string
	letter            bool // others write the same value, too
}

// checkValues: edits of different fields both survive (INV-15), and a value
// that gave way to one that did not know of it is kept (INV-16). Bases of
// former lines of history make it harder to say who knew of what, so runs that
// went back are left to MERGE-1's own tests.
func (r *run) checkValues() {
	if r.model.backs > 0 {
		return
	}
	entries := r.entriesByStamp()
	letters, entryOf := r.letters()
	var all []writeOf
	for _, s := range r.model.all {
		stamp := r.stored(s.stamp)
		raw, taken := r.model.taken[s.stamp+" "+s.mark]
		if !taken {
			continue
		}
		for _, op := range raw {
			if op.Op != wire.OpUpdate || op.Collection != "sites" && op.Collection != "triage" {
				continue
			}
			key := op.Collection + "/" + op.ID
			seq := int64(0)
			if list := entries[stamp][key]; len(list) > 0 {
				seq = list[0]
			}
			for f, v := range op.Fields {
				value, _ := v.(string)
				w := writeOf{key, f, value, op.Base, s.owner, s.place, seq, s.stamp, f == "industry"}
				if w.letter { // the mutation's entry may be of its text alone
					w.seq = entryOf[stamp+" "+key]
				}
				if w.letter && w.seq == 0 && asOf(letters[key], op.Base) == value {
					continue // no write at all (MERGE-6)
				}
				if w.letter || strings.HasPrefix(value, s.mark) {
					all = append(all, w)
				}
			}
		}
	}
	kept := map[string]bool{}
	for _, row := range r.server.query("SELECT collection, record, field, other FROM conflicts") {
		var other any
		if json.Unmarshal([]byte(text(row[3])), &other) != nil {
			other = text(row[3])
		}
		kept[fmt.Sprintf("%s/%s %s %v", text(row[0]), text(row[1]), text(row[2]), other)] = true
	}
	rest := r.restWrites()
	for _, w := range all {
		collection, id, _ := strings.Cut(w.key, "/")
		now := r.server.query("SELECT "+w.field+" FROM "+collection+" WHERE id = ?", id)
		if len(now) == 0 || text(now[0][0]) == w.value || kept[w.key+" "+w.field+" "+w.value] {
			continue
		}
		others, knowing := 0, false
		for _, u := range all {
			if u.key != w.key || u.field != w.field || u.stamp == w.stamp {
				continue
			}
			others++
			same := u.owner == w.owner || u.owner.copied == w.owner || w.owner.copied == u.owner
			knowing = knowing || same && u.place > w.place || u.base >= w.seq && w.seq > 0
			// Somebody else had put the letter there before: who saw theirs has seen it.
			knowing = knowing || w.letter && w.seq == 0 && slices.ContainsFunc(letters[w.key], func(l standing) bool {
				return l.value == w.value && u.base >= l.seq
			})
		}
		for _, seq := range rest[w.key+" "+w.field] {
			others++
			knowing = knowing || seq > w.seq
		}
		switch {
		case others == 0:
			r.fail(15, "%s wrote %s of %s, nobody else did, and it holds %q", w.owner.name, w.field, w.key, text(now[0][0]))
		case !knowing:
			r.fail(16, "%s wrote %q into %s of %s; it gave way and is nowhere kept", w.owner.name, w.value, w.field, w.key)
		}
	}
}

// standing is a letter that stood in a site's industry from an entry on.
type standing struct {
	seq   int64
	value string
}

// letters gives those of each site, oldest first, and the entry of a stored stamp
// and site that put one there.
func (r *run) letters() (bySite map[string][]standing, entryOf map[string]int64) {
	bySite, entryOf = map[string][]standing{}, map[string]int64{}
	for _, row := range r.server.query(`SELECT e.stamp, e.collection || '/' || e.record, e.seq, c.body ->> '$.fields.industry' FROM journal_entry e
		JOIN journal_content c ON c.seq = e.seq WHERE e.collection = 'sites' AND c.body ->> '$.fields.industry' IS NOT NULL ORDER BY e.seq`) {
		stamp, key, seq := text(row[0]), text(row[1]), row[2].(int64)
		entryOf[stamp+" "+key] = seq
		bySite[key] = append(bySite[key], standing{seq, text(row[3])})
	}
	return bySite, entryOf
}

// asOf is the letter that stood at a seq.
func asOf(all []standing, seq int64) (letter string) {
	for _, l := range all {
		if l.seq <= seq {
			letter = l.value
		}
	}
	return letter
}

// restWrites gives the entries of REST, the dashboard and the server itself
// that changed a field: they are made on what stands, and know it.
func (r *run) restWrites() map[string][]int64 {
	out := map[string][]int64{}
	for _, row := range r.server.query(`SELECT e.collection, e.record, e.seq, c.body FROM journal_entry e JOIN journal_content c ON c.seq = e.seq
		WHERE e.op = 'update' AND e.stamp NOT IN (SELECT stamp FROM journal_receipt WHERE stamp IS NOT NULL)`) {
		var body struct {
			Fields map[string]any `json:"fields"`
		}
		if json.Unmarshal([]byte(text(row[3])), &body) != nil {
			continue
		}
		for f := range body.Fields {
			key := text(row[0]) + "/" + text(row[1]) + " " + f
			out[key] = append(out[key], row[2].(int64))
		}
	}
	return out
}

// checkReplay: the journal, replayed, gives the records as they stand; so no
// write, by whatever way it came, is missing in it (INV-26).
func (r *run) checkReplay() {
	state := map[string]map[string]any{}
	for _, row := range r.server.query(`SELECT e.collection, e.record, e.op, c.body FROM journal_entry e
		JOIN journal_content c ON c.seq = e.seq ORDER BY e.seq`) {
		key := text(row[0]) + "/" + text(row[1])
		var body struct {
			Fields map[string]any `json:"fields"`
		}
		if json.Unmarshal([]byte(text(row[3])), &body) != nil {
			r.fail(26, "the entry of %s cannot be read", key)
			continue
		}
		if text(row[2]) == "delete" {
			delete(state, key)
			continue
		}
		if state[key] == nil {
			state[key] = map[string]any{}
		}
		for f, v := range body.Fields {
			state[key][f] = v
		}
	}
	for _, c := range collections() {
		if shipped(c) {
			continue // large, and the same in every run
		}
		for _, id := range r.server.ids(c) {
			record, err := r.server.app.FindRecordById(c, id)
			if err != nil {
				continue // said by checkServer
			}
			for f, want := range state[c+"/"+id] {
				if record.Collection().Fields.GetByName(f) == nil {
					continue
				}
				have := plain(record.Get(f))
				if !reflect.DeepEqual(have, want) && !(empty(have) && empty(want)) {
					r.fail(26, "%s of %s/%s is %v, and the journal says %v", f, c, r.recordName(c, id), have, want)
				}
			}
		}
	}
}

func plain(v any) any {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case []any:
		return len(x) == 0
	case bool:
		return !x
	case float64:
		return x == 0
	}
	return false
}

// tolerance is how far a corrected stamp may lie from the true time: an offset
// is measured over a link that may take minutes.
const tolerance = 150_000

// checkClocks: what a wrong clock stamped is corrected, and never in the
// future of its receipt (INV-21).
func (r *run) checkClocks() {
	receipts := r.allReceipts()
	for _, s := range r.model.all {
		rc, ok := receipts[r.stored(s.stamp)]
		if _, taken := r.model.taken[s.stamp+" "+s.mark]; !ok || !taken {
			continue
		}
		if rc.corrected > rc.at {
			r.fail(21, "%s of %s counts as made %d ms after it came", s.stamp, s.owner.name, rc.corrected-rc.at)
		}
		if off := rc.corrected - s.at.UnixMilli(); s.measured && (off > tolerance || off < -tolerance) {
			r.fail(21, "%s of %s was made at %v and counts as made %d ms from it", s.stamp, s.owner.name, s.at, off)
		}
	}
	for _, row := range r.server.query(`SELECT e.seq, e.at, c.body FROM journal_entry e JOIN journal_content c ON c.seq = e.seq WHERE e.op = 'update'`) {
		var body struct {
			Eff map[string]struct {
				Ms int64
			} `json:"eff"`
		}
		if json.Unmarshal([]byte(text(row[2])), &body) != nil {
			continue
		}
		for f, eff := range body.Eff {
			if eff.Ms > row[1].(int64)+1000 {
				r.fail(21, "entry %v: %s counts as changed %d ms in the future", row[0], f, eff.Ms-row[1].(int64))
			}
		}
	}
}

// checkQuarantine: what was refused is kept, all but what was taken (INV-5).
func (r *run) checkQuarantine() {
	for _, row := range r.server.query(`SELECT stamp, more FROM journal_receipt WHERE verdict = 'refused'`) {
		var more struct {
			Code       string `json:"code"`
			Quarantine string `json:"quarantine"`
		}
		if json.Unmarshal([]byte(text(row[1])), &more) != nil {
			r.fail(5, "the receipt of %v cannot be read", row[0])
			continue
		}
		if more.Code == wire.CodeTaken {
			continue
		}
		if more.Quarantine == "" || len(r.server.query("SELECT 1 FROM quarantine WHERE id = ?", more.Quarantine)) == 0 {
			r.fail(5, "what was refused as %s (%v) is not kept", more.Code, row[0])
		}
	}
}

// checkTwins: two phones that go by one id hold the same mutations under it (INV-22).
func (r *run) checkTwins() error {
	type held struct {
		p     *phone
		stamp string
	}
	seen := map[string]held{}
	for _, p := range r.living() {
		if p.d == nil || p.person == "" {
			continue
		}
		st, err := p.d.Status()
		if err != nil {
			return err
		}
		entries, err := p.d.Outbox(client.Acknowledged, client.Settled)
		if err != nil {
			return err
		}
		for _, e := range entries {
			key := fmt.Sprintf("%s %d", st.Device, e.N)
			if other, ok := seen[key]; ok && other.stamp != e.Stamp {
				r.fail(22, "%s and %s both take number %d of %s for their own", p.name, other.p.name, e.N, st.Device)
			}
			seen[key] = held{p, e.Stamp}
		}
	}
	return nil
}
