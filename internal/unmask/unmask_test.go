package unmask

import (
	"bytes"
	"flag"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

var (
	full = flag.Bool("full", false, "the whole world: 200 reports by 20 staff over five weeks")
	seed = flag.Int64("seed", 1, "of the world")
)

// scale is how large a world is.
type scale struct{ sites, staff, reports, days int }

// world is a district in which staff of several sites come one after another,
// report at odd times, with clocks that are off, at once or days later, through
// their own sync or a colleague's, and others look at it. truth tells who wrote
// what.
type world struct {
	*rig.Rig
	rnd       *rand.Rand
	truth     map[string]string // report -> person
	snapshots []*Snapshot
	stolen    string
}

type worker struct {
	d      *client.Device
	person string
	site   string
	joins  time.Time
}

type event struct {
	at time.Time
	do func()
}

func newWorld(t *testing.T, sealing records.Sealing, s scale) *world {
	t.Helper()
	r := rig.New(t)
	r.S.Store.Sealing = sealing
	w := &world{Rig: r, rnd: rand.New(rand.NewSource(*seed)), truth: map[string]string{}, stolen: t.TempDir()}
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotels")
	keisha := r.Enroll(access.Coordinator, ngo)
	begin := r.Clock.Now()
	span := time.Duration(s.days) * 24 * time.Hour
	at := func(from time.Time, part float64) time.Time {
		return from.Add(time.Duration(w.rnd.Float64() * part * float64(span))).Truncate(time.Millisecond)
	}
	var events []event
	var all []*worker
	var sites []string
	for range s.sites {
		sites = append(sites, r.Site("Site "+rig.ID(), hotel, ngo))
	}
	for i := range s.staff {
		p := &worker{site: sites[i%len(sites)], joins: at(begin, 0.5)}
		skew := time.Duration(w.rnd.Intn(200_000)-100_000) * time.Millisecond
		path := filepath.Join(t.TempDir(), "device.db")
		all = append(all, p)
		events = append(events, event{p.joins, func() {
			d, err := client.Open(path, client.Options{Now: func() time.Time { return r.Clock.Now().Add(skew) }})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { d.Close() })
			who, err := d.Enroll(t.Context(), r.URL, r.Invite(access.Staff, hotel, 1, p.site), "phone")
			if err != nil {
				t.Fatal(err)
			}
			p.d, p.person = d, who.ID
		}})
		for range w.rnd.Intn(6) { // syncs with nothing to send
			when := at(p.joins, 0.9)
			events = append(events, event{when, func() { w.sync(t, p) }})
		}
	}
	// Some write much, some little.
	var turns []*worker
	for i, p := range all {
		for range 1 + i%4*2 {
			turns = append(turns, p)
		}
	}
	for range s.reports {
		p := turns[w.rnd.Intn(len(turns))]
		left := begin.Add(span).Sub(p.joins)
		when := p.joins.Add(30*time.Minute + time.Duration(w.rnd.Float64()*0.9*float64(left))).Truncate(time.Millisecond)
		how := w.rnd.Intn(10)
		events = append(events, event{when, func() { w.report(t, p, how > 2) }})
		if how <= 2 { // no coverage: later, with whatever else waits
			by := all[w.rnd.Intn(len(all))]
			events = append(events, event{when.Add(time.Duration(1+w.rnd.Intn(80)) * time.Hour), func() {
				if how == 0 && by != p && by.d != nil {
					w.carry(t, p, by)
				}
				w.sync(t, p)
			}})
		}
		if w.rnd.Intn(3) == 0 {
			events = append(events, event{when.Add(time.Duration(1+w.rnd.Intn(2000)) * time.Minute), func() { w.open(keisha) }})
		}
	}
	for d := 1; d <= s.days; d++ {
		events = append(events, event{begin.Add(time.Duration(d)*24*time.Hour - time.Minute), func() { w.steal(t, false) }})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		if left := e.at.Sub(r.Clock.Now()); left > 0 {
			r.Clock.Add(left)
		}
		e.do()
	}
	for _, p := range all { // whatever waited
		r.Clock.Add(time.Duration(w.rnd.Intn(60)) * time.Minute)
		w.sync(t, p)
	}
	w.steal(t, true)
	return w
}

func (w *world) sync(t *testing.T, p *worker) {
	t.Helper()
	if p.d == nil {
		return
	}
	if _, err := p.d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) report(t *testing.T, p *worker, now bool) {
	t.Helper()
	lists, err := p.d.NewestChecklists()
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) == 0 { // the first sync brings them
		w.sync(t, p)
		if lists, err = p.d.NewestChecklists(); err != nil || len(lists) == 0 {
			t.Fatal("no checklist", err)
		}
	}
	list := lists[w.rnd.Intn(len(lists))]
	saved, err := p.d.Fill(client.Submission{Checklist: list.Key, EventTime: w.Clock.Now().Add(-time.Duration(w.rnd.Intn(90)) * time.Minute),
		Answers: map[string]string{list.Items[0].ID: []string{"yes", "no", "unsure"}[w.rnd.Intn(3)]}, Details: client.Details{Site: p.site}})
	if err != nil {
		t.Fatal(err)
	}
	w.truth[saved.IDs[0]] = p.person
	if now {
		w.sync(t, p)
	}
}

// carry hands what waits on one device in through another's session.
func (w *world) carry(t *testing.T, p, by *worker) {
	t.Helper()
	var file bytes.Buffer
	out, err := p.d.ExportRecovery(&file, false)
	if err != nil {
		t.Fatal(err)
	}
	if out.Mutations > 0 {
		if _, err := by.d.DeliverRecovery(t.Context(), &file); err != nil {
			t.Fatal(err)
		}
	}
}

// open has the coordinator open the oldest report that is not.
func (w *world) open(keisha *rig.Device) {
	var id string
	err := w.App.DB().NewQuery("SELECT id FROM triage WHERE opened='' LIMIT 1").Row(&id)
	if err == nil {
		keisha.Do(rig.Update("triage", id, w.Entries(), map[string]any{"opened": true}))
	}
}

// steal takes a backup, or at the end the folder as it is: without the key.
func (w *world) steal(t *testing.T, live bool) {
	t.Helper()
	to := filepath.Join(w.stolen, w.Clock.Now().Format("20060102150405"))
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if live {
		w.App.Logger().Info("the last line")
		time.Sleep(100 * time.Millisecond)
		names, err := filepath.Glob(filepath.Join(w.Dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
				continue
			}
			raw, err := os.ReadFile(name)
			if err == nil {
				err = os.WriteFile(filepath.Join(to, filepath.Base(name)), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	} else {
		for name, db := range map[string]dbx.Builder{"data.db": w.App.ConcurrentDB(), "auxiliary.db": w.App.AuxConcurrentDB()} {
			if _, err := db.NewQuery("VACUUM INTO {:to}").Bind(dbx.Params{"to": filepath.Join(to, name)}).Execute(); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := Read(to, w.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	w.snapshots = append(w.snapshots, s)
}

// best is the method that names the most.
func best(list []Verdict) Verdict {
	return slices.MaxFunc(list, func(a, b Verdict) int { return a.Right - b.Right })
}

// TestUnmask is the acceptance of R9 on stored data. Without flags the world is
// small; `make unmask` runs the whole one.
func TestUnmask(t *testing.T) {
	s := scale{sites: 2, staff: 8, reports: 40, days: 8}
	if *full {
		s = scale{sites: 4, staff: 20, reports: 200, days: 35}
	}
	judge := func(t *testing.T, sealing records.Sealing) []Verdict {
		t.Helper()
		w := newWorld(t, sealing, s)
		c := Open(w.snapshots)
		if len(c.Reports) != len(w.truth) || len(c.Reports) < s.reports*9/10 || len(c.People) != s.staff {
			t.Fatalf("%d reports of %d, %d people of %d", len(c.Reports), len(w.truth), len(c.People), s.staff)
		}
		list := Judge(c, w.truth)
		for _, v := range list {
			t.Logf("%3d of %d right, %3d guessed (chance %.1f, bound %d): %s", v.Right, v.Of, v.Undecided, v.Chance, v.Bound, v.Method)
		}
		return list
	}
	t.Run("[R9] who has database, backups and logs but not the key names no more authors than by guessing among those who were there", func(t *testing.T) {
		for _, v := range judge(t, records.SealingOn) {
			if v.Right > v.Bound {
				t.Errorf("%d of %d, chance %.1f, bound %d: %s", v.Right, v.Of, v.Chance, v.Bound, v.Method)
			}
		}
	})
	t.Run("[R9] the control: with sealing switched off the same program names at least 95 in 100", func(t *testing.T) {
		if v := best(judge(t, records.SealingOff)); v.Right*100 < v.Of*95 {
			t.Errorf("only %d of %d: %s", v.Right, v.Of, v.Method)
		}
	})
	if !*full {
		return // the next control is a world more, for `make unmask`
	}
	t.Run("[R9] the control: one pseudonym for each device would be found out by order, days and clocks", func(t *testing.T) {
		if v := best(judge(t, records.SealingPseudonyms)); v.Right <= v.Bound {
			t.Errorf("only %d of %d: the program is too weak to prove anything (%s)", v.Right, v.Of, v.Method)
		}
	})
}

func TestQuantile(t *testing.T) {
	t.Run("[R9] the bound of guessing is the quantile of independent throws", func(t *testing.T) {
		// Of ten fair coins more than 9 heads come once in 1,024 times.
		coins := slices.Repeat([]float64{0.5}, 10)
		rig.Want(t, []int{quantile(coins, 0.999), quantile(coins, 0.9995), quantile(coins, 0.5), quantile(nil, 0.999)}, []int{9, 10, 5, 0})
		rig.Want(t, quantile([]float64{1, 1, 0}, 0.999), 2)
	})
	t.Run("[R9] what the program takes for a time and a mark", func(t *testing.T) {
		rig.Want(t, momentsOf("a=2026-01-11 04:55:00.000Z b=1768107300000 c=20260111 d=17681073000001"), []int64{1768107300000, 1768107300000})
		rig.Want(t, []string{tail("1768107300000-0000-abc"), tail(`{"d":{"w":"1-0000-abc"}}`), head("17-0000-abc")}, []string{"abc", "abc", "17"})
		rig.Want(t, strings.Contains(wire.TimeFormat, "T"), true)
	})
}
