package access_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// joint is two organizations and police on one operation.
type joint struct {
	*rig.Rig
	ngo, other, police           string
	site, operation, report      string
	worker, keisha, guest, cop   *rig.Device
	begins, ends                 time.Time
	outsider                     *rig.Device
	reportTriage, reportAddendum string
}

func newJoint(t *testing.T) *joint {
	t.Helper()
	j := &joint{Rig: rig.New(t)}
	j.ngo, j.other, j.police = j.Organization("Night outreach"), j.Organization("Day outreach"), j.Organization("Police unit")
	j.site = j.Site("Big Stop", "", j.ngo)
	j.worker, j.keisha = j.Enroll(access.Worker, j.ngo), j.Enroll(access.Coordinator, j.ngo)
	j.guest, j.outsider, j.cop = j.Enroll(access.Coordinator, j.other), j.Enroll(access.Coordinator, j.other), j.Enroll(access.LawEnforcement, j.police)
	j.begins = j.Clock.Now().UTC().Truncate(time.Second).Add(time.Hour)
	j.ends = j.begins.Add(2 * time.Hour)
	var v wire.Verdict
	j.operation, v = j.keisha.Create("operations", map[string]any{"name": "Weekend", "begins": j.begins.Format(time.RFC3339), "ends": j.ends.Format(time.RFC3339),
		"sites": []any{j.site}, "organizations": []any{j.other, j.police}})
	rig.Want(t, v.Verdict, wire.Applied)
	for _, d := range []*rig.Device{j.worker, j.guest, j.cop} {
		_, v := j.keisha.Create("rosters", map[string]any{"operation": j.operation, "person": d.User.ID, "role": "triage"})
		rig.Want(t, v.Verdict, wire.Applied)
	}
	fields := j.Observation(j.site)
	fields["operation"] = j.operation
	j.report, v = j.worker.Create("observations", fields)
	rig.Want(t, v.Verdict, wire.Applied)
	j.reportTriage = wire.TriageID("observations", j.report)
	j.reportAddendum, v = j.worker.Create("addenda", map[string]any{"observation": j.report, "text": "and a second van"})
	rig.Want(t, v.Verdict, wire.Applied)
	return j
}

// listed tells whether the list API shows somebody a record now.
func (j *joint) listed(d *rig.Device, collection, id string) bool {
	j.T.Helper()
	return j.Send(http.MethodGet, d.Token, "/api/collections/"+collection+"/records/"+id, nil, nil) == http.StatusOK
}

// sees is what a person is shown of the operation, one letter each: by view,
// and by a pull from nothing; the two have to be the same.
func (j *joint) sees(d *rig.Device) string {
	j.T.Helper()
	pulled := d.Fresh()
	out := ""
	for _, x := range []struct{ word, collection, id string }{{"operation ", "operations", j.operation}, {"site ", "sites", j.site},
		{"report ", "observations", j.report}, {"triage ", "triage", j.reportTriage}, {"addendum ", "addenda", j.reportAddendum}} {
		listed, inPull := j.listed(d, x.collection, x.id), pulled[x.collection][x.id] != nil
		if listed != inPull {
			j.T.Errorf("%s: listed %v, pulled %v", x.word, listed, inPull)
		}
		if listed {
			out += x.word
		}
	}
	return out
}

func (j *joint) at(t time.Time) { j.Clock.Add(t.Sub(j.Clock.Now())) }

func TestOperations(t *testing.T) {
	const all = "operation site report triage addendum "
	t.Run("[ACCESS] who is on a roster sees the operation while it lasts, coordinators its reports too, and not a second longer", func(t *testing.T) {
		j := newJoint(t)
		for _, x := range []struct {
			at                   time.Time
			guest, cop, outsider string
		}{
			{j.begins.Add(-time.Millisecond), "operation ", "", "operation "}, // coordinators who take part may plan it
			{j.begins, all, "operation site ", "operation "},
			{j.ends.Add(-time.Millisecond), all, "operation site ", "operation "},
			{j.ends, "operation ", "", "operation "},
		} {
			j.at(x.at)
			rig.Want(t, []string{j.sees(j.guest), j.sees(j.cop), j.sees(j.outsider)}, []string{x.guest, x.cop, x.outsider})
			rig.Want(t, j.sees(j.keisha), all)
		}
	})
	t.Run("[ACCESS] [PUSH-8] a coordinator on it claims its reports while it lasts, and changes nothing of them after", func(t *testing.T) {
		j := newJoint(t)
		claim := func(value any) wire.Verdict {
			return j.guest.Do(rig.Update("triage", j.reportTriage, j.Entries(), map[string]any{"claimed_by": value}))
		}
		rig.Want(t, claim(j.guest.User.ID).Code, wire.CodeNotAllowed)
		j.at(j.begins)
		rig.Want(t, claim(j.guest.User.ID).Verdict, wire.Applied)
		j.at(j.ends)
		rig.Want(t, claim("").Code, wire.CodeNotAllowed)
	})
	t.Run("[PULL-4] [PULL-6] a device sweeps what it had of an operation at its next pull, and a held pull hears of the end", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		j.guest.Fresh()
		done := make(chan *wire.PullAnswer, 1)
		go func() { done <- j.guest.Page(map[string]any{"wait": 20}) }()
		select {
		case <-done:
			t.Fatal("nothing happened, and the pull came back")
		case <-time.After(300 * time.Millisecond):
		}
		j.at(j.ends)
		select {
		case page := <-done:
			if !page.Reset {
				t.Errorf("no reset: %+v", page)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the held pull did not hear of the end")
		}
	})
	t.Run("[ACCESS] an operation that is ended now, and a place that is taken away, end access with that write", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins.Add(time.Minute))
		rig.Want(t, j.sees(j.guest), all)
		place, err := j.App.FindFirstRecordByFilter("rosters", "person={:p}", map[string]any{"p": j.cop.User.ID})
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, j.keisha.Do(rig.Delete("rosters", place.Id, j.Entries())).Verdict, wire.Applied)
		rig.Want(t, j.sees(j.cop), "")
		v := j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"ends": j.Clock.Now().UTC().Format(wire.TimeFormat)}))
		rig.Want(t, v.Verdict, wire.Applied)
		rig.Want(t, j.sees(j.guest), "operation ")
	})
	t.Run("[ACCESS] [R8] site staff and managers are on no roster, nor is whoever's organization takes no part", func(t *testing.T) {
		j := newJoint(t)
		for _, d := range []*rig.Device{j.Enroll(access.Staff, j.Organization("Hotel"), j.site), j.Enroll(access.Manager, j.Organization("Hotel two"), j.site)} {
			_, v := j.keisha.Create("rosters", map[string]any{"operation": j.operation, "person": d.User.ID, "role": "outreach"})
			rig.Want(t, v.Code, wire.CodeNotAllowed)
		}
		_, v := j.keisha.Create("rosters", map[string]any{"operation": j.operation, "person": j.Enroll(access.Worker, j.Organization("Else")).User.ID, "role": "outreach"})
		rig.Want(t, v.Code, wire.CodeInvalid)
		_, v = j.outsider.Create("rosters", map[string]any{"operation": j.operation, "person": j.worker.User.ID, "role": "outreach"})
		rig.Want(t, v.Code, wire.CodeNotAllowed)
	})
	t.Run("[ACCESS] nobody puts a report on the board of an operation that they are not on; late reports of who was still come", func(t *testing.T) {
		j := newJoint(t)
		fields := j.Observation(j.site)
		fields["operation"] = j.operation
		_, v := j.Enroll(access.Worker, j.ngo).Create("observations", fields)
		rig.Want(t, v.Code, wire.CodeNotAllowed)
		j.at(j.ends.Add(24 * time.Hour))
		_, v = j.worker.Create("observations", fields)
		rig.Want(t, v.Verdict, wire.Applied)
		fields["operation"] = "%%%%%%%%%%%%%%%"
		_, v = j.worker.Create("observations", fields)
		rig.Want(t, v.Code, wire.CodeInvalid)
	})
	t.Run("[ACCESS] who leaves is taken off every roster, in the same step", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		var out wire.Offboarded
		rig.Want(t, j.Send(http.MethodPost, j.keisha.Token, "/api/fieldpost/people/"+j.worker.User.ID+"/offboard", map[string]any{"reason": "moved away"}, &out), http.StatusOK)
		rig.Want(t, out.Rosters, 1)
		user, err := j.App.FindRecordById("users", j.worker.User.ID)
		if err != nil || user.GetString("operations") != "" || user.GetDateTime("left").IsZero() {
			t.Fatal(err, user.GetString("operations"), user.GetString("left"))
		}
	})
}
