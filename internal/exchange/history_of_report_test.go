package exchange_test

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

// told is the history that a coordinator gets of a report, as it came and read.
func (w *town) told(by *rig.Device, report string) (string, []records.Moment) {
	w.T.Helper()
	var raw json.RawMessage
	if status := w.Send(http.MethodGet, by.Token, "/api/fieldpost/reports/"+report+"/history", nil, &raw); status != http.StatusOK {
		w.T.Fatalf("history: %d %s", status, raw)
	}
	var view records.HistoryView
	if err := json.Unmarshal(raw, &view); err != nil {
		w.T.Fatal(err)
	}
	return string(raw), view.History
}

// briefly says of moments what was done to what by whom.
func briefly(moments []records.Moment) string {
	var out []string
	for _, m := range moments {
		by := m.By.Kind
		if by == "person" {
			by = m.By.Role
		}
		out = append(out, m.What+" "+m.Act+" "+by)
	}
	return strings.Join(out, ", ")
}

func TestHistoryOfReport(t *testing.T) {
	w := newTown(t)
	keisha, dora, rosa := w.coordinator(), w.coordinator(), w.worker()

	t.Run("[BOARD] a report's history has each value before and after, and who changed it", func(t *testing.T) {
		w.on(t)
		id, v := rosa.Create("observations", w.Observation(w.site))
		applied(t, v)
		triage := wire.TriageID("observations", id)
		w.Clock.Add(time.Minute)
		applied(t, keisha.Do(rig.Update("triage", triage, v.Seq, map[string]any{"urgency": "emergency"})))
		w.Clock.Add(time.Minute)
		_, v = keisha.Create("addenda", map[string]any{"observation": id, "text": "the van came back"})
		applied(t, v)
		_, moments := w.told(keisha, id)
		rig.Want(t, briefly(moments), "observations create worker, triage create system, triage update coordinator, addenda create coordinator")
		rig.Want(t, moments[0].By.ID, rosa.User.ID)
		rig.Want(t, moments[2].By.ID, keisha.User.ID)
		rig.Want(t, moments[2].Changes, []records.FieldChange{{Field: "urgency", Before: moments[1].Changes[len(moments[1].Changes)-1].After, After: "emergency"}})
		rig.Want(t, moments[3].Changes, []records.FieldChange{{Field: "text", Before: nil, After: "the van came back"}})
	})
	t.Run("[R8] [R9] the history of a staff report names no person and no device, whoever reads it", func(t *testing.T) {
		w.on(t)
		marisol := w.staff()
		id, v := marisol.Create("submissions", w.submission(w.site))
		applied(t, v)
		_, v = marisol.Create("addenda", map[string]any{"submission": id, "text": "she was gone at six"})
		applied(t, v)
		raw, moments := w.told(keisha, id)
		rig.Want(t, briefly(moments), "submissions create staff, triage create system, addenda create staff")
		user, err := w.App.FindRecordById("users", marisol.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		key := w.S.Key
		for what, name := range map[string]string{"person": marisol.User.ID, "device": marisol.ID, "label": user.GetString("label"),
			"pseudonym": key.Person(marisol.User.ID), "device's pseudonym": key.Device(marisol.ID),
			"name on the report": key.PersonOn(marisol.User.ID, id), "device's name on the report": key.DeviceOn(marisol.ID, id)} {
			if name == "" || strings.Contains(raw, name) {
				t.Errorf("the %s %q is in %s", what, name, raw)
			}
		}
		// The same search finds what it looks for where it is.
		if past := mustJSON(t, w.past("submissions", id)); !strings.Contains(string(past), key.PersonOn(marisol.User.ID, id)) {
			t.Errorf("the journal has not got what the search looks for: %s", past)
		}
	})
	t.Run("[PUSH-6] what was refused and repaired begins with why, and with the fields that were put right", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		v := verdict(t, rosa.Do(rig.Create("observations", id, w.noTime(w.site))), wire.Refused, wire.CodeInvalid)
		w.Clock.Add(time.Hour)
		at := w.Clock.Now().UTC().Format(wire.TimeFormat)
		w.became(keisha, "release", v.Quarantine, "released", op(t, rig.Create("observations", id, w.Observation(w.site))))
		_, moments := w.told(dora, id)
		rig.Want(t, briefly(moments), "quarantine refused system, quarantine released coordinator, observations create worker, triage create system")
		rig.Want(t, moments[0].Code, wire.CodeInvalid)
		rig.Want(t, moments[1].Changes, []records.FieldChange{{Field: "event_time", Before: nil, After: at}})
		rig.Want(t, moments[1].By.ID, keisha.User.ID)
	})
	t.Run("[ACCESS] other organizations, workers and managers get none; who takes a report over learns nothing of what was written before", func(t *testing.T) {
		w.on(t)
		id, v := rosa.Create("observations", w.Observation(w.site))
		applied(t, v)
		triage := wire.TriageID("observations", id)
		applied(t, keisha.Do(rig.Update("triage", triage, v.Seq, map[string]any{"note": "only for us"})))
		applied(t, keisha.Do(rig.Update("triage", triage, w.Entries(), map[string]any{"note": "for whoever has it"})))
		next := w.Organization("Next")
		theirs := w.Enroll(access.Coordinator, next)
		for d, want := range map[*rig.Device]int{theirs: 404, rosa: 403, w.Enroll(access.Manager, w.hotel, w.site): 403} {
			if status := w.Send(http.MethodGet, d.Token, "/api/fieldpost/reports/"+id+"/history", nil, new(json.RawMessage)); status != want {
				t.Errorf("%s: %d, want %d", d.User.Role, status, want)
			}
		}
		if raw, _ := w.told(keisha, id); !strings.Contains(raw, "only for us") {
			t.Error("who had it learns nothing of it either")
		}
		report, err := w.App.FindRecordById("observations", id)
		if err != nil {
			t.Fatal(err)
		}
		report.Set("organization", next)
		if err := w.App.Save(report); err != nil {
			t.Fatal(err)
		}
		raw, moments := w.told(theirs, id)
		if strings.Contains(raw, "only for us") || strings.Contains(raw, keisha.User.ID) || len(moments) == 0 {
			t.Errorf("the next organization is told %s", raw)
		}
		rig.Want(t, briefly(moments), "observations create worker, triage create system, observations update system, triage update system")
	})
}

func TestDismiss(t *testing.T) {
	w := newTown(t)
	keisha, rosa := w.coordinator(), w.worker()
	dismiss := func(by *rig.Device, id, reason string) (int, *wire.Repaired, string) {
		t.Helper()
		var raw json.RawMessage
		status := w.Post(by.Token, "/api/sync/quarantine/"+id+"/dismiss", map[string]any{"reason": reason}, &raw)
		r, e := &wire.Repaired{}, wire.ErrorBody{}
		if err := json.Unmarshal(raw, r); status == http.StatusOK && err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &e); status != http.StatusOK && err != nil {
			t.Fatal(err)
		}
		return status, r, e.Code
	}
	t.Run("[PUSH-6] what is of no use is put aside with a reason: kept whole, audited, out of the device's share, and still to be released", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		v := verdict(t, rosa.Do(rig.Create("observations", id, w.noTime(w.site))), wire.Refused, wire.CodeInvalid)
		before := w.record("quarantine", v.Quarantine)
		beyond := w.audits()
		status, r, _ := dismiss(keisha, v.Quarantine, " a test of the phone ")
		rig.Want(t, []any{status, r.State, r.Verdict.Verdict}, []any{200, "dismissed", wire.Refused})
		after := w.record("quarantine", v.Quarantine)
		rig.Want(t, []any{after["state"], wire.EqualJSON(after["mutation"], before["mutation"])}, []any{"dismissed", true})
		repair := after["repair"].(map[string]any)
		rig.Want(t, []any{repair["by"], repair["reason"]}, []any{keisha.User.ID, "a test of the phone"})
		w.says(beyond, map[string]string{"act": records.ActDismiss, "actor": keisha.User.ID, "record": v.Quarantine, "reason": "a test of the phone"})
		rig.Want(t, len(w.rows("SELECT * FROM journal_held", nil)), 0)
		if status, _, code := dismiss(keisha, v.Quarantine, "again"); status != 409 || code != "not_held" {
			t.Errorf("again: %d %s", status, code)
		}
		w.became(keisha, "release", v.Quarantine, "released", op(t, rig.Create("observations", id, w.Observation(w.site))))
	})
	t.Run("[PUSH-6] only coordinators of its organization, and only with a reason", func(t *testing.T) {
		w.on(t)
		v := verdict(t, rosa.Do(rig.Create("observations", rig.ID(), w.noTime(w.site))), wire.Refused, wire.CodeInvalid)
		theirs := w.Enroll(access.Coordinator, w.hotel)
		for by, want := range map[*rig.Device]string{rosa: "403 not_allowed", theirs: "403 not_allowed"} {
			if status, _, code := dismiss(by, v.Quarantine, "x"); status != 403 || code != "not_allowed" {
				t.Errorf("%s: %d %s, want %s", by.User.Role, status, code, want)
			}
		}
		for _, reason := range []string{"", "  ", strings.Repeat("x", 501)} {
			if status, _, code := dismiss(keisha, v.Quarantine, reason); status != 400 || code != "bad_request" {
				t.Errorf("%.10q: %d %s", reason, status, code)
			}
		}
		rig.Want(t, w.record("quarantine", v.Quarantine)["state"], "held")
	})
}

func TestDevicesTold(t *testing.T) {
	w := newTown(t)
	keisha, rosa, marisol := w.coordinator(), w.worker(), w.staff()
	list := func(by *rig.Device) map[string]records.DeviceTold {
		t.Helper()
		var answer struct{ Devices []records.DeviceTold }
		if status := w.Send(http.MethodGet, by.Token, "/api/fieldpost/devices", nil, &answer); status != http.StatusOK {
			t.Fatalf("devices: %d", status)
		}
		out := map[string]records.DeviceTold{}
		for _, d := range answer.Devices {
			out[d.Device] = d
		}
		return out
	}
	for _, d := range []*rig.Device{rosa, marisol} {
		d.Page(map[string]any{"app": "field 9.9.9", "waiting": 5})
	}
	today := w.Clock.Now().UTC().Format(time.DateOnly)

	t.Run("[JOURNAL-4] of a worker's device the coordinator sees app and queue, of staff the day and the app alone", func(t *testing.T) {
		w.on(t)
		got := list(keisha)
		rig.Want(t, []any{got[rosa.ID].App, *got[rosa.ID].Waiting, got[rosa.ID].Contact}, []any{"field 9.9.9", int64(5), today})
		if s := got[marisol.ID]; s.Waiting != nil || s.Contact != today || s.App != "field 9.9.9" {
			t.Errorf("%+v", s)
		}
		rosa.Create("observations", w.Observation(""))
		if at, err := time.Parse(wire.TimeFormat, list(keisha)[rosa.ID].Contact); err != nil || w.Clock.Now().Sub(at) > time.Second {
			t.Errorf("after a push: %v %v", at, err)
		}
	})
	t.Run("[R9] nothing in clear says which device of staff was here", func(t *testing.T) {
		w.on(t)
		rows := w.rows("SELECT device, at, app, waiting FROM device_told ORDER BY device", nil)
		rig.Want(t, len(rows), 2)
		rig.Want(t, []any{rows[0]["device"], rows[0]["at"], rows[1]["device"], rows[1]["waiting"]}, []any{"", "0", rosa.ID, "5"})
		box := w.rows("SELECT box FROM device_told WHERE device=''", nil)[0]["box"]
		if len(box) == 0 || strings.Contains(box, marisol.ID) || strings.Contains(box, "9.9.9") {
			t.Errorf("the box is %q", box)
		}
	})
	t.Run("[ACCESS] only who looks after a device is told of it", func(t *testing.T) {
		w.on(t)
		theirs := list(w.Enroll(access.Coordinator, w.Organization("Elsewhere")))
		if _, ok := theirs[rosa.ID]; ok {
			t.Error("another organization is told of a device")
		}
		for _, d := range []*rig.Device{rosa, marisol, w.Enroll(access.Manager, w.hotel, w.site)} {
			if status := w.Send(http.MethodGet, d.Token, "/api/fieldpost/devices", nil, new(json.RawMessage)); status != 403 {
				t.Errorf("%s: %d", d.User.Role, status)
			}
		}
	})
	t.Run("[PULL-6] a device that says it too long or wrong is told so", func(t *testing.T) {
		w.on(t)
		for _, bad := range []map[string]any{{"app": strings.Repeat("x", 41)}, {"app": 5}, {"app": "x", "waiting": -1}, {"app": "x", "waiting": "5"}} {
			if status, _, e := rosa.TryPull(bad); status != 400 || e.Code != "bad_request" {
				t.Errorf("%v: %d", bad, status)
			}
		}
	})
}
