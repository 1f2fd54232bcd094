package simulate

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// idFrom makes an id from a step's chance.
func idFrom(g *rand.Rand) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 15)
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

// save lets the phone's person save something, N times.
func (r *run) save(s *Step, p *phone) error {
	if p.person == "" || !r.ready(p) {
		return nil
	}
	g := rand.New(rand.NewPCG(s.Seed, uint64(p.i)))
	for _, f := range s.Faults {
		p.disk.arm(f.Arg, f.Kind == DieLate)
	}
	for k := range max(s.N, 1) {
		what := s.What
		mark := fmt.Sprintf("mk%02d-%03d-%d;", p.i, r.at, k)
		if what == "repair" {
			if err := r.repair(g, p, mark); err != nil {
				return err
			}
			break
		}
		ops := r.compose(g, p, what, mark)
		if len(ops) == 0 {
			break
		}
		saved, err := p.d.Do(ops...)
		if err == nil && what == "old" {
			if err := p.age(saved.N); err != nil {
				return err
			}
		}
		if err := r.keep(p, what, mark, ops, saved, err, 0); err != nil {
			return err
		}
		if p.disk.isDead() {
			break
		}
		r.pass(1500_000_000)
	}
	p.disk.disarm()
	return p.fallen()
}

// age makes a mutation one that the app of the first schema has saved.
func (p *phone) age(n int64) error {
	db, err := sql.Open("sqlite", filepath.Join(p.folder, "store.db"))
	if err != nil {
		return err
	}
	_, err = db.Exec(`UPDATE outbox SET body = CAST(replace(CAST(body AS TEXT), '"schema":2', '"schema":1') AS BLOB) WHERE n = ?`, n)
	return errors.Join(err, db.Close())
}

// keep tells the model what came of a save.
func (r *run) keep(p *phone, what, mark string, ops []client.Op, saved client.Saved, err error, correctionOf int64) error {
	r.note("%s saves %s: %s %s", p.name, what, saved.Stamp, r.saying(err))
	switch {
	case err == nil:
		for i := range ops {
			ops[i].ID = saved.IDs[i]
		}
		r.res.Saved++
		r.model.saved(p, what, mark, ops, saved)
	case p.disk.isDead():
		// It was not acknowledged: it may be there or not.
		r.model.perhaps(p, what, mark)
	case errors.Is(err, client.ErrDisk):
	default:
		return fmt.Errorf("%s saves %s: %w", p.name, what, err)
	}
	return nil
}

// saying is an error as the trace holds it.
func (r *run) saying(err error) string {
	if err == nil {
		return "ok"
	}
	return client.Explain(err).Code
}

// repair is a person looking at what needs attention: sent again or corrected.
func (r *run) repair(g *rand.Rand, p *phone, mark string) error {
	parked, err := p.d.Outbox(client.Parked)
	if err != nil || len(parked) == 0 {
		return p.alive(err)
	}
	e := parked[g.IntN(len(parked))]
	if g.IntN(2) == 0 {
		err := p.d.Retry(e.N)
		r.note("%s retries %d: %s", p.name, e.N, r.saying(err))
		r.model.touchedByPerson(p, e.Stamp)
		return p.soft(err)
	}
	ops := r.compose(g, p, "addendum", mark)
	if len(ops) == 0 {
		return nil
	}
	saved, err := p.d.CorrectAs(e.N, ops...)
	if err == nil {
		ops = slices.Clone(ops)
	}
	r.model.touchedByPerson(p, e.Stamp)
	return r.keep(p, "correction", mark, ops, saved, err, e.N)
}

// alive passes on an error of a phone that lives; the dead are dealt with elsewhere.
func (p *phone) alive(err error) error {
	if p.disk.isDead() {
		return nil
	}
	return err
}

// soft lets a full disk pass, too.
func (p *phone) soft(err error) error {
	if errors.Is(err, client.ErrDisk) {
		return nil
	}
	return p.alive(err)
}

// known gives the records of a collection that the phone shows, oldest first:
// ids that chance has made have no place in the order.
func (r *run) known(p *phone, collection string) []client.Record {
	all, err := p.d.Records(collection)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(all, func(a, b client.Record) int {
		if a.Seq != b.Seq {
			return int(a.Seq - b.Seq)
		}
		return int(a.N - b.N)
	})
	return all
}

func pickRecord(g *rand.Rand, all []client.Record) *client.Record {
	if len(all) == 0 {
		return nil
	}
	return &all[g.IntN(len(all))]
}

func create(collection string, fields map[string]any) client.Op {
	return client.Op{Op: wire.OpCreate, Collection: collection, Fields: fields}
}

func update(collection, id string, fields map[string]any) client.Op {
	return client.Op{Op: wire.OpUpdate, Collection: collection, ID: id, Fields: fields}
}

// compose makes the ops of what a person does; none if there is nothing to do
// it to.
func (r *run) compose(g *rand.Rand, p *phone, what, mark string) []client.Op {
	own := func() *client.Record {
		var mine []client.Record
		for _, c := range access.Reports {
			for _, rec := range r.known(p, c) {
				if rec.State != "" || p.role == access.Coordinator {
					mine = append(mine, rec)
				}
			}
		}
		return pickRecord(g, mine)
	}
	addendum := func(to *client.Record) client.Op {
		field := map[string]string{"observations": "observation", "submissions": "submission"}[to.Collection]
		return create("addenda", map[string]any{field: to.ID, "text": mark + " more"})
	}
	switch what {
	case "report":
		return []client.Op{r.report(g, p, mark)}
	case "submission":
		if op := r.submission(g, p, mark); op != nil {
			return []client.Op{*op}
		}
	case "addendum":
		if to := own(); to != nil {
			return []client.Op{addendum(to)}
		}
	case "family": // a report and its addendum, in one mutation
		var first *client.Op
		if p.role == access.Staff {
			first = r.submission(g, p, mark)
		} else {
			op := r.report(g, p, mark)
			first = &op
		}
		if first == nil {
			return nil
		}
		first.ID = idFrom(g)
		return []client.Op{*first, addendum(&client.Record{Collection: first.Collection, ID: first.ID})}
	case "site":
		if site := pickRecord(g, r.known(p, "sites")); site != nil {
			return []client.Op{update("sites", site.ID, siteEdit(g, mark))}
		}
	case "front": // the site that everybody at the desk is busy with
		for _, site := range r.known(p, "sites") {
			if site.ID == siteA1 {
				return []client.Op{update("sites", site.ID, siteEdit(g, mark))}
			}
		}
	case "newsite":
		return []client.Op{create("sites", map[string]any{"name": mark, "venue": "hotel"})}
	case "delsite":
		var new []client.Record
		for _, s := range r.known(p, "sites") {
			if !slices.Contains([]string{siteA1, siteA2, siteB1, siteB2, siteC1}, s.ID) {
				new = append(new, s)
			}
		}
		if site := pickRecord(g, new); site != nil {
			return []client.Op{{Op: wire.OpDelete, Collection: "sites", ID: site.ID}}
		}
	case "triage":
		if t := pickRecord(g, r.known(p, "triage")); t != nil {
			fields := map[string]any{"note": mark}
			if g.IntN(2) == 0 {
				fields["status"] = []string{"review", "context", "emergency"}[g.IntN(3)]
			}
			return []client.Op{update("triage", t.ID, fields)}
		}
	case "open":
		if t := pickRecord(g, r.known(p, "triage")); t != nil {
			return []client.Op{update("triage", t.ID, map[string]any{"opened": true})}
		}
	case "claim":
		if t := pickRecord(g, r.known(p, "triage")); t != nil {
			return []client.Op{update("triage", t.ID, map[string]any{"claimed_by": p.person})}
		}
	case "first": // to claim what has just come
		if t := newest(r.known(p, "triage")); t != nil {
			return []client.Op{update("triage", t.ID, map[string]any{"claimed_by": p.person})}
		}
	case "desk": // a claim and a note on the site, together or not at all
		t, site := pickRecord(g, r.known(p, "triage")), pickRecord(g, r.known(p, "sites"))
		if t != nil && site != nil {
			return []client.Op{update("sites", site.ID, map[string]any{"notes": mark + "notes"}),
				update("triage", t.ID, map[string]any{"claimed_by": p.person, "note": mark})}
		}
	case "resolve":
		if c := pickRecord(g, r.known(p, "conflicts")); c != nil {
			return []client.Op{update("conflicts", c.ID, map[string]any{"resolved": true})}
		}
	case "organization":
		return []client.Op{update("organizations", []string{ngo, force, hotel}[g.IntN(3)], map[string]any{"kind": mark})}
	case "served":
		return []client.Op{update("sites", []string{siteA1, siteB1}[g.IntN(2)], map[string]any{"served_by": []string{ngo, force}[g.IntN(2)]})}
	case "old":
		op := r.report(g, p, mark+" of an older app")
		return []client.Op{op}
	case "broken": // what a coordinator can put right
		op := r.report(g, p, mark)
		op.Fields["event_time"] = "yesterday"
		return []client.Op{op}
	case "strange":
		op := r.report(g, p, mark)
		op.Fields["shoe_size"] = 44 // of a schema that is not ours
		return []client.Op{op}
	case "poison":
		return []client.Op{r.poison(g, p, mark)}
	}
	return nil
}

// sections are the letters that sites.industry takes, those of places where
// people sleep and stop more often: so two people write the same one, and what
// was written is cleared again.
var sections = []string{"G", "H", "I", "G", "H", "I", "G", "H", "I", "", "A", "B", "C", "D", "E", "F", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U"}

// siteEdit is what a coordinator writes into a site. A letter cannot carry the
// mark by which the model knows the mutation, so a text always goes with it.
func siteEdit(g *rand.Rand, mark string) map[string]any {
	fields := map[string]any{}
	for _, f := range []string{"notes", "address"} {
		if g.IntN(2) == 0 {
			fields[f] = mark + f
		}
	}
	if len(fields) == 0 {
		fields["notes"] = mark + "notes"
	}
	if g.IntN(2) == 0 {
		fields["industry"] = section(g, mark)
	}
	return fields
}

// section is a letter, and one time in twelve a word, which is refused.
func section(g *rand.Rand, mark string) string {
	if g.IntN(12) == 0 {
		return mark + "industry"
	}
	return sections[g.IntN(len(sections))]
}

func (r *run) report(g *rand.Rand, p *phone, mark string) client.Op {
	fields := map[string]any{"event_time": "2026-02-07T04:30:00.000Z", "note": mark,
		"indicators": []any{map[string]any{"indicator": "core.01", "basis": "saw"}}}
	if site := pickRecord(g, r.known(p, "sites")); site != nil && g.IntN(3) > 0 {
		fields["site"] = site.ID
	}
	if g.IntN(3) == 0 {
		fields["people"] = g.IntN(9)
	}
	return create("observations", fields)
}

func (r *run) submission(g *rand.Rand, p *phone, mark string) *client.Op {
	lists, err := p.d.Checklists()
	if err != nil || len(lists) == 0 {
		return nil
	}
	list := lists[g.IntN(len(lists))]
	answers := map[string]any{}
	for i, item := range list.Items {
		if i < 3 {
			answers[item.ID] = []string{"yes", "no", "unsure"}[g.IntN(3)]
		}
	}
	fields := map[string]any{"checklist": list.ID, "version": list.Version, "event_time": "2026-02-07 04:30:00.000Z",
		"answers": answers, "note": mark}
	if p.role == access.Staff && len(p.sites) > 0 {
		fields["site"] = p.sites[g.IntN(len(p.sites))]
	}
	op := create("submissions", fields)
	return &op
}

// poison is what the server refuses, or waits for in vain.
func (r *run) poison(g *rand.Rand, p *phone, mark string) client.Op {
	switch g.IntN(8) {
	case 0:
		return create("observations", map[string]any{"event_time": "yesterday", "indicators": []any{}, "note": mark})
	case 1:
		return create("observations", map[string]any{"event_time": "2026-02-07T04:30:00.000Z", "indicators": []any{}, "note": mark, "author": p.person})
	case 2:
		return create("secrets", map[string]any{"note": mark})
	case 3:
		return create("addenda", map[string]any{"observation": idFrom(g), "text": mark})
	case 4:
		return update("sites", idFrom(g), map[string]any{"notes": mark})
	case 5:
		return client.Op{Op: wire.OpDelete, Collection: "sites", ID: siteC1}
	case 6:
		return update("triage", idFrom(g), map[string]any{"note": mark})
	}
	return create("observations", map[string]any{"event_time": "2026-02-07T04:30:00.000Z", "indicators": "none", "note": mark})
}
