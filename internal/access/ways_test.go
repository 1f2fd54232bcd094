package access_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The ways to a record beside list, view, push and pull: filter, sort, expand,
// batch, realtime and files, each for every role, collection and field of the
// table.

// kinds are one person for each role and organization.
func (w *world) kinds() []*person {
	var out []*person
	had := map[string]bool{}
	for _, p := range w.people {
		if kind := p.User.Role + p.User.Organization; !had[kind] {
			had[kind] = true
			out = append(out, p)
		}
	}
	return out
}

// snapshot is all records by collection, and who of them a person may see by
// the table, decided in Go.
type snapshot map[string][]access.Values

func (w *world) snapshot() snapshot {
	s := snapshot{}
	for name := range access.Table {
		s[name] = w.all(name)
	}
	return s
}

func (s snapshot) sight(who access.Person) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for name, all := range s {
		out[name] = map[string]bool{}
		for _, v := range all {
			if row := access.Table[name]; row.List != nil && row.List.Holds(who, v) {
				out[name][id(v)] = true
			}
		}
	}
	return out
}

// page is what a list answers.
type page struct {
	TotalItems int              `json:"totalItems"`
	Items      []map[string]any `json:"items"`
}

func (w *world) query(token, collection string, q url.Values) (int, page) {
	w.T.Helper()
	var p page
	q.Set("perPage", "500")
	status := w.Send(http.MethodGet, token, "/api/collections/"+collection+"/records?"+q.Encode(), nil, &p)
	return status, p
}

// plain are texts that need no quoting in a filter.
var plain = regexp.MustCompile(`^[A-Za-z0-9_ .:@-]+$`)

// literal writes a value for a filter, "" where it has none.
func literal(v any) string {
	switch x := v.(type) {
	case string:
		if plain.MatchString(x) {
			return `"` + x + `"`
		}
	case float64:
		if x != 0 {
			return fmt.Sprint(x)
		}
	case bool:
		if x {
			return "true"
		}
	}
	return ""
}

// asked counts what a walk has asked and found, so that one that asks nothing
// does not pass.
type asked struct{ hidden, found, expanded, kept int }

// oracle asks for records by each field, sorts by each and expands every
// relation, there and back, and tells where the answer holds more or less than
// the table says.
func (w *world) oracle(p *person, all snapshot, n *asked) []string {
	w.T.Helper()
	var wrong []string
	sight := all.sight(w.now(p))
	for name, row := range access.Table {
		outside := func(what string, got page) {
			if got.TotalItems != len(got.Items) {
				wrong = append(wrong, fmt.Sprintf("%s: %s counts %d and shows %d", p.name, what, got.TotalItems, len(got.Items)))
			}
			for _, item := range got.Items {
				if !sight[name][item["id"].(string)] {
					wrong = append(wrong, fmt.Sprintf("%s: %s finds %s", p.name, what, item["id"]))
				}
			}
		}
		// One question holds all fields: a hidden record that any of them gave away
		// would be found, and a seen one that any of them missed would not.
		var sorts, either []string
		seen := w.telling(name, all[name], sight[name])
		for f := range row.Fields {
			field := w.collection(name).Fields.GetByName(f)
			if field == nil || field.GetHidden() {
				continue
			}
			sorts = append(sorts, f)
			for _, v := range all[name] {
				if l := literal(v[f]); l != "" && !sight[name][id(v)] {
					either = append(either, fmt.Sprintf(`id = "%s" || %s = %s`, id(v), f, l))
					break
				}
			}
		}
		if len(either) > 0 {
			filter := strings.Join(either, " || ")
			status, got := w.query(p.Token, name, url.Values{"filter": {filter}})
			if status != http.StatusOK {
				wrong = append(wrong, fmt.Sprintf("%s: %s where %s: %d", p.name, name, filter, status))
			}
			outside(name+" where "+filter, got)
			n.hidden += len(either)
		}
		if len(seen) > 0 {
			filter := strings.Join(seen, " && ")
			if status, got := w.query(p.Token, name, url.Values{"filter": {filter}}); status != http.StatusOK || len(got.Items) != 1 {
				wrong = append(wrong, fmt.Sprintf("%s: %s where %s: %d, %d found", p.name, name, filter, status, len(got.Items)))
			}
			n.found += len(seen)
		}
		for some := range slices.Chunk(sorts, 8) { // PocketBase takes eight
			status, got := w.query(p.Token, name, url.Values{"sort": {strings.Join(some, ",-")}})
			if status != http.StatusOK || len(got.Items) != len(sight[name]) {
				wrong = append(wrong, fmt.Sprintf("%s: %s by %v: %d, %d of %d", p.name, name, some, status, len(got.Items), len(sight[name])))
			}
			outside(fmt.Sprintf("%s by %v", name, some), got)
		}
		_, got := w.query(p.Token, name, url.Values{"expand": {strings.Join(w.relations(name), ",")}})
		for _, item := range got.Items {
			w.expanded(item, sight, n, func(what string) { wrong = append(wrong, p.name+": "+name+" expands "+what) })
		}
	}
	return wrong
}

// telling gives what a filter can say of the one record that a person may see
// and of which it can say the most.
func (w *world) telling(collection string, all []access.Values, sight map[string]bool) []string {
	var most []string
	for _, v := range all {
		if !sight[id(v)] {
			continue
		}
		said := []string{fmt.Sprintf(`id = "%s"`, id(v))}
		for f := range access.Table[collection].Fields {
			// An address is its person's to show.
			if l := literal(v[f]); l != "" && f != "email" && f != "emailVisibility" {
				said = append(said, f+" = "+l)
			}
		}
		if len(said) > len(most) {
			most = said
		}
	}
	return most
}

// relations are the relation fields of a collection, there and back, and one
// step further on each way there.
func (w *world) relations(collection string) []string {
	var out []string
	own := w.collection(collection)
	for _, c := range w.collections() {
		for _, f := range c.Fields {
			r, ok := f.(*core.RelationField)
			if !ok {
				continue
			}
			if c.Name == collection {
				out = append(out, r.Name)
				for _, target := range w.collections() {
					for _, next := range target.Fields {
						if further, ok := next.(*core.RelationField); ok && target.Id == r.CollectionId {
							out = append(out, r.Name+"."+further.Name)
						}
					}
				}
			}
			if r.CollectionId == own.Id {
				out = append(out, c.Name+"_via_"+r.Name)
			}
		}
	}
	return out
}

// expanded looks that nothing is expanded that the person may not see.
func (w *world) expanded(item map[string]any, sight map[string]map[string]bool, n *asked, wrong func(string)) {
	inside, _ := item["expand"].(map[string]any)
	for field, value := range inside {
		list, many := value.([]any)
		if !many {
			list = []any{value}
		}
		for _, e := range list {
			record := e.(map[string]any)
			name, _ := record["collectionName"].(string)
			n.expanded++
			if !sight[name][record["id"].(string)] {
				wrong(fmt.Sprintf("%s to %s %s", field, name, record["id"]))
			}
			w.expanded(record, sight, n, wrong)
		}
	}
	name, _ := item["collectionName"].(string)
	for _, f := range w.collection(name).Fields {
		if _, ok := f.(*core.RelationField); ok && item[f.GetName()] != "" && inside[f.GetName()] == nil {
			n.kept++
		}
	}
}

func TestAsking(t *testing.T) {
	w := newWorld(t)
	all := w.snapshot()
	var n asked
	for _, p := range w.kinds() {
		t.Run("[ACCESS] [R8] "+p.name+" learns nothing hidden by filter, sort, count or expand of any field", func(t *testing.T) {
			for _, why := range w.oracle(p, all, &n) {
				t.Error(why)
			}
		})
	}
	t.Run("[ACCESS] there was much to hide, to find, to expand and not to expand", func(t *testing.T) {
		if n.hidden < 300 || n.found < 300 || n.expanded < 300 || n.kept < 100 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("[ACCESS] a rule that stands open is seen by filter, sort and expand", func(t *testing.T) {
		anybody := ""
		for _, name := range []string{"users", "triage"} {
			c := w.collection(name)
			c.ListRule, c.ViewRule = &anybody, &anybody
			if err := w.App.Save(c); err != nil {
				t.Fatal(err)
			}
		}
		found := map[string]bool{}
		for _, why := range w.oracle(w.person("worker A"), all, &n) {
			for _, way := range []string{" where ", " by [", " expands "} {
				found[way] = found[way] || strings.Contains(why, way)
			}
		}
		rig.Want(t, len(found), 3)
		for way, seen := range found {
			if !seen {
				t.Errorf("%s shows nothing", way)
			}
		}
		if err := records.ApplyRules(w.App); err != nil {
			t.Fatal(err)
		}
	})
}

// signedIn gives a token of the web's sign-in: of a person, and of no device.
func (w *world) signedIn(p *person) string {
	w.T.Helper()
	token := ""
	err := w.S.Store.TransactPeople(func(tx *records.People) (err error) {
		token, _, err = tx.BeginSession(p.User.ID, "password", "a browser")
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return token
}

func batch(method, collection, record string, body map[string]any) map[string]any {
	one := map[string]any{"method": method, "url": strings.TrimSuffix("/api/collections/"+collection+"/records/"+record, "/")}
	if body != nil {
		one["body"] = body
	}
	return map[string]any{"requests": []any{one}}
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	seeded := w.snapshot()
	done := map[string]int{}
	for _, p := range w.kinds() {
		who, web := w.now(p), w.signedIn(p)
		// do sends a batch of one, by the device, which is always refused, and then
		// by the web's sign-in, which is for some roles.
		do := func(t *testing.T, what string, want bool, changed func() bool, body map[string]any) {
			t.Helper()
			if status := w.Post(p.Token, "/api/batch", body, nil); status != http.StatusForbidden || changed() {
				t.Errorf("%s by the device: %d, changed %v", what, status, changed())
			}
			want = want && records.SignsIn(who.Role)
			status := w.Post(web, "/api/batch", body, nil)
			if (status == http.StatusOK) != want || changed() != want {
				t.Errorf("%s: %d, changed %v, the table says %v", what, status, changed(), want)
			}
			if want {
				done[what]++
			}
		}
		t.Run("[ACCESS] a batch of "+p.name+" does what the table lets them, and none of their device's", func(t *testing.T) {
			for name, row := range access.Table {
				body, own := w.creation(name, p)
				before := w.count(name)
				do(t, name+" create", own && row.Create != nil && row.Create.Holds(who, access.Values(body)),
					func() bool { return w.count(name) != before }, batch(http.MethodPost, name, "", body))
				tried := map[bool]bool{}
				for _, v := range seeded[name] {
					want := row.Update != nil && row.Update.Holds(who, v)
					if tried[want] {
						continue
					}
					tried[want] = true
					field, value := "", any(nil)
					for field, value = range edits[name] {
					}
					mark := map[string]any{field: value}
					if _, text := value.(string); text && want && field != "locale" && field != "type" && field != "zone" {
						mark[field] = value.(string) + rig.ID() // others were here
					}
					stood := w.standing(name, id(v), field)
					if !want && stood == fmt.Sprint(value) {
						continue
					}
					if field == "zone" && stood == fmt.Sprint(value) { // others were here, and a zone takes no addition
						mark[field] = "America/Denver"
					}
					same := want && stood == fmt.Sprint(mark[field])
					do(t, name+" update", want, func() bool { return same && want || w.standing(name, id(v), field) != stood }, batch(http.MethodPatch, name, id(v), mark))
				}
				tried = map[bool]bool{}
				for _, v := range w.disposable(name, p) {
					want := row.Delete != nil && row.Delete.Holds(who, v)
					if tried[want] {
						continue
					}
					tried[want] = true
					count := w.count(name)
					do(t, name+" delete", want, func() bool { return w.count(name) != count }, batch(http.MethodDelete, name, id(v), nil))
				}
			}
		})
	}
	t.Run("[ACCESS] what those who sign in on the web may write was written by some batch", func(t *testing.T) {
		for _, what := range []string{"organizations create", "organizations update", "sites create", "sites update", "sites delete", "addenda create", "triage update", "conflicts update"} {
			if done[what] == 0 {
				t.Errorf("%s was allowed to nobody: %v", what, done)
			}
		}
	})
	t.Run("[ACCESS] a batch with one thing that is not allowed does nothing of it", func(t *testing.T) {
		p := w.person("coordinator A")
		good, bad := w.Site("Ours", "", w.ngoA), w.Site("Theirs", "", w.ngoB)
		requests := append(batch(http.MethodPatch, "sites", good, map[string]any{"notes": "lit"})["requests"].([]any),
			batch(http.MethodPatch, "sites", bad, map[string]any{"notes": "lit"})["requests"].([]any)...)
		rig.Want(t, w.Post(w.signedIn(p), "/api/batch", map[string]any{"requests": requests}, nil), http.StatusBadRequest)
		rig.Want(t, w.standing("sites", good, "notes"), "")
	})
}

// connect opens a stream of events and gives the id that subscriptions name.
func (w *world) connect() (id string, end func()) {
	w.T.Helper()
	res, err := http.Get(w.URL + "/api/realtime")
	if err != nil {
		w.T.Fatal(err)
	}
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			var first struct {
				ClientID string `json:"clientId"`
			}
			if err := json.Unmarshal([]byte(data), &first); err != nil {
				w.T.Fatal(err)
			}
			return first.ClientID, func() { res.Body.Close() }
		}
	}
	w.T.Fatal("the stream says nothing")
	return "", nil
}

// wide are collections whose changes poke more people than may see them: a poke
// carries nothing, and these are about nobody.
var wide = map[string]bool{"triage_rules": true, "venues": true, "industries": true, "routing_profiles": true, "published_statistics": true}

func TestRealtime(t *testing.T) {
	w := newWorld(t)
	for _, p := range w.kinds() {
		t.Run("[ACCESS] [LIVE-2] "+p.name+" subscribes to no collection and no record, by device or web", func(t *testing.T) {
			client, end := w.connect()
			defer end()
			subscribe := func(token string, topics ...string) int {
				return w.Post(token, "/api/realtime", map[string]any{"clientId": client, "subscriptions": topics}, nil)
			}
			for _, token := range []string{p.Token, w.signedIn(p)} {
				for name := range access.Table {
					for _, topic := range []string{name, name + "/*", name + "/" + id(w.first(name)), "sync," + name} {
						status := subscribe(token, "sync", topic)
						if unknown := status == http.StatusUnauthorized && token != p.Token && !records.SignsIn(access.Role(p.User.Role)); status != http.StatusForbidden && !unknown {
							t.Errorf("%s: %d", topic, status)
						}
					}
				}
			}
			want := http.StatusNoContent
			if p.User.Role == string(access.Manager) {
				want = http.StatusForbidden
			}
			rig.Want(t, subscribe(p.Token, "sync"), want)
		})
	}
	t.Run("[ACCESS] [LIVE-1] a change pokes who may see the record, in every collection, and nobody else", func(t *testing.T) {
		var mu sync.Mutex
		var last time.Time // of the newest poke
		poked := map[string]bool{}
		for _, p := range w.kinds() {
			record, err := w.App.FindRecordById("users", p.User.ID)
			if err != nil {
				t.Fatal(err)
			}
			c := subscriptions.NewDefaultClient()
			c.Set("auth", record)
			c.Subscribe("sync")
			w.App.SubscriptionsBroker().Register(c)
			defer w.App.SubscriptionsBroker().Unregister(c.Id())
			go func() {
				for range c.Channel() {
					mu.Lock()
					poked[p.name], last = true, time.Now()
					mu.Unlock()
				}
			}()
		}
		for name, row := range access.Table {
			var about access.Values
			w.Clock.Add(time.Minute)
			if name == records.AuditCollection { // nobody changes an entry, so one more
				if err := w.S.Store.Audit(records.Audit{Act: records.ActSettings, Organization: w.ngoA}); err != nil {
					t.Fatal(err)
				}
				about = access.Values{"organization": w.ngoA}
			} else {
				about = w.first(name)
				w.set(name, id(about), edits[name])
			}
			want, nobody := map[string]bool{}, true
			for _, p := range w.kinds() {
				want[p.name] = row.List.Holds(w.now(p), about) && p.User.Role != string(access.Manager)
				nobody = nobody && !want[p.name]
			}
			if nobody {
				t.Errorf("%s: nobody is to be poked", name)
			}
			look := func() (wrong string) {
				mu.Lock()
				defer mu.Unlock()
				for who := range want {
					if poked[who] != want[who] && !(wide[name] && poked[who]) {
						wrong += fmt.Sprintf(" %s: poked %v", who, poked[who])
					}
				}
				return wrong
			}
			for range 500 {
				if look() == "" {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			// Until it is quiet for longer than pokes rest (LIVE-1): one that was held
			// back is this change's, and comes only when the hub's clock moves on.
			for quiet := time.Now(); time.Since(quiet) < 600*time.Millisecond; time.Sleep(20 * time.Millisecond) {
				w.Clock.Add(300 * time.Millisecond)
				mu.Lock()
				if last.After(quiet) {
					quiet = last
				}
				mu.Unlock()
			}
			wrong := look()
			if wrong != "" {
				t.Errorf("%s:%s", name, wrong)
			}
			mu.Lock()
			clear(poked)
			mu.Unlock()
		}
	})
}

// first gives a record that somebody other than its own person may see.
func (w *world) first(collection string) access.Values {
	w.T.Helper()
	for _, v := range w.all(collection) {
		for _, p := range w.kinds() {
			if access.Table[collection].List.Holds(w.now(p), v) && p.User.Role != string(access.Manager) {
				return v
			}
		}
	}
	w.T.Fatalf("nobody sees any %s", collection)
	return nil
}

// fill brings the world to this many records: reports of many people at many
// places with their triage, some with addenda, some moved to other hands.
func (w *world) fill(records int) {
	w.T.Helper()
	total := func() (n int) {
		for name := range access.Table {
			n += w.count(name)
		}
		return n
	}
	authors := []string{"worker A", "second worker A", "worker B", "staff X1", "staff X2", "staff X1 and X2", "staff Y1"}
	sites := map[string][]string{"worker A": {"", w.x1, w.y1}, "second worker A": {w.y1}, "worker B": {"", w.x2}, "staff X1 and X2": {w.x1, w.x2}}
	for round := 0; total() < records; round++ {
		p := w.person(authors[round%len(authors)])
		var push []wire.Mutation
		for i := range 40 {
			w.Clock.Add(time.Second)
			collection, fields := "submissions", w.filled
			if p.User.Role == string(access.Worker) && i%2 == 0 {
				collection, fields = "observations", w.Observation("")
			}
			if at := sites[p.name]; len(at) > 0 && at[i%len(at)] != "" {
				fields = maps.Clone(fields)
				fields["site"] = at[i%len(at)]
			}
			report := rig.ID()
			push = append(push, p.Mutation(rig.Create(collection, report, fields)))
			if i%8 == 0 {
				push = append(push, p.Mutation(rig.Create("addenda", rig.ID(), map[string]any{strings.TrimSuffix(collection, "s"): report, "text": odd})))
			}
		}
		for _, v := range p.Push(push...) {
			w.applied(v)
		}
	}
	// Hands change: who served a site serves it no longer, a person leaves.
	w.set("sites", w.y1, map[string]any{"served_by": w.ngoB})
	w.set("users", w.person("second worker A").User.ID, map[string]any{"organization": w.ngoB})
	for i, v := range w.all("submissions") {
		if i%50 == 0 {
			w.set("submissions", id(v), map[string]any{"organization": w.shelter})
		}
	}
}

// TestLargeWorld compares pull and list where a page does not hold all.
func TestLargeWorld(t *testing.T) {
	w := newWorld(t)
	w.filled = w.submission()
	w.fill(2000)
	all := w.snapshot()
	total, most := 0, 0
	for _, records := range all {
		total += len(records)
	}
	t.Run("[ACCESS] the world has 2,000 records", func(t *testing.T) {
		if total < 2000 || total > 3000 {
			t.Fatalf("%d records", total)
		}
	})
	roles := map[string]bool{}
	for _, p := range w.kinds() {
		roles[p.User.Role] = true
		t.Run("[PULL-1] [ACCESS] among 2,000 records the pull of "+p.name+" is the list API's, record by record and byte by byte", func(t *testing.T) {
			view, sight, n := p.Fresh(), all.sight(w.now(p)), 0
			for name := range access.Table {
				listed := w.listAll(p.Token, name)
				n += len(listed)
				if why := differ(listed, view[name]); why != "" {
					t.Errorf("%s:\n%s", name, why)
				}
				if len(listed) != len(sight[name]) {
					t.Errorf("%s: %d are listed, the table shows %d", name, len(listed), len(sight[name]))
				}
			}
			most = max(most, n)
		})
	}
	t.Run("[ACCESS] somebody of every role was there, and somebody saw more than two pages", func(t *testing.T) {
		rig.Want(t, len(roles), len(access.Roles))
		if most < 1000 {
			t.Errorf("the most that anybody saw were %d", most)
		}
	})
}

// listAll asks the list API page by page.
func (w *world) listAll(token, collection string) map[string]fields {
	w.T.Helper()
	out := map[string]fields{}
	for n := 1; n < 100; n++ {
		var got struct {
			TotalItems int      `json:"totalItems"`
			Items      []fields `json:"items"`
		}
		w.Send(http.MethodGet, token, fmt.Sprintf("/api/collections/%s/records?perPage=500&sort=id&page=%d", collection, n), nil, &got)
		for _, item := range got.Items {
			var id string
			if err := json.Unmarshal(item["id"], &id); err != nil {
				w.T.Fatal(err)
			}
			out[id] = bare(item)
		}
		if len(out) >= got.TotalItems {
			return out
		}
	}
	w.T.Fatalf("the list of %s does not end", collection)
	return nil
}

// openFiles names the file fields that anybody with the address could read.
func (w *world) openFiles() []string {
	var out []string
	for _, c := range w.collections() {
		for _, f := range c.Fields {
			if file, ok := f.(*core.FileField); ok && !file.Protected {
				out = append(out, c.Name+"."+file.Name)
			}
		}
	}
	return out
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	t.Run("[ACCESS] every file field is protected, and one that is not is found", func(t *testing.T) {
		rig.Want(t, w.openFiles(), []string(nil))
		c := core.NewBaseCollection("smuggled")
		c.Fields.Add(&core.FileField{Name: "picture", MaxSelect: 1})
		if err := w.App.Save(c); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, w.openFiles(), []string{"smuggled.picture"})
		if err := w.App.Delete(c); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("[ACCESS] nobody gets a file of a record that they may not see, with a file token or without", func(t *testing.T) {
		for _, p := range w.kinds() {
			var file struct{ Token string }
			w.Post(p.Token, "/api/files/token", nil, &file)
			for name, row := range access.Table {
				for _, v := range w.all(name) {
					if row.List != nil && row.List.Holds(w.now(p), v) {
						continue
					}
					files := []string{"x.jpg"}
					for _, f := range w.collection(name).Fields {
						if _, ok := f.(*core.FileField); ok {
							files = append(files, fmt.Sprint(v[f.GetName()]))
						}
					}
					for _, f := range files {
						if status := w.Send(http.MethodGet, p.Token, "/api/files/"+name+"/"+id(v)+"/"+url.PathEscape(f)+"?token="+file.Token, nil, nil); status < 400 {
							t.Errorf("%s gets %s of %s %s: %d", p.name, f, name, id(v), status)
						}
					}
					break
				}
			}
		}
	})
}
