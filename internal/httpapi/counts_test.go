package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// force is a task force of three organizations that run outreach.
type force struct {
	*rig.Rig
	t        *testing.T
	keisha   *rig.Device // coordinator of the first
	workers  [3]*rig.Device
	sites    [3]string
	list     string
	version  int
	business string
}

func newForce(t *testing.T) *force {
	t.Helper()
	f := &force{Rig: rig.New(t), t: t}
	f.business = f.Organization("A hotel")
	for i, name := range []string{"First", "Second", "Third"} {
		org := f.Organization(name)
		f.sites[i] = f.Site("Of "+name, f.business, org)
		f.workers[i] = f.Enroll(access.Worker, org)
		if i == 0 {
			f.keisha = f.Enroll(access.Coordinator, org)
			f.Make("duty_hours", map[string]any{"organization": org, "zone": "America/Chicago", "hours": []any{}, "exceptions": []any{}, "mail": []any{}, "second": []any{}})
		}
	}
	list, err := f.App.FindFirstRecordByData("checklists", "key", "hotel_front")
	if err != nil {
		t.Fatal(err)
	}
	f.list, f.version = list.Id, list.GetInt("version")
	f.nextWeek()
	return f
}

// nextWeek turns the clock to the next Tuesday.
func (f *force) nextWeek() {
	now := f.Clock.Now()
	f.Clock.Add(now.Truncate(24*time.Hour).AddDate(0, 0, 8-(int(now.Weekday())+6)%7).Sub(now))
}

func (f *force) stops(of, n int) {
	f.t.Helper()
	for range n {
		f.applied(f.workers[of].Create("observations", f.Observation(f.sites[of])))
	}
}

func (f *force) filled(d *rig.Device, site string, n int, more map[string]any) {
	f.t.Helper()
	for range n {
		fields := map[string]any{"checklist": f.list, "version": f.version, "site": site, "event_time": "2026-01-11T05:55:00.000Z", "answers": map[string]any{"hotel_front.01": "yes", "hotel_front.02": "no"}}
		for k, v := range more {
			fields[k] = v
		}
		f.applied(d.Create("submissions", fields))
	}
}

func (f *force) applied(_ string, v wire.Verdict) {
	f.t.Helper()
	if v.Verdict != wire.Applied {
		f.t.Fatalf("%+v", v)
	}
}

func (f *force) ask(d *rig.Device) (int, wire.Counts) {
	f.t.Helper()
	var out wire.Counts
	status := f.Send(http.MethodGet, d.Token, "/api/fieldpost/counts", nil, &out)
	return status, out
}

// last is what the coordinator is told of the last completed weeks.
func (f *force) last(n int) string {
	f.t.Helper()
	status, out := f.ask(f.keisha)
	rig.Want(f.t, []int{status, len(out.Weeks)}, []int{200, 12})
	s := ""
	for _, w := range out.Weeks[:n] {
		s += fmt.Sprintf("%d %v %v %v|", w.Reports, w.Setting, w.Venue, w.Indicator)
	}
	return s
}

func TestCounts(t *testing.T) {
	f := newForce(t)
	const nothing = "0 map[] map[] map[]|"
	t.Run("[ACCESS] the counts of the others are for coordinators and admins, and for no other role", func(t *testing.T) {
		for _, role := range access.Roles {
			org := f.keisha.User.Organization
			var sites []string
			switch role {
			case access.Staff, access.Manager:
				org, sites = f.business, f.sites[:1]
			}
			status, out := f.ask(f.Enroll(role, org, sites...))
			want := 403
			if role == access.Coordinator || role == access.Admin {
				want = 200
			}
			if status != want || (want == 403 && len(out.Weeks) > 0) {
				t.Fatalf("%s gets %d and %d weeks", role, status, len(out.Weeks))
			}
		}
	})
	t.Run("[ACCESS] of the running week nothing is told, however often one asks; of a completed one steps of 5, without what is one's own", func(t *testing.T) {
		f.stops(0, 9)
		f.filled(f.workers[0], f.sites[0], 9, nil)
		for range 7 {
			f.stops(1, 1)
			rig.Want(t, f.last(2), nothing+nothing)
		}
		f.filled(f.workers[2], f.sites[2], 6, nil)
		f.nextWeek()
		rig.Want(t, f.last(2), "10 map[hotel_front:5 observation:5] map[hotel:10] map[core.01:5 hotel_front.01:5]|"+nothing)
	})
	t.Run("[ACCESS] what was said of a week is never said otherwise, though late ones come and reports change", func(t *testing.T) {
		said := f.last(1)
		f.stops(1, 4)
		if _, err := f.App.DB().NewQuery("DELETE FROM observations WHERE organization<>'x'").Execute(); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, f.last(1), said)
		f.nextWeek()
		rig.Want(t, f.last(2), nothing+said)
		// The control: without what was stored it would be said otherwise.
		if _, err := f.App.DB().NewQuery("DELETE FROM counts_said").Execute(); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, f.last(2), nothing+"5 map[hotel_front:5] map[hotel:5] map[hotel_front.01:5]|")
	})
	t.Run("[ACCESS] who was admitted by a poster cannot fill a category, and what is about oneself is in no count", func(t *testing.T) {
		dee := f.Enroll(access.Staff, f.business, f.sites[1])
		f.filled(dee, f.sites[1], 4, nil)
		f.filled(dee, f.sites[1], 3, map[string]any{"about": "self"})
		f.filled(dee, f.sites[1], 1, nil)
		if _, err := f.App.DB().NewQuery("UPDATE submissions SET unconfirmed='yes' WHERE rowid=(SELECT max(rowid) FROM submissions)").Execute(); err != nil {
			t.Fatal(err)
		}
		f.nextWeek()
		rig.Want(t, f.last(1), nothing)
		// The control: one more that counts makes five.
		f.filled(dee, f.sites[1], 5, nil)
		f.nextWeek()
		rig.Want(t, f.last(1), "5 map[hotel_front:5] map[hotel:5] map[hotel_front.01:5]|")
	})
	t.Run("[ACCESS] hours are those of the asker's organization, by summer and by winter", func(t *testing.T) {
		f.filled(f.workers[1], f.sites[1], 5, map[string]any{"event_time": "2026-01-11T05:55:00.000Z"})
		f.filled(f.workers[1], f.sites[1], 5, map[string]any{"event_time": "2026-07-11T05:55:00.000Z"})
		f.nextWeek()
		_, out := f.ask(f.keisha)
		rig.Want(t, fmt.Sprint(out.Weeks[0].Zone, out.Weeks[0].Hour), "America/Chicagomap[0:5 23:5]")
	})
	t.Run("[ACCESS] where there is one other organization only, nothing is told", func(t *testing.T) {
		few := rig.New(t)
		a, b := few.Organization("A"), few.Organization("B")
		keisha, worker := few.Enroll(access.Coordinator, a), few.Enroll(access.Worker, b)
		for range 6 {
			worker.Create("observations", few.Observation(""))
		}
		few.Clock.Add(8 * 24 * time.Hour)
		var out wire.Counts
		status := few.Send(http.MethodGet, keisha.Token, "/api/fieldpost/counts", nil, &out)
		rig.Want(t, fmt.Sprint(status, out), "200 {1 []}")
		// The control: with a third it is.
		few.Enroll(access.Worker, few.Organization("C"))
		few.Send(http.MethodGet, keisha.Token, "/api/fieldpost/counts", nil, &out)
		all := 0
		for _, w := range out.Weeks {
			all += w.Reports
		}
		rig.Want(t, []int{out.Organizations, len(out.Weeks), all}, []int{2, 12, 5})
	})
}
