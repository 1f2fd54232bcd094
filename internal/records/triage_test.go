package records_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/triage"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// localRules are the shipped rules under a key of one's own, with one text
// changed.
func localRules(t *testing.T, r *rig.Rig, version int, changes ...string) *triage.Rules {
	t.Helper()
	raw, err := json.Marshal(r.S.Store.Triage[0])
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	doc["key"], doc["version"] = "ours", version
	if raw, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(changes...).Replace(string(raw))
	rules, err := triage.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func triageOf(t *testing.T, r *rig.Rig, collection, id string) (suggested string, fired map[string]any) {
	t.Helper()
	record, err := r.App.FindRecordById("triage", wire.TriageID(collection, id))
	if err != nil {
		t.Fatal(err)
	}
	if err := record.UnmarshalJSONField("fired", &fired); err != nil {
		t.Fatal(err)
	}
	return record.GetString("suggested"), fired
}

func TestTriageRules(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	worker := r.Enroll(access.Worker, ngo)
	see := func(indicators ...string) string {
		t.Helper()
		fields := r.Observation("")
		list := []any{}
		for _, i := range indicators {
			list = append(list, map[string]any{"indicator": i, "basis": "saw"})
		}
		fields["indicators"] = list
		id, v := worker.Create("observations", fields)
		rig.Want(t, v.Verdict, wire.Applied)
		return id
	}
	name := func() triage.Name {
		t.Helper()
		rules, err := r.S.Store.TriageRules()
		if err != nil {
			t.Fatal(err)
		}
		return rules.Name()
	}
	groups, same := []string{"core.03", "core.07", "core.10"}, []string{"core.10", "core.11", "core.12"}
	t.Run("[CONTENT] [R25] the shipped rules are in force, and each triage record names them", func(t *testing.T) {
		rig.Want(t, name(), triage.Name{Key: "shipped", Version: 1})
		suggested, fired := triageOf(t, r, "observations", see(groups...))
		rig.Want(t, suggested, "review")
		rig.Want(t, fired, map[string]any{"rule": "three_context", "items": []any{"core.03", "core.07", "core.10"}, "rules": map[string]any{"key": "shipped", "version": 1}})
		suggested, _ = triageOf(t, r, "observations", see(same...))
		rig.Want(t, suggested, "context")
	})
	t.Run("[R25] a report that says that somebody may be under 18 goes to a person", func(t *testing.T) {
		fields := r.Observation("")
		fields["indicators"], fields["minor_possible"] = []any{}, true
		id, v := worker.Create("observations", fields)
		rig.Want(t, v.Verdict, wire.Applied)
		suggested, fired := triageOf(t, r, "observations", id)
		rig.Want(t, suggested, "review")
		rig.Want(t, fired["flags"], []any{"minor_possible"})
	})
	t.Run("[R25] a checklist of version 1 has no groups: three items count, and the record says so", func(t *testing.T) {
		list, err := r.App.FindFirstRecordByFilter("checklists", "key='hotel_front' && version=1")
		if err != nil {
			t.Fatal(err)
		}
		id, v := worker.Create("submissions", map[string]any{"checklist": list.Id, "version": 1, "event_time": r.Clock.Now().UTC().Format(wire.TimeFormat),
			"answers": map[string]any{"hotel_front.02": "yes", "hotel_front.03": "yes", "hotel_front.04": "yes"}})
		rig.Want(t, v.Verdict, wire.Applied)
		suggested, fired := triageOf(t, r, "submissions", id)
		rig.Want(t, suggested, "review")
		rig.Want(t, fired["ungrouped"], true)
	})
	// Weak signs of two groups are enough, and strong ones are not.
	own := localRules(t, r, 1, `"at_least":3`, `"at_least":1`)
	t.Run("[CONTENT] a trial tells what rules would change, by id, and changes nothing", func(t *testing.T) {
		before := r.Entries()
		trial, err := r.S.Store.TryTriageRules(nil, own, 500)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, r.Entries(), before)
		rig.Want(t, trial.Looked, 4)
		if len(trial.Changes) != 1 {
			t.Fatalf("%+v", trial.Changes)
		}
		c := trial.Changes[0]
		rig.Want(t, []any{c.Collection, c.From, c.FromRule, c.To, c.Rule, c.Items}, []any{"observations", "context", "below_threshold", "review", "three_context", same})
		text, err := json.Marshal(trial)
		if err != nil || strings.Contains(string(text), "silver van") {
			t.Fatalf("%s %v", text, err)
		}
		one, err := r.S.Store.TryTriageRules(nil, own, 1)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, one.Looked, 1)
	})
	audited := func() int {
		t.Helper()
		n, err := r.App.CountRecords("audit")
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	apply := func(rules *triage.Rules) error {
		_, err := r.S.Store.ApplyTriageRules(rules, records.Audit{Actor: records.ActorOperator})
		return err
	}
	t.Run("[CONTENT] [R16] an installation's own rules hold for reports from then on, audited; those before keep theirs", func(t *testing.T) {
		was := see(same...)
		before := audited()
		if err := apply(own); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, audited(), before+1)
		rig.Want(t, name(), own.Name())
		suggested, fired := triageOf(t, r, "observations", see(same...))
		rig.Want(t, suggested, "review")
		rig.Want(t, fired["rules"], map[string]any{"key": "ours", "version": 1})
		suggested, _ = triageOf(t, r, "observations", was)
		rig.Want(t, suggested, "context")
	})
	t.Run("[CONTENT] a version never changes: the same one with other words, a shipped key and a number that was there are refused, with nothing done", func(t *testing.T) {
		before, entries := audited(), r.Entries()
		for what, rules := range map[string]*triage.Rules{
			"the same version":       localRules(t, r, 1, `"at_least":3`, `"at_least":2`),
			"a shipped key":          localRules(t, r, 7, `"ours"`, `"shipped"`),
			"the shipped, but other": localRules(t, r, 1, `"ours"`, `"shipped"`, `"at_least":3`, `"at_least":2`),
		} {
			if err := apply(rules); !fault.Is(err, fault.BadRequest) {
				t.Errorf("%s: %v", what, err)
			}
		}
		rig.Want(t, []int64{int64(audited()), r.Entries()}, []int64{int64(before), entries})
		rig.Want(t, name(), own.Name())
		record, err := r.App.FindFirstRecordByData("triage_rules", "key", "ours")
		if err != nil {
			t.Fatal(err)
		}
		record.Set("rules", `{"format":1}`)
		var refused *records.Refusal
		if err := r.App.Save(record); err == nil || !errors.As(err, &refused) && !strings.Contains(err.Error(), "never changes") {
			t.Fatalf("the dashboard changed a version: %v", err)
		}
	})
	t.Run("[CONTENT] a next version counts on, and a version that was in force before may come again", func(t *testing.T) {
		if err := apply(localRules(t, r, 3)); err != nil {
			t.Fatal(err)
		}
		if err := apply(localRules(t, r, 2)); !fault.Is(err, fault.BadRequest) {
			t.Fatal(err)
		}
		if err := apply(own); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, name(), own.Name())
	})
	t.Run("[CONTENT] a start and an upgrade put no rules of the installation's own aside", func(t *testing.T) {
		waiting, err := r.S.Store.LoadTriageRules()
		if err != nil || waiting {
			t.Fatal(waiting, err)
		}
		newer := *r.S.Store.Triage[0]
		newer.Version = 2
		shipped := r.S.Store.Triage
		r.S.Store.Triage = append(slices.Clone(shipped), &newer)
		defer func() { r.S.Store.Triage = shipped }()
		if waiting, err = r.S.Store.LoadTriageRules(); err != nil || !waiting {
			t.Fatal(waiting, err)
		}
		rig.Want(t, name(), own.Name())
		if err := apply(&newer); err != nil { // it waits, and can be taken
			t.Fatal(err)
		}
		rig.Want(t, name(), newer.Name())
		newest := newer
		newest.Version = 3
		r.S.Store.Triage = append(r.S.Store.Triage, &newest)
		if waiting, err = r.S.Store.LoadTriageRules(); err != nil || waiting {
			t.Fatal(waiting, err)
		}
		rig.Want(t, name(), newest.Name()) // where only shipped ones were in force, an upgrade goes on
	})
	t.Run("[CONTENT] [PUSH-4] rules that cannot be read keep no report out: the shipped ones hold", func(t *testing.T) {
		if _, err := r.App.NonconcurrentDB().NewQuery("UPDATE {{triage_rules}} SET rules='{\"format\":9}'").Execute(); err != nil {
			t.Fatal(err)
		}
		_, fired := triageOf(t, r, "observations", see(same...))
		rig.Want(t, fired["rules"], map[string]any{"key": "shipped", "version": 1})
	})
}

func TestAlike(t *testing.T) {
	r := rig.New(t)
	ngo, other, owner := r.Organization("Outreach"), r.Organization("Other"), r.Organization("Owner")
	stop, far, hotel := r.Site("Stop", owner, ngo), r.Site("Far", owner, ngo), r.Site("Hotel", owner, other)
	worker, second, elsewhere := r.Enroll(access.Worker, ngo), r.Enroll(access.Worker, ngo), r.Enroll(access.Worker, other)
	person := func(d *rig.Device) *access.Person {
		p, err := r.S.Store.Person(r.App, d.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	keisha, theirs := person(r.Enroll(access.Coordinator, ngo)), person(r.Enroll(access.Coordinator, other))
	at := r.Clock.Now().Add(-time.Hour)
	see := func(d *rig.Device, site string, minutes int, vehicle map[string]any) string {
		t.Helper()
		fields := r.Observation(site)
		fields["event_time"] = at.Add(time.Duration(minutes) * time.Minute).UTC().Format(wire.TimeFormat)
		if vehicle != nil {
			fields["vehicles"] = []any{vehicle}
		}
		id, v := d.Create("observations", fields)
		rig.Want(t, v.Verdict, wire.Applied)
		return id
	}
	van := map[string]any{"kind": "van", "color": "silver"}
	mine := see(worker, stop, 0, van)
	same := see(second, stop, 20, map[string]any{"kind": "van", "color": "silver", "plate_end": "7X"})
	see(worker, stop, 10, map[string]any{"kind": "truck", "color": "red"})
	see(worker, far, 0, van)
	old := see(worker, stop, -31*60, van)
	see(elsewhere, hotel, 0, van)
	ids := func(by *access.Person, id string) string {
		t.Helper()
		view, err := r.S.Store.Alike(by, id)
		if err != nil {
			t.Fatal(err)
		}
		if view == nil {
			return "not found"
		}
		var out []string
		for _, c := range view.Candidates {
			out = append(out, c.ID)
		}
		return strings.Join(out, " ")
	}
	t.Run("[R19] a coordinator gets the candidates for a duplicate, and both reports stay as they are", func(t *testing.T) {
		before := r.Entries()
		rig.Want(t, ids(keisha, mine), same)
		rig.Want(t, ids(keisha, same), mine)
		rig.Want(t, r.Entries(), before)
	})
	t.Run("[ACCESS] who may not see the report learns nothing, not even that it is there", func(t *testing.T) {
		rig.Want(t, ids(theirs, mine), "not found")
		rig.Want(t, ids(keisha, rig.ID()), "not found")
	})
	t.Run("[R19] a late arrival says so, in both languages", func(t *testing.T) {
		view, err := r.S.Store.Alike(keisha, old)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, view.Late.Words, map[string]string{"en": "happened 32 h ago, arrived now", "es": "pasó hace 32 h, llegó ahora"})
		rig.Want(t, []any{view.Late.Late.Late, view.Late.About}, []any{true, false})
		if view, err = r.S.Store.Alike(keisha, mine); err != nil || view.Late.Late.Late || view.Late.Words["en"] != "" {
			t.Fatalf("%+v %v", view, err)
		}
	})
	t.Run("[R25] where candidates are shown it says that nobody has reviewed the thresholds", func(t *testing.T) {
		view, err := r.S.Store.Alike(keisha, mine)
		if err != nil || view.Notice["en"] != triage.Notice("en") || view.Notice["es"] != triage.Notice("es") {
			t.Fatalf("%+v %v", view, err)
		}
	})
	t.Run("[R19] the last reports that have a candidate are listed", func(t *testing.T) {
		views, err := r.S.Store.AlikeAmong(500)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, len(views), 2)
	})
}
