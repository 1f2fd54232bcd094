package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

// firstStart is a wall clock for tests: what a demo holds depends on the hour.
var firstStart = time.Date(2026, 3, 5, 21, 40, 0, 0, time.UTC)

// folder is an open data folder that nobody serves.
type folder struct {
	t   *testing.T
	dir string
	app core.App
	s   *wiring.Services
}

func openFolder(t *testing.T, dir string, clock *Clock) *folder {
	t.Helper()
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
	s := wiring.New(app, wiring.Config{Now: clock.Now})
	hooks.Register(app, s)
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	return &folder{t, dir, app, s}
}

func (f *folder) close() {
	f.t.Helper()
	f.s.Exchange.Close()
	if err := f.app.ResetBootstrapState(); err != nil {
		f.t.Fatal(err)
	}
}

// prepare is one start of the demo on a folder, at a wall time.
func prepare(t *testing.T, ctx context.Context, dir string, wall time.Time) (*folder, *World, error) {
	t.Helper()
	clock := &Clock{wall: func() time.Time { return wall }}
	if _, err := os.Stat(filepath.Join(dir, "data.db")); errors.Is(err, os.ErrNotExist) { // as NewClock does
		clock.set(wall.Add(-past))
	}
	f := openFolder(t, dir, clock)
	w, err := Prepare(ctx, f.s, clock)
	return f, w, err
}

func filledFolder(t *testing.T) (*folder, *World) {
	t.Helper()
	f, w, err := prepare(t, t.Context(), t.TempDir(), firstStart)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	return f, w
}

// counts is what a demo holds.
func (f *folder) counts() map[string]int64 {
	f.t.Helper()
	out := map[string]int64{}
	for _, c := range wiring.Collections() {
		n, err := f.app.CountRecords(c)
		if err != nil {
			f.t.Fatal(err)
		}
		out[c] = n
	}
	// But for the turns of the joint effort, which go by the clock of each start.
	var entries int64
	err := f.app.DB().NewQuery("SELECT count(*) FROM journal_entry WHERE NOT (collection = 'users' AND op = 'update')").Row(&entries)
	if err != nil {
		f.t.Fatal(err)
	}
	out["journal"] = entries
	return out
}

func (f *folder) all(collection string) []*core.Record {
	f.t.Helper()
	records, err := f.app.FindAllRecords(collection)
	if err != nil {
		f.t.Fatal(err)
	}
	return records
}

// organization is the id of one by its name.
func (f *folder) organization(name string) string {
	f.t.Helper()
	r, err := f.app.FindFirstRecordByData("organizations", "name", name)
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Id
}

// cutShort is a context that ends after it was looked at some times.
type cutShort struct {
	context.Context
	left int
}

func (c *cutShort) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

func TestPrepare(t *testing.T) {
	f, first := filledFolder(t)
	whole := f.counts()
	t.Run("[DEMO] a second start on the same folder gives the same codes and makes nothing", func(t *testing.T) {
		f.close()
		again, second, err := prepare(t, t.Context(), f.dir, firstStart.Add(50*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		defer again.close()
		testrig.Want(t, second.Invites, first.Invites)
		testrig.Want(t, second.Superuser, first.Superuser)
		testrig.Want(t, again.counts(), whole)
	})
	t.Run("[DEMO] a start that was cut short is continued, and ends with as much as one that was not", func(t *testing.T) {
		dir := t.TempDir()
		for i, steps := range []int{0, 1, 7, 3, 30} {
			half, _, err := prepare(t, &cutShort{t.Context(), steps}, dir, firstStart.Add(time.Duration(i)*time.Hour))
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("after %d steps: %v", steps, err)
			}
			if n := half.counts()["journal"]; n >= whole["journal"] {
				t.Fatalf("after %d steps all was made: %d entries", steps, n)
			}
			half.close()
		}
		done, other, err := prepare(t, t.Context(), dir, firstStart.Add(9*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		defer done.close()
		testrig.Want(t, done.counts(), whole)
		if other.Invites.Worker == first.Invites.Worker || other.Superuser.Password == first.Superuser.Password {
			t.Error("two installations have one code or password")
		}
	})
	t.Run("[DEMO] a folder with real people in it is refused and stays as it is", func(t *testing.T) {
		r := testrig.New(t)
		r.Organization("Somebody real")
		before := r.Entries()
		_, err := Prepare(t.Context(), r.S, &Clock{wall: time.Now})
		if !errors.Is(err, ErrNotDemo) {
			t.Fatal(err)
		}
		testrig.Want(t, r.Entries(), before)
	})
}

func TestPast(t *testing.T) {
	f, _ := filledFolder(t)
	t.Run("[DEMO] there are people in every role", func(t *testing.T) {
		roles := map[string]int{}
		for _, u := range f.all("users") {
			roles[u.GetString("role")]++
		}
		testrig.Want(t, roles, map[string]int{"worker": workers + neighbourly*len(neighbours), "staff": staffPerSite * len(sites), "manager": len(sites),
			"coordinator": coordinators + len(neighbours), "law_enforcement": officers, "provider": helpers, "admin": 1})
	})
	t.Run("[DEMO] every organization and site says in its name that it is invented", func(t *testing.T) {
		for _, c := range []string{"organizations", "sites"} {
			for _, r := range f.all(c) {
				if name := r.GetString("name"); len(name) < 10 || name[len(name)-10:] != "(invented)" {
					t.Errorf("%s: %s", c, name)
				}
			}
		}
	})
	t.Run("[DEMO] every site is on the map, and reports of night stops in its cell", func(t *testing.T) {
		for _, r := range f.all("sites") {
			if point := r.GetString("point"); !strings.Contains(point, `"lat":`) {
				t.Errorf("site %s: %s", r.Id, point)
			}
		}
		for _, r := range f.all("observations") {
			if len(r.GetString("grid")) != 5 {
				t.Errorf("observation %s: %q", r.Id, r.GetString("grid"))
			}
		}
	})
	t.Run("[DEMO] one operation runs at the first start, with outreach and police on its roster, and the newest reports of outreach are of it", func(t *testing.T) {
		found := f.all("operations")
		testrig.Want(t, len(found), 1)
		testrig.Want(t, len(f.all("rosters")), workers+coordinators+officers+neighbourly+1)
		unknown := f.organization(neighbours[1])
		for _, u := range f.all("users") {
			on := []string{}
			switch u.GetString("role") {
			case "worker", "coordinator", "law_enforcement":
				if u.GetString("organization") != unknown {
					on = append(on, found[0].Id)
				}
			}
			testrig.Want(t, u.GetStringSlice("operations"), on)
		}
		of, begins := 0, found[0].GetDateTime("begins").Time()
		for _, r := range f.all("observations") {
			if o := r.GetString("operation"); o != "" {
				testrig.Want(t, o, found[0].Id)
				testrig.Want(t, r.GetDateTime("received").Time().After(begins), true)
				of++
			}
		}
		if of < 3 {
			t.Errorf("%d reports are of it", of)
		}
	})
	t.Run("[DEMO] what is told across organizations is not empty, and one that takes part is shown what is of the joint effort, and no more", func(t *testing.T) {
		first := f.organization(neighbours[0])
		for _, u := range f.all("users") {
			own := u.GetString("organization")
			if u.GetString("role") != "coordinator" {
				continue
			}
			counts, err := f.s.Store.Counts(u.Id)
			if err != nil {
				t.Fatal(err)
			}
			told := 0
			for _, w := range counts.Weeks {
				told += w.Reports
			}
			if counts.Organizations != len(neighbours) || told == 0 {
				t.Errorf("coordinator of %s: %d others, %d reports", own, counts.Organizations, told)
			}
			if own != first {
				continue
			}
			who, err := f.s.Store.Person(f.app, u.Id)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[bool]int{}
			for _, r := range f.all("observations") {
				if access.Table["observations"].List.Holds(*who, records.Values(r)) {
					if r.GetString("organization") != first && r.GetString("operation") == "" {
						t.Errorf("observation %s of another organization is shown", r.Id)
					}
					seen[r.GetString("organization") == first]++
				}
			}
			if seen[true] < 20 || seen[false] == 0 {
				t.Error(seen)
			}
		}
	})
	t.Run("[R19] reports have times of receipt of several days, after what happened and never younger than the start", func(t *testing.T) {
		days, off := map[string]bool{}, map[string]int{}
		for _, c := range []string{"observations", "submissions"} {
			for _, r := range f.all(c) {
				received, happened := r.GetDateTime("received").Time(), r.GetDateTime("event_time").Time()
				if received.After(firstStart) || received.Before(firstStart.Add(-past)) || happened.After(received) {
					t.Errorf("%s %s: happened %s, received %s", c, r.Id, happened, received)
				}
				days[received.Format(time.DateOnly)] = true
				off[r.GetString("clock_off")]++
			}
		}
		if len(days) < 5 || off["ok"] == 0 || off["minutes"] == 0 || off["hours"] == 0 {
			t.Fatal(days, off)
		}
	})
	t.Run("[TRIAGE] coordinators have opened, claimed and closed some, and the newest wait", func(t *testing.T) {
		seen := map[string]int{}
		arrived := map[string]time.Time{}
		for _, c := range []string{"observations", "submissions"} {
			for _, r := range f.all(c) {
				arrived[r.Id] = r.GetDateTime("received").Time()
			}
		}
		for _, r := range f.all("triage") {
			if at := r.GetDateTime("opened").Time(); !at.IsZero() && at.Before(arrived[r.GetString("observation")+r.GetString("submission")]) {
				t.Errorf("triage %s: opened %s, before it arrived", r.Id, at)
			}
			seen["suggested "+r.GetString("suggested")]++
			seen[r.GetString("status")]++
			if r.GetString("opened") == "" {
				seen["unopened"]++
			}
			if r.GetString("claimed_by") != "" {
				seen["claimed"]++
			}
			if (r.GetString("status") == "closed") != (r.GetString("closing_reason") != "") {
				t.Errorf("triage %s: closed and why do not fit", r.Id)
			}
		}
		for _, what := range []string{"suggested context", "suggested review", "suggested emergency", "open", "review", "emergency", "closed", "unopened", "claimed"} {
			if seen[what] == 0 {
				t.Errorf("none is %s: %v", what, seen)
			}
		}
		testrig.Want(t, len(f.all("triage")), len(f.all("observations"))+len(f.all("submissions")))
	})
	t.Run("[PUSH-6] one refused report is in quarantine, and [MERGE-2] one note that gave way in conflicts", func(t *testing.T) {
		held, notes := f.all("quarantine"), f.all("conflicts")
		if len(held) != 1 || held[0].GetString("code") != "not_allowed" || len(notes) != 1 || notes[0].GetString("field") != "note" {
			t.Fatal(held, notes)
		}
	})
	t.Run("[R8] reports of staff name no author and hold no free text", func(t *testing.T) {
		staff := 0
		for _, r := range f.all("submissions") {
			if r.GetString("about") != "" {
				staff++
				if r.GetString("author") != "" || r.GetString("note") != "" {
					t.Errorf("submission %s names %q and says %q", r.Id, r.GetString("author"), r.GetString("note"))
				}
			}
		}
		if staff == 0 {
			t.Fatal("there are no reports of staff")
		}
	})
	t.Run("[DEMO] checklists were filled in their newest version, in English and in Spanish", func(t *testing.T) {
		newest, filled := map[string]int{}, map[string]int{}
		lists := map[string]*core.Record{}
		for _, l := range f.all("checklists") {
			lists[l.Id] = l
			newest[l.GetString("key")] = max(newest[l.GetString("key")], l.GetInt("version"))
		}
		for _, r := range f.all("submissions") {
			l := lists[r.GetString("checklist")]
			if l.GetInt("version") != newest[l.GetString("key")] {
				t.Errorf("submission %s is of %s version %d", r.Id, l.GetString("key"), l.GetInt("version"))
			}
			filled[l.GetString("locale")]++
		}
		if filled["en"] == 0 || filled["es"] == 0 || newest["hotel_front"] < 2 {
			t.Error(filled, newest)
		}
	})
	t.Run("[JOURNAL-2] the chain is whole, and no entry that tells its time is older than the one before", func(t *testing.T) {
		report, err := f.s.Store.Journal().Verify()
		if err != nil || report.Bad != 0 || report.Entries < 300 {
			t.Fatalf("%+v %v", report, err)
		}
		var back int
		err = f.app.DB().NewQuery(`SELECT count(*) FROM journal_entry a JOIN journal_entry b ON b.seq=(SELECT min(seq) FROM journal_entry
			WHERE seq>a.seq AND collection NOT IN ('users','devices','invites'))
			WHERE b.at<a.at AND a.collection NOT IN ('users','devices','invites')`).Row(&back)
		if err != nil || back != 0 {
			t.Fatal(back, err)
		}
	})
	t.Run("[DEMO] afterwards the clock is the system's", func(t *testing.T) {
		testrig.Want(t, f.s.Store.Now(), firstStart)
	})
	t.Run("[TRIAGE] what is noticed is as urgent as wanted", func(t *testing.T) {
		h, err := newHistory(f.s, &Clock{wall: time.Now}, &taskForce{start: firstStart, sites: map[string]string{}, phones: map[string]*phone{}})
		if err != nil {
			t.Fatal(err)
		}
		for key, l := range h.lists {
			for range 40 {
				for _, how := range []urgency{review, pressing} {
					noticed := h.by.notice(l.items, how)
					first := slices.IndexFunc(l.items, func(i item) bool { return len(noticed) > 0 && i.id == noticed[0] })
					if first < 0 || l.items[first].weight != notices[how] {
						t.Fatalf("%s: for %s it has %v", key, how, noticed)
					}
				}
				for _, id := range h.by.notice(l.items, plain) {
					if i := slices.IndexFunc(l.items, func(i item) bool { return i.id == id }); l.items[i].weight != notices[plain] {
						t.Fatalf("%s: %s is not %s", key, id, plain)
					}
				}
			}
		}
	})
	t.Run("[R2] no note holds a number or anything that looks like a name or an address", func(t *testing.T) {
		for _, note := range slices.Concat(lotNotes, hotelNotes, quietNotes) {
			for _, c := range note {
				if c >= '0' && c <= '9' || c == '@' {
					t.Errorf("%s", fmt.Sprintf("%q holds %q", note, c))
				}
			}
		}
	})
}
