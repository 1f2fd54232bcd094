package wiring_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"
	"github.com/pocketbase/pocketbase/tools/mailer"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// superuser signs in break-glass.
func superuser(t *testing.T, r *rig.Rig) string {
	t.Helper()
	c, err := r.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	s := core.NewRecord(c)
	s.SetEmail("root@example.org")
	s.SetPassword("root-root-root")
	if err := r.App.Save(s); err != nil {
		t.Fatal(err)
	}
	token, err := s.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func bootstrap(dir string) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: dir, DBConnect: wiring.DBConnect})
	hooks.Register(app, wiring.New(app, wiring.Config{}))
	err := app.Bootstrap()
	if reset := app.ResetBootstrapState(); err == nil {
		err = reset
	}
	return err
}

func TestInstallationKey(t *testing.T) {
	t.Run("[JOURNAL-4] a database with a history does not start without its key, nor with another's", func(t *testing.T) {
		r := rig.New(t)
		r.Organization("Outreach")
		r.Stop()
		path := seal.KeyPath(r.Dir)
		own, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := bootstrap(r.Dir); err == nil || !strings.Contains(err.Error(), "put back your copy") {
			t.Fatalf("without the key: %v", err)
		}
		if seal.Exists(r.Dir) {
			t.Fatal("a new key was made over a history")
		}
		if _, _, err := seal.Open(r.Dir); err != nil { // another installation's
			t.Fatal(err)
		}
		if err := bootstrap(r.Dir); err == nil || !strings.Contains(err.Error(), "another installation") {
			t.Fatalf("with another key: %v", err)
		}
		if err := os.WriteFile(path, own, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := bootstrap(r.Dir); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWhatIsFixed(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	hotel := r.Organization("Hotel")
	site := r.Site("Hotel one", hotel, ngo)
	root := superuser(t, r)
	staff := r.Enroll(access.Staff, hotel, site)

	t.Run("[R24] nothing sends mail, whoever asks", func(t *testing.T) {
		status := r.Post(staff.Token, "/api/collections/users/request-email-change", map[string]any{"newEmail": "x@example.org"}, nil)
		rig.Want(t, status, http.StatusForbidden)
		status = r.Post("", "/api/collections/users/request-password-reset", map[string]any{"email": "x@example.org"}, nil)
		if status == http.StatusOK {
			t.Fatal(status)
		}
		err := r.App.NewMailClient().Send(&mailer.Message{})
		if err == nil || !strings.Contains(err.Error(), "sends none") {
			t.Fatal(err)
		}
	})
	t.Run("[R22] no address and no account is logged, and nobody turns that on", func(t *testing.T) {
		rig.Want(t, r.App.Settings().Logs.LogIP, false)
		rig.Want(t, r.App.Settings().Logs.LogAuthId, false)
		for _, key := range []string{"logIP", "logAuthId"} {
			status := r.Send(http.MethodPatch, root, "/api/settings", map[string]any{"logs": map[string]any{key: true}}, nil)
			rig.Want(t, status, http.StatusBadRequest)
		}
	})
	t.Run("[R9] requests leave no log that would join a device to a report by its time", func(t *testing.T) {
		r.Send(http.MethodGet, staff.Token, "/api/collections/users/records/"+staff.User.ID, nil, nil)
		handler, ok := r.App.Logger().Handler().(*logger.BatchHandler)
		if !ok {
			t.Fatalf("%T", r.App.Logger().Handler())
		}
		if err := handler.WriteAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		err := r.App.AuxDB().NewQuery("SELECT count(*) FROM _logs WHERE data LIKE '%/api/%'").Row(&n)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, n, 0)
	})
	t.Run("[R9] entries about people and devices tell the day and not the time", func(t *testing.T) {
		var rows []struct {
			At    int64  `db:"at"`
			Stamp string `db:"stamp"`
		}
		err := r.App.DB().NewQuery("SELECT at, stamp FROM journal_entry WHERE collection IN ('users','devices','invites')").All(&rows)
		if err != nil || len(rows) == 0 {
			t.Fatal(err, len(rows))
		}
		for _, row := range rows {
			if row.At%(24*60*60*1000) != 0 || !strings.HasSuffix(row.Stamp[:13], "00000") {
				t.Fatalf("%+v", row)
			}
		}
	})
	t.Run("[R8] a staff phone's own name is not kept", func(t *testing.T) {
		d, err := r.App.FindRecordById("devices", staff.ID)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, d.GetString("name"), "")
		rig.Want(t, d.GetString("platform"), "other")
	})
	t.Run("[R8] a site is not served by its owner", func(t *testing.T) {
		status := r.Send(http.MethodPatch, root, "/api/collections/sites/records/"+site, map[string]any{"served_by": hotel}, nil)
		rig.Want(t, status, http.StatusBadRequest)
	})
	t.Run("[ACCESS] rules, fields and collections of the product can't be changed in the dashboard", func(t *testing.T) {
		var c struct {
			Fields []map[string]any `json:"fields"`
		}
		rig.Want(t, r.Send(http.MethodGet, root, "/api/collections/observations", nil, &c), http.StatusOK)
		fields := slices.DeleteFunc(c.Fields, func(f map[string]any) bool { return f["name"] == "note" })
		refused := func(collection, key string, value any, why string) {
			t.Helper()
			var answer struct {
				Message string         `json:"message"`
				Data    map[string]any `json:"data"`
			}
			status := r.Send(http.MethodPatch, root, "/api/collections/"+collection, map[string]any{key: value}, &answer)
			if status != http.StatusBadRequest || !strings.Contains(answer.Message, why) {
				t.Errorf("%s of %s: %d %+v", key, collection, status, answer)
			}
		}
		refused("observations", "listRule", "", "access table")
		refused("observations", "fields", fields, "can't be dropped")
		refused("users", "manageRule", "id != ''", "access table")
		rig.Want(t, r.Send(http.MethodDelete, root, "/api/collections/observations", nil, nil), http.StatusBadRequest)
		rig.Want(t, r.Send(http.MethodPut, root, "/api/collections/import", map[string]any{"collections": []any{map[string]any{"name": "x"}}}, nil), http.StatusBadRequest)
	})
}

// [R8] What a person may not see they may not ask for either: PocketBase does
// not apply the rules of what a filter reaches over a relation and back.
func TestQuestions(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	hotel := r.Organization("Hotel")
	site := r.Site("Hotel one", hotel, ngo)
	manager := r.Enroll(access.Manager, hotel, site)
	worker := r.Enroll(access.Worker, ngo)
	list := func(token, collection, key, value string) (int, int) {
		var answer struct {
			Items []json.RawMessage `json:"items"`
		}
		status := r.Send(http.MethodGet, token, "/api/collections/"+collection+"/records?"+key+"="+url.QueryEscape(value), nil, &answer)
		return status, len(answer.Items)
	}
	t.Run("[R8] filter and sort through another record are refused", func(t *testing.T) {
		for _, q := range [][3]string{
			{"users", "filter", "sites.submissions_via_site.manager_involved != true"},
			{"sites", "filter", `submissions_via_site.id="x" || id!=""`},
			{"sites", "filter", `(id != "" && (observations_via_site.note !~ "WORD"))`},
			{"organizations", "filter", `users_via_organization.devices_via_user.id !~ "a"`},
			{"checklists", "sort", "-submissions_via_checklist.event_time"},
			{"sites", "sort", "name,+owner.name"},
			{"sites", "filter", `@collection.observations.note ~ "a"`},
			{"sites", "filter", `owner.name = "Hotel"`},
			{"sites", "filter", `id != '\'' && owner.name = "x" // '`},
			{"sites", "filter", `geoDistance(owner.x, 1, 2, 3) > 1`},
		} {
			for who, token := range map[string]string{"manager": manager.Token, "worker": worker.Token} {
				if status, _ := list(token, q[0], q[1], q[2]); status != http.StatusForbidden {
					t.Errorf("%s %v: %d", who, q, status)
				}
			}
		}
	})
	t.Run("[R8] own fields may be asked for, and superusers may ask all", func(t *testing.T) {
		for _, q := range [][2]string{{"filter", `name = "Hotel one" && (venue != "" || point.lat > 1)`}, {"sort", "-name,id"}, {"filter", "name ~ 'o_via_'"}} {
			if status, n := list(manager.Token, "sites", q[0], q[1]); status != http.StatusOK || n > 1 {
				t.Errorf("%v: %d %d", q, status, n)
			}
		}
		if status, n := list(superuser(t, r), "sites", "filter", `owner.name = "Hotel"`); status != http.StatusOK || n != 1 {
			t.Fatal(status, n)
		}
	})
}
