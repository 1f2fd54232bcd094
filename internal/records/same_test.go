package records_test

import (
	"fmt"
	"math/rand"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// twins writes the same by push, which is compiled, and by REST, which is
// PocketBase's own save under the collection's rules, and compares what became
// of the two.
type twins struct {
	*rig.Rig
	rnd      *rand.Rand
	people   []*rig.Device
	pool     map[string][]string // ids that a relation may name, by collection
	list     *core.Record        // a checklist
	stands   map[string][]string // collection -> pairs "a b" that both ways made
	cases    int
	taken    int // both took it
	stricter int // push refused a value of another type that PocketBase bends
}

func newTwins(t *testing.T, seed int64) *twins {
	r := rig.New(t)
	ngo, other, hotel := r.Organization("Outreach"), r.Organization("Other"), r.Organization("Hotel group")
	site, away := r.Site("Hotel one", hotel, ngo), r.Site("Hotel two", hotel, other)
	list, err := r.App.FindFirstRecordByData("checklists", "key", "hotel_house")
	if err != nil {
		t.Fatal(err)
	}
	w := &twins{Rig: r, rnd: rand.New(rand.NewSource(seed)), list: list, stands: map[string][]string{},
		pool: map[string][]string{"organizations": {ngo, other, hotel}, "sites": {site, away}, "checklists": {list.Id}}}
	for _, role := range access.Roles {
		of, sites := ngo, []string(nil)
		if role == access.Staff || role == access.Manager {
			of, sites = hotel, []string{site}
		}
		d := r.Enroll(role, of, sites...)
		w.people = append(w.people, d)
		w.pool["users"] = append(w.pool["users"], d.User.ID)
	}
	w.people = append(w.people, r.Enroll(access.Coordinator, other), r.Enroll(access.Worker, ngo), r.Enroll(access.Staff, hotel, site))
	return w
}

func (w *twins) one(list ...any) any { return list[w.rnd.Intn(len(list))] }

// base is a create that the collection takes from somebody.
func (w *twins) base(collection string) map[string]any {
	switch collection {
	case "observations":
		return map[string]any{"event_time": "2026-01-11T04:55:00.000Z", "indicators": []any{map[string]any{"indicator": "core.01", "basis": "saw"}}, "site": w.pool["sites"][0]}
	case "submissions":
		return map[string]any{"checklist": w.list.Id, "version": float64(w.list.GetInt("version")), "event_time": "2026-01-11 04:55:00.000Z",
			"answers": map[string]any{"hotel_house.01": w.one("yes", "no", "unsure")}, "site": w.pool["sites"][0]}
	case "addenda":
		of := []string{"observation", "submission"}[w.rnd.Intn(2)]
		ids := append([]string{rig.ID()}, w.pool[of+"s"]...)
		return map[string]any{of: ids[w.rnd.Intn(len(ids))], "text": "more"}
	case "sites":
		return map[string]any{"name": "Stop", "venue": "truck_stop"}
	}
	return map[string]any{"name": "Another"}
}

// value gives something for a field. fits is false where it is of another type
// than the field: PocketBase bends it, push refuses it.
func (w *twins) value(f core.Field) (value any, fits bool) {
	texts := []any{"", "words", "ünïcödé 🚚 \u2028 <b>&amp;\"'\\", " blanks ", "a\nb\tc", "true", "123", "null", "\u0001"}
	odd := w.rnd.Intn(8) == 0
	switch f := f.(type) {
	case *core.TextField:
		if odd {
			return w.one(5.0, true, []any{"x"}, map[string]any{}), false
		}
		if f.Max > 0 && w.rnd.Intn(4) == 0 {
			return strings.Repeat("é", f.Max+w.rnd.Intn(2)), true
		}
		return w.one(append(texts, nil)...), true
	case *core.DateField:
		if odd {
			return w.one("tomorrow", "2026-01-11", 5.0, true, []any{}), false
		}
		return w.one("", nil, "2026-01-11T04:55:00.000Z", "2026-01-11 04:55:00.123Z", "2026-01-10T22:55:00-06:00", "1999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z"), true
	case *core.BoolField:
		if odd {
			return w.one("true", 1.0, []any{}), false
		}
		return w.one(true, false, nil), true
	case *core.NumberField:
		if odd {
			return w.one("5", true, []any{}), false
		}
		return w.one(0.0, 1.0, 2.0, -3.0, 1.5, nil, 1e15), true
	case *core.SelectField:
		if f.IsMultiple() {
			if odd {
				return w.one(f.Values[0], 5.0, true), false
			}
			return w.one([]any{}, nil, []any{f.Values[0]}, []any{f.Values[1], f.Values[0]}, []any{"none of these"}), true
		}
		if odd {
			return w.one(5.0, []any{f.Values[0]}, true), false
		}
		if w.rnd.Intn(6) == 0 {
			return "none of these", true
		}
		return w.one("", nil, f.Values[w.rnd.Intn(len(f.Values))], f.Values[0]), true
	case *core.RelationField:
		if odd {
			return w.one(5.0, true, []any{"x"}), false
		}
		target, err := w.App.FindCachedCollectionByNameOrId(f.CollectionId)
		if err != nil {
			w.T.Fatal(err)
		}
		ids := w.pool[target.Name]
		if len(ids) == 0 || w.rnd.Intn(5) == 0 {
			return w.one("", nil, rig.ID()), true
		}
		return ids[w.rnd.Intn(len(ids))], true
	}
	return w.document(f.GetName(), odd)
}

// document gives something for a JSON field.
func (w *twins) document(name string, odd bool) (any, bool) {
	if odd {
		return w.one("words", "true", "5", "[1]", ""), false
	}
	if w.rnd.Intn(5) == 0 {
		return w.one(nil, map[string]any{}, []any{}, []any{map[string]any{}}, 7.0, true, map[string]any{"a": []any{1.0, nil, "<&>"}}), true
	}
	switch name {
	case "point":
		return map[string]any{"lat": w.one(39.1, -90.0, 91.0, 0.0), "lon": w.one(-94.5, 180.0)}, true
	case "people":
		return w.one(0.0, 1.0, 12.0, 1e9, -1.0, 2.5, nil), true
	case "persons":
		return []any{map[string]any{"age": w.one("teen", "adult", "old"), "description": []any{"hoodie", w.one("backpack", "<hat> & coat", 5.0)}}}, true
	case "vehicles":
		return []any{map[string]any{"kind": "van", "color": w.one("silver", "grün"), "plate_state": "KS", w.one("plate_end", "plate").(string): "12"}}, true
	case "outreach":
		return []any{w.one("kit", "card", "\u2028", 1.0)}, true
	case "indicators":
		return []any{map[string]any{"indicator": w.one("core.01", "core.02", "truck_lot.01", "no.such"), "basis": w.one("saw", "told", "felt")}}, true
	case "answers", "basis":
		return map[string]any{fmt.Sprint(w.one("hotel_house.01", "hotel_house.02", "hotel_front.01")): w.one("yes", "no", "unsure", "saw", "told")}, true
	}
	return nil, true
}

// fields changes some of the fields; fits as in value.
func (w *twins) fields(collection string, fields map[string]any) (_ map[string]any, fits bool) {
	c, err := w.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		w.T.Fatal(err)
	}
	fits = true
	for n := w.rnd.Intn(3); n > 0; n-- {
		f := c.Fields[w.rnd.Intn(len(c.Fields))]
		if f.GetName() == "id" {
			continue
		}
		if w.rnd.Intn(6) == 0 {
			delete(fields, f.GetName())
			continue
		}
		if access.Table[collection].Fields[f.GetName()] == "server" && w.rnd.Intn(5) > 0 {
			continue // mostly refused: not too many of those
		}
		var ok bool
		if fields[f.GetName()], ok = w.value(f); !ok {
			fits = false
		}
	}
	return fields, fits
}

func took(v wire.Verdict) bool { return v.Verdict == wire.Applied || v.Verdict == wire.Merged }

// judge compares the answers and gives whether both took it; "" or what differs.
func (w *twins) judge(fits bool, v wire.Verdict, status int) (bool, string) {
	w.cases++
	pushed, saved := took(v), status == http.StatusOK
	switch {
	case pushed == saved:
		if pushed {
			w.taken++
		}
		return pushed, ""
	case saved && !fits && v.Code == wire.CodeInvalid:
		w.stricter++
		return false, ""
	}
	return false, fmt.Sprintf("push %s %s %q, REST %d", v.Verdict, v.Code, v.Message, status)
}

// rowOf is a row as SQL literals, so that types count; ids of the pair are
// written alike.
func (w *twins) rowOf(collection, id string, but ...string) string {
	c, err := w.App.FindCachedCollectionByNameOrId(collection)
	if err != nil {
		w.T.Fatal(err)
	}
	var columns []string
	for _, f := range c.Fields {
		if name := f.GetName(); name != "id" && !slices.Contains(but, name) {
			columns = append(columns, "'"+name+"=' || quote(`"+name+"`)")
		}
	}
	var text string
	if err := w.App.DB().NewQuery("SELECT " + strings.Join(columns, " || x'0a' || ") + " FROM `" + collection + "` WHERE id={:id}").
		Bind(dbx.Params{"id": id}).Row(&text); err != nil {
		w.T.Fatalf("%s %s: %v", collection, id, err)
	}
	return text
}

// told is what the journal says of a record: of a create its very bytes, of an
// update the fields (its stamps are the writer's clock's), and the feed.
func (w *twins) told(collection, id string) string {
	past, err := w.S.Store.Journal().History(collection, id)
	if err != nil {
		w.T.Fatal(err)
	}
	var b strings.Builder
	for _, e := range past {
		fields, err := wire.Canonical(e.Fields)
		if err != nil {
			w.T.Fatal(err)
		}
		var eff []string
		for f := range e.Eff {
			eff = append(eff, f)
		}
		slices.Sort(eff)
		for _, d := range w.people { // staff stand under a name for this record alone
			if d.User.Role == string(access.Staff) && e.Actor == w.S.Key.PersonOn(d.User.ID, id) {
				e.Actor = "staff " + d.User.ID
			}
		}
		fmt.Fprintf(&b, "%s %s %s %v\n", e.Op, e.Actor, fields, eff)
		if e.Op == wire.OpCreate {
			var body string
			if err := w.App.DB().NewQuery("SELECT CAST(body AS TEXT) FROM journal_content WHERE seq={:seq}").Bind(dbx.Params{"seq": e.Seq}).Row(&body); err != nil {
				w.T.Fatal(err)
			}
			fmt.Fprintln(&b, body)
		}
	}
	var scopes []string
	if err := w.App.DB().NewQuery("SELECT scope || ' ' || gone FROM journal_feed WHERE record={:id} ORDER BY 1").Bind(dbx.Params{"id": id}).Column(&scopes); err != nil {
		w.T.Fatal(err)
	}
	return strings.ReplaceAll(b.String()+strings.Join(scopes, "\n"), id, "<id>")
}

// differ compares two records that both ways made; "" or what differs.
func (w *twins) differ(collection, a, b string, but ...string) string {
	if x, y := w.rowOf(collection, a, but...), w.rowOf(collection, b, but...); x != y {
		return "by push:\n" + x + "\nby REST:\n" + y
	}
	x, y := w.told(collection, a), w.told(collection, b)
	if len(but) > 0 { // a triage record: its entry names its report
		return ""
	}
	if x != y {
		return "journal by push:\n" + x + "\nby REST:\n" + y
	}
	if access.IsReport(collection) {
		return w.differ("triage", wire.TriageID(collection, a), wire.TriageID(collection, b), "observation", "submission")
	}
	return ""
}

// create tries n creates both ways and gives what differs.
func (w *twins) create(n int) (differences []string) {
	type try struct {
		collection, a, b string
		fields           map[string]any
		fits             bool
	}
	collections := []string{"observations", "submissions", "addenda", "sites", "organizations"}
	theirs := map[access.Role][]string{access.Worker: {"observations", "observations", "addenda"}, access.Staff: {"submissions", "submissions", "addenda"},
		access.Coordinator: {"sites", "sites", "addenda"}, access.Admin: {"sites", "organizations"}}
	for n > 0 {
		d := w.people[w.rnd.Intn(len(w.people))]
		if _, writes := theirs[access.Role(d.User.Role)]; !writes && w.rnd.Intn(3) > 0 {
			continue
		}
		var tries []try
		var mutations []wire.Mutation
		for i := min(n, 40); i > 0; i-- {
			c := collections[w.rnd.Intn(len(collections))]
			if own := theirs[access.Role(d.User.Role)]; own != nil && w.rnd.Intn(5) > 0 {
				c = own[w.rnd.Intn(len(own))]
			}
			fields, fits := w.fields(c, w.base(c))
			x := try{c, rig.ID(), rig.ID(), fields, fits}
			tries = append(tries, x)
			mutations = append(mutations, d.Mutation(rig.Create(c, x.a, fields)))
		}
		n -= len(tries)
		for i, v := range d.Push(mutations...) {
			x := tries[i]
			status, _ := rest(w.Rig, d, http.MethodPost, x.collection+"/records", with(x.fields, "id", x.b))
			both, diff := w.judge(x.fits, v, status)
			if both {
				diff = w.differ(x.collection, x.a, x.b)
				w.stands[x.collection] = append(w.stands[x.collection], x.a+" "+x.b)
				if access.IsReport(x.collection) && len(w.pool[x.collection]) < 20 {
					w.pool[x.collection] = append(w.pool[x.collection], x.a)
				}
			}
			if diff != "" {
				differences = append(differences, fmt.Sprintf("%s creates %s %v: %s", d.User.Role, x.collection, x.fields, diff))
			}
		}
	}
	return differences
}

// update tries n updates of records that stand both ways.
func (w *twins) update(n int) (differences []string) {
	for ; n > 0; n-- {
		c := fmt.Sprint(w.one("sites", "sites", "triage", "triage", "organizations", "observations"))
		of := c
		if c == "triage" {
			of = "observations"
		}
		i := w.rnd.Intn(len(w.stands[of]))
		a, b, _ := strings.Cut(w.stands[of][i], " ")
		var but []string
		if c == "triage" {
			a, b, but = wire.TriageID(of, a), wire.TriageID(of, b), []string{"observation", "submission"}
		}
		d := w.people[w.rnd.Intn(len(w.people))]
		if w.rnd.Intn(4) > 0 {
			d = w.people[slices.Index(access.Roles, access.Coordinator)]
		}
		fields, fits := w.fields(c, map[string]any{})
		delete(fields, "allows") // a set: push adds and removes, REST gives the whole list
		if len(fields) == 0 {
			continue
		}
		clock, err := w.S.Store.Journal().Clock(c, a)
		if err != nil {
			w.T.Fatal(err)
		}
		v := d.Push(d.Mutation(rig.Update(c, a, clock.Version, fields)))[0]
		status, _ := rest(w.Rig, d, http.MethodPatch, c+"/records/"+b, fields)
		_, diff := w.judge(fits, v, status)
		if diff == "" && took(v) == (status == http.StatusOK) {
			diff = w.differ(c, a, b, but...)
		} else { // they have parted
			w.stands[of] = slices.Delete(w.stands[of], i, i+1)
		}
		if diff != "" {
			differences = append(differences, fmt.Sprintf("%s updates %s %v: %s", d.User.Role, c, fields, diff))
		}
	}
	return differences
}

func TestPushWritesAsSaveDoes(t *testing.T) {
	creates, updates := 1800, 800
	t.Run("[PUSH-8] what push writes by compiled statements is what PocketBase saves under the collection's rules, byte for byte, entry for entry", func(t *testing.T) {
		w := newTwins(t, 1)
		found := append(w.create(creates), w.update(updates)...)
		for i, d := range found {
			if i == 10 {
				t.Fatalf("and %d more", len(found)-10)
			}
			t.Error(d)
		}
		if w.taken < w.cases/4 || w.stricter == 0 || w.cases-w.taken-w.stricter < w.cases/5 {
			t.Errorf("of %d cases %d were taken and %d refused by push alone: too few of a kind", w.cases, w.taken, w.stricter)
		}
	})
	t.Run("[PUSH-8] a save that trims texts is told from push", func(t *testing.T) {
		w := newTwins(t, 1)
		w.App.OnRecordCreate("sites", "observations", "submissions", "addenda", "organizations").BindFunc(func(e *core.RecordEvent) error {
			for _, f := range e.Record.Collection().Fields {
				if text := e.Record.GetString(f.GetName()); f.Type() == core.FieldTypeText && text != strings.TrimSpace(text) {
					e.Record.Set(f.GetName(), strings.TrimSpace(text))
				}
			}
			return e.Next()
		})
		if found := w.create(600); len(found) == 0 {
			t.Error("no difference was seen")
		}
	})
}
