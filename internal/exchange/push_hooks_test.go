package exchange_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// watchHooks binds an extension's handler to every record hook of writes, and
// gives what fired since it was last asked, sorted.
func (w *town) watchHooks() func() []string {
	var fired []string
	see := func(hook string) func(e *core.RecordEvent) error {
		return func(e *core.RecordEvent) error {
			fired = append(fired, hook+" "+e.Record.Collection().Name)
			return e.Next()
		}
	}
	app := w.App
	app.OnRecordValidate().BindFunc(see("validate"))
	app.OnRecordCreate().BindFunc(see("create"))
	app.OnRecordCreateExecute().BindFunc(see("create-execute"))
	app.OnRecordAfterCreateSuccess().BindFunc(see("created"))
	app.OnRecordUpdate().BindFunc(see("update"))
	app.OnRecordUpdateExecute().BindFunc(see("update-execute"))
	app.OnRecordAfterUpdateSuccess().BindFunc(see("updated"))
	app.OnRecordDelete().BindFunc(see("delete"))
	app.OnRecordDeleteExecute().BindFunc(see("delete-execute"))
	app.OnRecordAfterDeleteSuccess().BindFunc(see("deleted"))
	return func() []string {
		out := fired
		fired = nil
		slices.Sort(out)
		return out
	}
}

func TestPushHooks(t *testing.T) {
	w := newTown(t)
	rosa, keisha, admin := w.worker(), w.coordinator(), w.Enroll(access.Admin, w.ngo)
	w.staff()
	fired := w.watchHooks()

	t.Run("[PUSH-8] a create or an update by push fires no record hook of an extension, nor does what the server makes beside it", func(t *testing.T) {
		w.on(t)
		report, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		site, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		applied(t, v)
		base := v.Seq
		applied(t, keisha.Do(rig.Update("sites", site, base, map[string]any{"notes": "lit"})))
		// Which of the two wins is decided by their stamps.
		if v := w.coordinator().Do(rig.Update("sites", site, base, map[string]any{"notes": "dark"})); len(v.Conflicts) != 1 {
			t.Errorf("%+v", v)
		}
		if v := rosa.Do(rig.Update("observations", report, 1, map[string]any{"note": "other"})); v.Quarantine == "" {
			t.Errorf("%+v", v)
		}
		if got := withoutEnrolment(fired()); len(got) > 0 {
			t.Errorf("fired: %q", got)
		}
	})
	t.Run("[PUSH-8] a delete by push fires the hooks of deletes", func(t *testing.T) {
		w.on(t)
		fired()
		site, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
		applied(t, v)
		applied(t, keisha.Do(rig.Delete("sites", site, v.Seq)))
		rig.Want(t, fired(), []string{"delete sites", "delete-execute sites", "deleted sites"})
	})
	t.Run("[PUSH-8] people who move with their site are saved by PocketBase, with its hooks of updates", func(t *testing.T) {
		w.on(t)
		clock, err := w.S.Store.Journal().Clock("sites", w.site)
		if err != nil {
			t.Fatal(err)
		}
		fired()
		applied(t, admin.Do(rig.Update("sites", w.site, clock.Version, map[string]any{"served_by": w.Organization("Third")})))
		got := withoutEnrolment(fired())
		rig.Want(t, got, []string{"update devices", "update users", "update-execute devices", "update-execute users", "updated devices", "updated users"})
	})
	t.Run("[PUSH-8] the same create by REST fires them all", func(t *testing.T) {
		w.on(t)
		fired()
		if status := w.Post(keisha.Token, "/api/collections/sites/records", map[string]any{"name": "Stop", "venue": "truck_stop"}, nil); status != 200 {
			t.Fatal(status)
		}
		rig.Want(t, fired(), []string{"create sites", "create-execute sites", "created sites", "validate sites"})
	})
}

// withoutEnrolment leaves out what making people and organizations for the test
// fired.
func withoutEnrolment(fired []string) []string {
	return slices.DeleteFunc(fired, func(f string) bool {
		hook, name, _ := strings.Cut(f, " ")
		return name == "organizations" || name == "invites" || name == "audit" || (name == "users" || name == "devices") && (hook == "validate" || strings.HasPrefix(hook, "create"))
	})
}
