package access_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// joint is two organizations and police on one operation.
type joint struct {
	*rig.Rig
	ngo, other, police           string
	site, operation, report      string
	worker, keisha, guest, cop   *rig.Device
	bystander                    *rig.Device // a worker of the same organization, on no roster
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
	j.bystander = j.Enroll(access.Worker, j.ngo)
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
	t.Run("[OPS-3] [ACCESS] who is on a roster sees the operation while it lasts, coordinators its reports too, and not a second longer", func(t *testing.T) {
		j := newJoint(t)
		for _, x := range []struct {
			at                   time.Time
			guest, cop, outsider string
			worker               string // beside what is their own anyway
		}{
			// Coordinators who take part may plan it; workers know it beforehand.
			{j.begins.Add(-time.Millisecond), "operation ", "", "operation ", "operation "},
			{j.begins, all, "operation site ", "operation ", "operation "},
			{j.ends.Add(-time.Millisecond), all, "operation site ", "operation ", "operation "},
			{j.ends, "operation ", "", "operation ", ""},
		} {
			j.at(x.at)
			rig.Want(t, []string{j.sees(j.guest), j.sees(j.cop), j.sees(j.outsider)}, []string{x.guest, x.cop, x.outsider})
			rig.Want(t, j.sees(j.worker), x.worker+"site report addendum ")
			rig.Want(t, j.sees(j.bystander), "site ")
			rig.Want(t, j.sees(j.keisha), all)
		}
	})
	t.Run("[OPS-3] [ACCESS] [PUSH-8] a coordinator on it claims its reports while it lasts, and changes nothing of them after", func(t *testing.T) {
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
	t.Run("[OPS-8] [ACCESS] an organization that is taken off ends what its people see by the roster, at that write, and put on again begins it", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		rig.Want(t, []string{j.sees(j.guest), j.sees(j.cop)}, []string{all, "operation site "})
		with := func(d *rig.Device, organizations ...any) wire.Verdict {
			return d.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"organizations": organizations}))
		}
		rig.Want(t, with(j.guest, j.other).Code, wire.CodeNotAllowed) // it is not theirs to change
		rig.Want(t, with(j.keisha, j.police).Verdict, wire.Applied)
		rig.Want(t, []string{j.sees(j.guest), j.sees(j.outsider), j.sees(j.cop)}, []string{"", "", "operation site "})
		rig.Want(t, with(j.keisha, j.police, j.other).Verdict, wire.Applied)
		rig.Want(t, []string{j.sees(j.guest), j.sees(j.cop)}, []string{all, "operation site "})
	})
	t.Run("[OPS-4] [PULL-4] [PULL-6] a device sweeps what it had of an operation at its next pull, and a held pull hears of the end", func(t *testing.T) {
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
	t.Run("[OPS-4] [ACCESS] an operation that is ended now, and a place that is taken away, end access with that write", func(t *testing.T) {
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
	t.Run("[OPS-2] [ACCESS] [R8] site staff and managers are on no roster, nor is whoever's organization takes no part", func(t *testing.T) {
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
	t.Run("[OPS-5] [ACCESS] nobody puts a report on the board of an operation that they are not on; late reports of who was still come", func(t *testing.T) {
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
	t.Run("[OPS-2] [ACCESS] who leaves is taken off every roster, in the same step", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		var out wire.Offboarded
		rig.Want(t, j.Send(http.MethodPost, j.keisha.Token, "/api/fieldpost/people/"+j.worker.User.ID+"/offboard", map[string]any{"reason": "moved away"}, &out), http.StatusOK)
		rig.Want(t, out.Rosters, 1)
		user, err := j.App.FindRecordById("users", j.worker.User.ID)
		if err != nil || len(user.GetStringSlice("operations")) != 0 || user.GetDateTime("left").IsZero() {
			t.Fatal(err, user.GetStringSlice("operations"), user.GetString("left"))
		}
	})
	t.Run("[OPS-3] [ACCESS] the whole id counts: an old report whose operation is like any id, or a part of one, is shown to nobody by it", func(t *testing.T) {
		j := newJoint(t)
		j.at(j.begins)
		write := func(value string) { // as a phone wrote it before anybody looked
			for collection, id := range map[string]string{"observations": j.report, "triage": j.reportTriage, "addenda": j.reportAddendum} {
				if _, err := j.App.NonconcurrentDB().NewQuery("UPDATE {{" + collection + "}} SET operation={:v} WHERE id={:id}").Bind(map[string]any{"v": value, "id": id}).Execute(); err != nil {
					t.Fatal(err)
				}
			}
		}
		seen := func() bool {
			t.Helper()
			var page struct {
				TotalItems int `json:"totalItems"`
			}
			rig.Want(t, j.Send(http.MethodGet, j.guest.Token, "/api/collections/observations/records", nil, &page), http.StatusOK)
			listed := j.listed(j.guest, "observations", j.report)
			rig.Want(t, page.TotalItems > 0, listed)
			rig.Want(t, []bool{j.listed(j.guest, "triage", j.reportTriage), j.listed(j.guest, "addenda", j.reportAddendum)}, []bool{listed, listed})
			return listed
		}
		likes := []string{"%", "_______________", j.operation[:3] + "%", j.operation[2:9], strings.ToUpper(j.operation), j.operation + " "}
		for _, like := range likes {
			write(like)
			rig.Want(t, seen(), false)
		}
		write(j.operation)
		rig.Want(t, seen(), true)
		// The way it was asked before shows that these would have been seen.
		for _, collection := range []string{"observations", "triage", "addenda"} {
			c, err := j.App.FindCollectionByNameOrId(collection)
			if err != nil {
				t.Fatal(err)
			}
			loose := `@request.auth.role = "coordinator" && operation != "" && @request.auth.operations ?~ operation`
			c.ListRule, c.ViewRule = &loose, &loose
			if err := j.App.Save(c); err != nil {
				t.Fatal(err)
			}
		}
		for _, like := range likes[:5] {
			write(like)
			if !seen() {
				t.Errorf("%q shows nothing either way", like)
			}
		}
	})
	t.Run("[OPS-6] [R16] each change of a roster, and of how long it counts, is in the audit, by whom, whichever way", func(t *testing.T) {
		j := newJoint(t)
		said := func() []string {
			found, err := j.App.FindRecordsByFilter("audit", "act={:a}", "number", 0, 0, map[string]any{"a": records.ActRoster})
			if err != nil {
				t.Fatal(err)
			}
			out := []string{}
			for _, r := range found {
				var d struct{ Op, Person string }
				if err := json.Unmarshal([]byte(r.GetString("detail")), &d); err != nil {
					t.Fatal(err)
				}
				rig.Want(t, r.GetString("organization"), j.ngo)
				out = append(out, strings.TrimSpace(r.GetString("actor")+" "+d.Op+" "+r.GetString("collection")+" "+d.Person))
			}
			return out
		}
		by := j.keisha.User.ID
		want := []string{by + " create operations", by + " create rosters " + j.worker.User.ID, by + " create rosters " + j.guest.User.ID, by + " create rosters " + j.cop.User.ID}
		rig.Want(t, said(), want)
		rig.Want(t, j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"name": "Another name"})).Verdict, wire.Applied)
		rig.Want(t, said(), want) // nobody sees more or less by a name
		rig.Want(t, j.keisha.Do(rig.Update("operations", j.operation, j.Entries(), map[string]any{"ends": j.ends.Add(time.Hour).Format(time.RFC3339)})).Verdict, wire.Applied)
		place, err := j.App.FindFirstRecordByFilter("rosters", "person={:p}", map[string]any{"p": j.cop.User.ID})
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, j.Send(http.MethodDelete, j.keisha.Token, "/api/collections/rosters/records/"+place.Id, nil, nil), http.StatusNoContent)
		if _, err := j.S.PutOn(j.operation, j.cop.User.ID, "liaison"); err != nil {
			t.Fatal(err)
		}
		if _, err := j.S.EndOperation(j.operation); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, said(), append(want, by+" update operations", by+" delete rosters "+j.cop.User.ID, "operator create rosters "+j.cop.User.ID, "operator update operations"))
	})
	t.Run("[OPS-1] [ACCESS] an operation has a name and an end, lasts a year at most, and is run by its maker's organization", func(t *testing.T) {
		j := newJoint(t)
		at := func(d time.Duration) string { return j.begins.Add(d).Format(time.RFC3339) }
		for _, x := range []struct {
			fields map[string]any
			code   string
		}{
			{map[string]any{"begins": at(0), "ends": at(time.Hour)}, wire.CodeInvalid},
			{map[string]any{"name": "No end", "begins": at(0)}, wire.CodeInvalid},
			{map[string]any{"name": "Backwards", "begins": at(time.Hour), "ends": at(0)}, wire.CodeInvalid},
			{map[string]any{"name": "For ever", "begins": at(0), "ends": at(367 * 24 * time.Hour)}, wire.CodeInvalid},
			{map[string]any{"name": "For another", "begins": at(0), "ends": at(time.Hour), "organization": j.other}, wire.CodeNotAllowed},
		} {
			_, v := j.keisha.Create("operations", x.fields)
			rig.Want(t, v.Code, x.code)
		}
		_, v := j.worker.Create("operations", map[string]any{"name": "A worker's", "begins": at(0), "ends": at(time.Hour)})
		rig.Want(t, v.Code, wire.CodeNotAllowed)
		r, err := j.App.FindRecordById("operations", j.operation)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, r.GetString("organization"), j.ngo)
	})
}
