package devices_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// audited gives the audit entries of an act, newest last.
func audited(t testing.TB, r *rig.Rig, act string) []*core.Record {
	t.Helper()
	found, err := r.App.FindRecordsByFilter("audit", "act = {:a}", "number", 0, 0, map[string]any{"a": act})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// second enrols a further device of a person.
func second(t testing.TB, r *rig.Rig, d *rig.Device) *rig.Device {
	t.Helper()
	next := r.NewDevice()
	next.User = d.User
	var a wire.EnrollAnswer
	if status := r.Post(d.Token, "/api/sync/enroll", wire.EnrollRequest{Device: wire.EnrollDevice{ID: next.ID, Name: "x", Platform: "test", Key: next.JWK()}}, &a); status != http.StatusOK {
		t.Fatal(status)
	}
	next.Token = a.Token
	return next
}

func TestLoss(t *testing.T) {
	r := rig.New(t)
	ngo, other, hotel := r.Organization("Outreach"), r.Organization("Other"), r.Organization("Hotel")
	site, theirs := r.Site("Hotel one", hotel, ngo), r.Site("Hotel two", hotel, "")
	keisha, stranger := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, other)
	admin, owner := r.Enroll(access.Admin, other), r.Enroll(access.Coordinator, hotel)
	act := func(by *rig.Device, id, what string) (int, wire.DeviceState) {
		t.Helper()
		var s wire.DeviceState
		status := r.Post(by.Token, "/api/fieldpost/devices/"+id+"/"+what, map[string]any{"reason": "left on a bus"}, &s)
		return status, s
	}

	t.Run("[ACCESS] [R8] a device is revoked and wiped by coordinators of who looks after it and by admins, not by the site's owner nor anybody else", func(t *testing.T) {
		staff := r.Enroll(access.Staff, hotel, site)
		for _, by := range []*rig.Device{stranger, owner} {
			if status, _ := act(by, staff.ID, "wipe"); status != http.StatusNotFound {
				t.Errorf("%s: %d", by.User.Role, status)
			}
		}
		for _, role := range []access.Role{access.Worker, access.Manager, access.LawEnforcement, access.Provider} {
			d := r.Enroll(role, ngo, site)
			if status, _ := act(d, staff.ID, "revoke"); status != http.StatusForbidden {
				t.Errorf("%s: %d", role, status)
			}
			if status, _ := act(d, d.ID, "revoke"); status != http.StatusForbidden {
				t.Errorf("%s, its own: %d", role, status)
			}
		}
		rig.Want(t, len(staff.Fresh()) > 0, true)
		for _, by := range []*rig.Device{keisha, admin} {
			d := r.Enroll(access.Staff, hotel, site)
			if status, s := act(by, d.ID, "wipe"); status != http.StatusOK || s.Ordered == "" || s.Revoked {
				t.Errorf("%d %+v", status, s)
			}
			if status, s := act(by, d.ID, "revoke"); status != http.StatusOK || !s.Revoked {
				t.Errorf("%d %+v", status, s)
			}
		}
	})
	t.Run("[R16] revoking and ordering a wipe are audited, once each, with who and why; doing it again is not", func(t *testing.T) {
		d := r.Enroll(access.Worker, ngo)
		revokes, wipes := len(audited(t, r, records.ActRevoke)), len(audited(t, r, records.ActWipe))
		for range 2 {
			act(keisha, d.ID, "wipe")
			act(keisha, d.ID, "revoke")
		}
		act(keisha, d.ID, "wipe/withdraw")
		act(keisha, d.ID, "wipe/withdraw")
		now := audited(t, r, records.ActRevoke)
		rig.Want(t, len(now), revokes+1)
		last := now[len(now)-1]
		rig.Want(t, []string{last.GetString("actor"), last.GetString("reason"), last.GetString("record"), last.GetString("organization")}, []string{keisha.User.ID, "left on a bus", d.ID, ngo})
		rig.Want(t, len(audited(t, r, records.ActWipe)), wipes+2) // ordered, withdrawn
	})
	t.Run("[DEV-3] what goes on for a device that is to be wiped is to be wiped too", func(t *testing.T) {
		first, next := r.Enroll(access.Worker, ngo), r.NewDevice()
		renewed(t, r, renewal(t, first, next))
		act(keisha, first.ID, "wipe")
		later := r.NewDevice()
		_, answer, _ := renew(r, renewal(t, next, later))
		if order, _ := answer["wipe"].(string); order == "" {
			t.Fatalf("%v", answer)
		}
		for _, id := range []string{next.ID, later.ID} {
			if s, err := r.S.Devices.State(id); err != nil || s.Ordered == "" {
				t.Errorf("%+v %v", s, err)
			}
		}
	})
	t.Run("[DEV-3] [R9] a confirmed wipe leaves no entry in the journal, and of staff no time and no number", func(t *testing.T) {
		d := r.Enroll(access.Staff, hotel, site)
		act(keisha, d.ID, "wipe")
		_, answer, _ := renew(r, renewal(t, d, nil))
		order, _ := answer["wipe"].(string)
		before := r.Entries()
		var granted wire.WipeAnswer
		if status := r.Post(d.Token, "/api/sync/wipe", wire.WipeRequest{Device: d.ID, Order: order, Signature: d.Sign(wire.WipeText(d.ID, order, "", false))}, &granted); status != http.StatusOK || !granted.Granted {
			t.Fatalf("%d %+v", status, granted)
		}
		rig.Want(t, r.Entries(), before)
		var rows []struct {
			Done   int64  `db:"done"`
			Handed string `db:"handed"`
		}
		if err := r.App.DB().NewQuery("SELECT done, handed FROM device_wipes WHERE device={:d}").Bind(map[string]any{"d": d.ID}).All(&rows); err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if rows[0].Done%(24*time.Hour).Milliseconds() != 0 || rows[0].Handed != "" {
			t.Errorf("%+v", rows[0])
		}
	})
	t.Run("[ACCESS] a manager says that a device of their site is lost; coordinators of who serves it see that, and mark it, nobody else does", func(t *testing.T) {
		tom := r.Enroll(access.Manager, hotel, site, theirs)
		ask := func(by *rig.Device, site string) (int, string) {
			var a wire.LostAnswer
			return r.Post(by.Token, "/api/fieldpost/devices/lost", wire.LostRequest{Site: site, What: "tablet", Note: "from the linen cart"}, &a), a.ID
		}
		status, id := ask(tom, site)
		rig.Want(t, status, http.StatusOK)
		for _, who := range []struct {
			*rig.Device
			sees bool
		}{{keisha, true}, {admin, true}, {stranger, false}, {owner, false}, {tom, false}} {
			_, pulled := who.Fresh()["lost_devices"][id]
			listed := r.Send(http.MethodGet, who.Token, "/api/collections/lost_devices/records/"+id, nil, nil) == http.StatusOK
			if pulled != who.sees || listed != who.sees {
				t.Errorf("%s: pulled %v, listed %v", who.User.Role, pulled, listed)
			}
		}
		rig.Want(t, keisha.Do(rig.Update("lost_devices", id, r.Entries(), map[string]any{"resolved": true})).Verdict, wire.Applied)
		rig.Want(t, keisha.Do(rig.Update("lost_devices", id, r.Entries(), map[string]any{"note": "x"})).Code, wire.CodeNotAllowed)
		for _, s := range []string{theirs, rig.ID()} { // served by nobody; not his
			if status, _ := ask(tom, s); status != http.StatusForbidden {
				t.Errorf("%s: %d", s, status)
			}
		}
		if status, _ := ask(keisha, site); status != http.StatusForbidden {
			t.Error(status)
		}
	})
}

func TestOffboarding(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	keisha, leaver := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, ngo)
	other, worker := second(t, r, leaver), r.Enroll(access.Worker, ngo)
	// Two reports, claimed by and assigned to who leaves; one more is closed.
	var triages []string
	for i := range 3 {
		id, v := worker.Create("observations", r.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		triages = append(triages, wire.TriageID("observations", id))
		fields := map[string]any{"claimed_by": leaver.User.ID, "assignee": keisha.User.ID}
		if i == 1 {
			fields = map[string]any{"assignee": leaver.User.ID}
		}
		rig.Want(t, leaver.Do(rig.Update("triage", triages[i], r.Entries(), fields)).Verdict, wire.Applied)
	}
	set(r, "triage", triages[2], "status", "closed")
	invite := r.Invite(access.Worker, ngo, 5)
	code := r.S.Key.Invite(strings.ReplaceAll(invite, "-", ""))
	row, err := r.App.FindFirstRecordByData("invites", "code", code)
	if err != nil {
		t.Fatal(err)
	}
	set(r, "invites", row.Id, "made_by", leaver.User.ID)
	session := ""
	if err := r.S.Store.TransactPeople(func(tx *records.People) (err error) {
		session, _, err = tx.BeginSession(leaver.User.ID, "password", "x")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	// A stranger is shown an empty list.
	listed := func(token string) int {
		t.Helper()
		var list struct{ Items []any }
		r.Send(http.MethodGet, token, "/api/collections/triage/records", nil, &list)
		return len(list.Items)
	}
	for _, token := range []string{leaver.Token, other.Token, session} {
		rig.Want(t, listed(token), 3)
	}
	waiting := leaver.Mutation(rig.Create("sites", rig.ID(), map[string]any{"name": "Stop", "venue": "truck_stop"}))
	offboard := func(dry bool) wire.Offboarded {
		t.Helper()
		var out wire.Offboarded
		if status := r.Post(keisha.Token, "/api/fieldpost/people/"+leaver.User.ID+"/offboard", map[string]any{"reason": "moved away", "dryRun": dry}, &out); status != http.StatusOK {
			t.Fatal(status)
		}
		return out
	}
	wantDevices, wantClaims := []string{leaver.ID, other.ID}, triages[:2]
	slices.Sort(wantDevices)
	wantClaims = slices.Sorted(slices.Values(wantClaims))

	t.Run("[ACCESS] a dry run tells exactly what would be touched, and touches nothing", func(t *testing.T) {
		before, entries := count(r), r.Entries()
		out := offboard(true)
		if !out.DryRun || out.Already || !slices.Equal(out.Devices, wantDevices) || !slices.Equal(out.Claims, wantClaims) || out.Invites != 1 || out.Sessions != 1 || len(out.Wipes) != 0 {
			t.Fatalf("%+v", out)
		}
		rig.Want(t, count(r), before)
		rig.Want(t, r.Entries(), entries)
		rig.Want(t, len(leaver.Fresh()) > 0, true)
	})
	t.Run("[ACCESS] [ENROL-3] offboarding ends devices, sessions, invites and claims in one step; others work on", func(t *testing.T) {
		out := offboard(false)
		if out.DryRun || out.Already || !slices.Equal(out.Devices, wantDevices) || !slices.Equal(out.Claims, wantClaims) || out.Invites != 1 || out.Sessions != 1 {
			t.Fatalf("%+v", out)
		}
		for _, token := range []string{leaver.Token, other.Token, session} {
			if n := listed(token); n != 0 {
				t.Errorf("a token of theirs still shows %d", n)
			}
		}
		if status, answer, _ := enroll(r, "", request(r.NewDevice(), invite)); status == http.StatusOK {
			t.Errorf("their invite admits: %v", answer)
		}
		for i, id := range triages {
			tr, err := r.App.FindRecordById("triage", id)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"", keisha.User.ID}
			switch i {
			case 1:
				want = []string{"", ""}
			case 2:
				want = []string{leaver.User.ID, keisha.User.ID} // closed: who had it stays
			}
			rig.Want(t, []string{tr.GetString("claimed_by"), tr.GetString("assignee")}, want)
		}
		// The journal says why.
		var bodies []string
		if err := r.App.DB().NewQuery("SELECT CAST(c.body AS TEXT) FROM journal_entry e JOIN journal_content c ON c.seq=e.seq WHERE e.collection='triage' AND e.record={:id} ORDER BY e.seq DESC LIMIT 1").
			Bind(map[string]any{"id": triages[0]}).Column(&bodies); err != nil || len(bodies) != 1 || !strings.Contains(bodies[0], "moved away") {
			t.Errorf("%v %v", bodies, err)
		}
		rig.Want(t, len(keisha.Fresh()["triage"]), 3)
		_, v := worker.Create("observations", r.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
	})
	t.Run("[PUSH-10] what their devices still hold they hand in, into quarantine, and read nothing", func(t *testing.T) {
		leaver.Token = renewed(t, r, renewal(t, leaver, nil))
		rig.Want(t, leaver.Push(waiting)[0].Code, wire.CodeNotAllowed)
		if status, _, e := leaver.TryPull(nil); status != http.StatusForbidden || e.Code != "device_revoked" {
			t.Errorf("%d %+v", status, e)
		}
		if status := r.Post(leaver.Token, "/api/sync/enroll", request(r.NewDevice(), ""), nil); status == http.StatusOK {
			t.Error("they enrolled a further device")
		}
	})
	t.Run("[R16] it is audited once, with who and why; again touches nothing and says nothing", func(t *testing.T) {
		entries := r.Entries()
		out := offboard(false)
		if !out.Already || len(out.Devices)+len(out.Claims)+out.Sessions+out.Invites != 0 {
			t.Fatalf("%+v", out)
		}
		rig.Want(t, r.Entries(), entries)
		all := audited(t, r, records.ActOffboard)
		rig.Want(t, len(all), 1)
		rig.Want(t, []string{all[0].GetString("actor"), all[0].GetString("reason"), all[0].GetString("record")}, []string{keisha.User.ID, "moved away", leaver.User.ID})
	})
	t.Run("[ACCESS] a coordinator offboards people of their own and nobody else, least of all themselves", func(t *testing.T) {
		admin, stranger := r.Enroll(access.Admin, ngo), r.Enroll(access.Worker, r.Organization("Other"))
		staff := r.Enroll(access.Staff, r.Organization("Hotel"), r.Site("Hotel one", r.Organization("Hotel"), ngo))
		for _, c := range []struct {
			by, who *rig.Device
			status  int
		}{
			{keisha, keisha, http.StatusForbidden}, {keisha, admin, http.StatusNotFound}, {keisha, stranger, http.StatusNotFound},
			{worker, stranger, http.StatusForbidden}, {keisha, staff, http.StatusOK}, {admin, stranger, http.StatusOK},
		} {
			status := r.Post(c.by.Token, "/api/fieldpost/people/"+c.who.User.ID+"/offboard", map[string]any{"reason": "x"}, nil)
			if status != c.status {
				t.Errorf("%s offboards %s: %d, want %d", c.by.User.Role, c.who.User.Role, status, c.status)
			}
		}
	})
	t.Run("[ACCESS] nobody who has left signs in, and every field that names people says what becomes of it", func(t *testing.T) {
		users, err := r.App.FindCollectionByNameOrId("users")
		if err != nil || users.AuthRule == nil || *users.AuthRule != `left = ""` {
			t.Fatal(fmt.Sprint(err))
		}
		if open, err := records.UndecidedOffboarding(r.App); err != nil || len(open) > 0 {
			t.Errorf("nobody has decided about %v (%v)", open, err)
		}
	})
}
