package exchange_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// audited are the entries of the audit beyond a number, in order, without those
// of invites: the rig makes one for everybody.
func (w *town) audited(beyond int) []map[string]string {
	w.T.Helper()
	return w.rows("SELECT * FROM audit WHERE number>{:n} AND act<>'invite' ORDER BY number", dbx.Params{"n": beyond})
}

// audits is where the audit stands.
func (w *town) audits() int { return w.count("audit") }

// says fails unless exactly one entry came since, and it says this.
func (w *town) says(beyond int, want map[string]string) map[string]string {
	w.T.Helper()
	got := w.audited(beyond)
	if len(got) != 1 {
		w.T.Fatalf("%d entries: %v", len(got), got)
	}
	for f, v := range want {
		if got[0][f] != v {
			w.T.Errorf("%s is %q, want %q", f, got[0][f], v)
		}
	}
	return got[0]
}

func TestAudit(t *testing.T) {
	w := newTown(t)
	keisha := w.coordinator()
	super, token := w.superuser()
	boss := &rig.Device{Rig: w.Rig, Token: token}

	t.Run("[R16] a release and an adoption say who did it, in the mutation that notes it", func(t *testing.T) {
		w.on(t)
		for _, c := range []struct{ what, state, act string }{{"release", "released", records.ActRelease}, {"adopt", "adopted", records.ActAdopt}} {
			id, v := w.worker().Create("observations", w.noTime(w.site))
			before := w.audits()
			w.became(keisha, c.what, v.Quarantine, c.state, op(t, rig.Create("observations", id, w.Observation(w.site))))
			e := w.says(before, map[string]string{"act": c.act, "actor": keisha.User.ID, "organization": w.ngo, "collection": "quarantine", "record": v.Quarantine})
			rows := w.rows(`SELECT DISTINCT mut FROM journal_entry WHERE (collection='audit' AND record={:a}) OR (collection='quarantine' AND record={:q} AND op='update')`,
				dbx.Params{"a": e["id"], "q": v.Quarantine})
			rig.Want(t, len(rows), 1)
		}
	})
	t.Run("[R16] what stays held leaves no entry of a release", func(t *testing.T) {
		w.on(t)
		_, v := w.worker().Create("observations", w.noTime(w.site))
		before := w.audits()
		w.became(keisha, "release", v.Quarantine, "held")
		rig.Want(t, w.audited(before), []map[string]string{})
	})
	t.Run("[R16] the command line is the operator: a release, and an invite", func(t *testing.T) {
		w.on(t)
		id, v := w.worker().Create("observations", w.noTime(w.site))
		before := w.audits()
		out, _, err := w.S.Repair(v.Quarantine, "", false, []any{op(t, rig.Create("observations", id, w.Observation(w.site)))})
		if err != nil || out.State != "released" {
			t.Fatal(out, err)
		}
		w.says(before, map[string]string{"act": records.ActRelease, "actor": records.ActorOperator})
		before = w.audits()
		w.Invite(access.Worker, w.ngo, 3)
		made := w.rows("SELECT * FROM audit WHERE number>{:n}", dbx.Params{"n": before})
		rig.Want(t, []any{len(made), made[0]["act"], made[0]["collection"], made[0]["organization"]}, []any{1, records.ActInvite, "invites", w.ngo})
	})
	t.Run("[R16] a superuser's writes are audited record by record, with the fields and never their content", func(t *testing.T) {
		w.on(t)
		before := w.audits()
		status, got := w.rest(boss, http.MethodPost, "organizations/records", map[string]any{"name": "Silver van clinic", "type": "health"})
		rig.Want(t, status, http.StatusOK)
		id := got["id"].(string)
		e := w.says(before, map[string]string{"act": records.ActSuperuserWrite, "actor": "superuser:" + super, "organization": id, "collection": "organizations", "record": id})
		rig.Want(t, e["detail"], `{"fields":["name","type"],"op":"create"}`)
		before = w.audits()
		status, _ = w.rest(boss, http.MethodPatch, "organizations/records/"+id, map[string]any{"type": "labor"})
		rig.Want(t, status, http.StatusOK)
		rig.Want(t, w.says(before, nil)["detail"], `{"fields":["type"],"op":"update"}`)
		before = w.audits()
		status, _ = w.rest(boss, http.MethodDelete, "organizations/records/"+id, nil)
		rig.Want(t, status, http.StatusNoContent)
		rig.Want(t, w.says(before, nil)["detail"], `{"fields":[],"op":"delete"}`)
		if all := strings.Join(printed(t, w.App.ConcurrentDB(), "audit"), "\n"); strings.Contains(all, "Silver van") || strings.Contains(all, "labor") {
			t.Error("the audit holds what was written")
		}
	})
	t.Run("[R16] a superuser's batch is audited, and what is rolled back leaves nothing", func(t *testing.T) {
		w.on(t)
		before := w.audits()
		change := func(site, notes string) map[string]any {
			return map[string]any{"method": "PATCH", "url": "/api/collections/sites/records/" + site, "body": map[string]any{"notes": notes}}
		}
		status := w.Post(token, "/api/batch", map[string]any{"requests": []any{change(w.site, "one"), change(rig.ID(), "two")}}, nil)
		rig.Want(t, status, http.StatusBadRequest)
		rig.Want(t, w.audited(before), []map[string]string{})
		status = w.Post(token, "/api/batch", map[string]any{"requests": []any{change(w.site, "one"), change(w.site, "two")}}, nil)
		rig.Want(t, status, http.StatusOK)
		rig.Want(t, len(w.audited(before)), 2)
	})
	t.Run("[R16] what a superuser asks for beside the records is audited before it is done", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		for _, c := range []struct {
			method, path string
			body         any
			act, in, id  string
		}{
			{http.MethodPost, "/api/collections/_superusers/records", map[string]any{"email": "new@example.org", "password": "correct horse battery", "passwordConfirm": "correct horse battery"}, records.ActSuperuserWrite, "_superusers", ""},
			{http.MethodPatch, "/api/settings", map[string]any{"meta": map[string]any{"appName": "Daybook"}}, records.ActSettings, "settings", ""},
			{http.MethodPost, "/api/sql", map[string]any{"query": "SELECT 1"}, records.ActSealedRead, "sql", ""},
			{http.MethodPost, "/api/collections/users/impersonate/" + rosa.User.ID, map[string]any{}, records.ActSuperuserWrite, "users", rosa.User.ID},
			{http.MethodDelete, "/api/collections/conflicts/truncate", nil, records.ActSuperuserWrite, "conflicts", ""},
			{http.MethodPost, "/api/collections", map[string]any{"name": "extra", "type": "base"}, records.ActSuperuserWrite, "collections", ""},
			{http.MethodDelete, "/api/backups/none.zip", nil, records.ActSuperuserWrite, "backups", "none.zip"},
			{http.MethodPost, "/api/crons/none", nil, records.ActSuperuserWrite, "crons", "none"},
		} {
			before := w.audits()
			w.Send(c.method, token, c.path, c.body, nil)
			w.says(before, map[string]string{"act": c.act, "actor": "superuser:" + super, "collection": c.in, "record": c.id})
			before = w.audits()
			w.Send(c.method, keisha.Token, c.path, c.body, nil)
			rig.Want(t, len(w.audited(before)), 0) // asked by anybody else it is refused, and no superuser's
		}
		before := w.audits()
		w.Send(http.MethodGet, token, "/api/collections/organizations/records", nil, nil)
		w.Post(token, "/api/files/token", nil, nil)
		rig.Want(t, len(w.audited(before)), 0)
	})
	t.Run("[R16] a download of a backup is an export by the superuser whose token it carries", func(t *testing.T) {
		w.on(t)
		var file struct{ Token string }
		w.Post(token, "/api/files/token", nil, &file)
		before := w.audits()
		w.Send(http.MethodGet, token, "/api/backups/some.zip?token="+file.Token, nil, nil) // by the admin door
		w.says(before, map[string]string{"act": records.ActExport, "actor": "superuser:" + super, "collection": "backups", "record": "some.zip"})
	})
	t.Run("[R16] a change of role, organization or sites is audited whoever makes it; one of the language is not", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		before := w.audits()
		change(t, w.Rig, "users", rosa.User.ID, map[string]any{"locale": "es"})
		rig.Want(t, len(w.audited(before)), 0)
		change(t, w.Rig, "users", rosa.User.ID, map[string]any{"role": "coordinator"})
		e := w.says(before, map[string]string{"act": records.ActRoleChange, "actor": "system", "organization": w.ngo, "collection": "users", "record": rosa.User.ID})
		rig.Want(t, e["detail"], `{"role":{"from":"worker","to":"coordinator"}}`)
		before = w.audits()
		status, _ := w.rest(boss, http.MethodPatch, "users/records/"+rosa.User.ID, map[string]any{"role": "admin"})
		rig.Want(t, status, http.StatusOK)
		both := w.audited(before)
		rig.Want(t, []any{len(both), both[0]["act"], both[1]["act"], both[1]["actor"]}, []any{2, records.ActSuperuserWrite, records.ActRoleChange, "superuser:" + super})
		before = w.audits()
		status, _ = w.rest(boss, http.MethodPatch, "users/records/"+rosa.User.ID, map[string]any{"password": "correct horse battery", "passwordConfirm": "correct horse battery"})
		rig.Want(t, status, http.StatusOK)
		w.says(before, map[string]string{"act": records.ActSuperuserWrite}) // a password is no field, and yet a write
	})
	t.Run("[R16] [R8] what concerns a staff person is seen by who serves the site, never by its owner", func(t *testing.T) {
		w.on(t)
		dee := w.staff()
		before := w.audits()
		change(t, w.Rig, "users", dee.User.ID, map[string]any{"role": "manager"})
		w.says(before, map[string]string{"organization": w.ngo})
		before = w.audits()
		status, _ := w.rest(boss, http.MethodPatch, "devices/records/"+w.staff().ID, map[string]any{"revoked": true})
		rig.Want(t, status, http.StatusOK)
		w.says(before, map[string]string{"organization": w.ngo})
	})
	t.Run("[JOURNAL-4] [R9] [R16] staff are not told apart, by id or pseudonym, whatever it is about", func(t *testing.T) {
		w.on(t)
		dee := w.staff()
		pseudonym := w.S.Key.Person(dee.User.ID)
		for _, in := range []string{"submissions", "devices", "users", "invites"} {
			for _, actor := range []string{dee.User.ID, pseudonym} {
				before := w.audits()
				if err := w.S.Store.Audit(records.Audit{Act: records.ActExport, Actor: actor, Collection: in, Record: dee.ID}); err != nil {
					t.Fatal(err)
				}
				w.says(before, map[string]string{"actor": "staff"})
			}
		}
	})
	t.Run("[R16] an entry of another act, without end or with a book for a detail, is refused", func(t *testing.T) {
		w.on(t)
		before := w.audits()
		for _, a := range []records.Audit{
			{Act: "look"}, {}, {Act: records.ActExport, Reason: strings.Repeat("x", 1001)},
			{Act: records.ActExport, Detail: map[string]any{"x": strings.Repeat("x", 5000)}},
		} {
			if w.S.Store.Audit(a) == nil {
				t.Errorf("%+v was written", a)
			}
		}
		rig.Want(t, w.audits(), before)
	})
	t.Run("[R16] an act whose entry can't be written is not done", func(t *testing.T) {
		w.on(t)
		rosa := w.worker()
		id, v := w.worker().Create("observations", w.noTime(w.site))
		repaired := op(t, rig.Create("observations", id, w.Observation(w.site)))
		acts := map[string]func() bool{ // each tells whether it was done
			"superuser write": func() bool {
				w.rest(boss, http.MethodPatch, "organizations/records/"+w.ngo, map[string]any{"type_text": "done"})
				return w.record("organizations", w.ngo)["type_text"] == "done"
			},
			"role change": func() bool {
				r, err := w.App.FindRecordById("users", rosa.User.ID)
				if err != nil {
					t.Fatal(err)
				}
				r.Set("role", "provider")
				return w.App.Save(r) == nil || w.record("users", rosa.User.ID)["role"] == "provider"
			},
			"release": func() bool {
				w.repair(keisha, "release", v.Quarantine, repaired)
				return w.record("quarantine", v.Quarantine)["state"] != "held" || w.record("observations", id) != nil
			},
			"superuser's SQL": func() bool {
				return w.Post(token, "/api/sql", map[string]any{"query": "SELECT 1"}, nil) == http.StatusOK
			},
		}
		w.exec("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the audit is full'); END")
		for name, act := range acts {
			if act() {
				t.Errorf("%s was done without an entry", name)
			}
		}
		w.exec("DROP TRIGGER full")
		for name, act := range acts {
			if !act() {
				t.Errorf("%s was not done with one", name)
			}
		}
	})
}

// TestAuditAppendOnly tries to write the audit in every way there is.
func TestAuditAppendOnly(t *testing.T) {
	w := newTown(t)
	admin := w.Enroll(access.Admin, w.ngo)
	keisha := w.coordinator()
	_, token := w.superuser()
	entry := w.rows("SELECT id FROM audit ORDER BY number LIMIT 1", nil)[0]["id"]
	forged := map[string]any{"act": "release", "actor": keisha.User.ID, "at": "2026-01-11 04:55:00.000Z", "organization": w.ngo, "number": 99}
	table := func() string {
		return strings.Join(printed(t, w.App.ConcurrentDB(), "audit"), "\n")
	}
	for name, by := range map[string]*rig.Device{"a worker": w.worker(), "staff": w.staff(), "a coordinator": keisha, "an admin": admin,
		"a superuser": {Rig: w.Rig, Token: token}} {
		t.Run("[R16] "+name+" can't make, change or delete an entry by REST, batch or emptying", func(t *testing.T) {
			w.on(t)
			before := table()
			entries := "/api/collections/audit/records"
			for _, c := range []struct {
				method, path string
				body         any
			}{
				{http.MethodPost, entries, forged},
				{http.MethodPatch, entries + "/" + entry, map[string]any{"reason": "another"}},
				{http.MethodDelete, entries + "/" + entry, nil},
				{http.MethodPost, "/api/batch", map[string]any{"requests": []any{map[string]any{"method": "POST", "url": entries, "body": forged}}}},
				{http.MethodPost, "/api/batch", map[string]any{"requests": []any{map[string]any{"method": "DELETE", "url": entries + "/" + entry}}}},
			} {
				if status := w.Send(c.method, by.Token, c.path, c.body, nil); status < 400 {
					t.Errorf("%s %s: %d", c.method, c.path, status)
				}
			}
			if table() != before {
				t.Error("the audit has changed")
			}
			// Emptying it is refused; that it was asked for is one entry more.
			if status := w.Send(http.MethodDelete, by.Token, "/api/collections/audit/truncate", nil, nil); status < 400 {
				t.Errorf("emptied: %d", status)
			}
			if !strings.HasPrefix(table(), before) {
				t.Error("the audit was emptied")
			}
			if by.ID == "" {
				return
			}
			for _, o := range []wire.Op{rig.Create("audit", rig.ID(), forged), rig.Update("audit", entry, w.Entries(), map[string]any{"reason": "x"}),
				rig.Delete("audit", entry, w.Entries())} {
				verdict(t, by.Do(o), wire.Refused, wire.CodeNotAllowed)
			}
			if !strings.HasPrefix(table(), before) {
				t.Error("a push has changed the audit")
			}
		})
	}
	t.Run("[R16] nor does an extension in Go; what it may write it does write", func(t *testing.T) {
		w.on(t)
		before := table()
		r, err := w.App.FindRecordById("audit", entry)
		if err != nil {
			t.Fatal(err)
		}
		r.Set("reason", "another")
		if w.App.Save(r) == nil || w.App.Delete(r) == nil {
			t.Error("an entry was changed")
		}
		c, err := w.App.FindCollectionByNameOrId("audit")
		if err != nil {
			t.Fatal(err)
		}
		made := core.NewRecord(c)
		made.Load(forged)
		if w.App.Save(made) == nil {
			t.Error("an entry was made")
		}
		if table() != before {
			t.Error("the audit has changed")
		}
		w.Make("organizations", map[string]any{"name": "By Go"}) // the same way works elsewhere
	})
	t.Run("[R16] what an entry names may be deleted without touching it", func(t *testing.T) {
		w.on(t)
		boss := &rig.Device{Rig: w.Rig, Token: token}
		o := w.Organization("Closing down")
		if err := w.S.Store.Audit(records.Audit{Act: records.ActSettings, Organization: o, Collection: "organizations", Record: o}); err != nil {
			t.Fatal(err)
		}
		before := table()
		status, _ := w.rest(boss, http.MethodDelete, "organizations/records/"+o, nil)
		rig.Want(t, status, http.StatusNoContent)
		if !strings.HasPrefix(table(), before) {
			t.Error("the audit has changed")
		}
	})
	t.Run("[R16] [PULL-1] it is pulled by admins whole, by coordinators their own organization's, by others not at all", func(t *testing.T) {
		w.on(t)
		other := w.Enroll(access.Coordinator, w.Organization("Elsewhere"))
		all := w.count("audit")
		rig.Want(t, len(admin.Fresh()["audit"]), all)
		own := w.rows("SELECT id FROM audit WHERE organization={:o}", dbx.Params{"o": w.ngo})
		rig.Want(t, len(keisha.Fresh()["audit"]), len(own))
		for _, raw := range other.Fresh()["audit"] {
			var e struct{ Organization string }
			if err := json.Unmarshal(raw, &e); err != nil || e.Organization != other.User.Organization {
				t.Fatal(string(raw), err)
			}
		}
		for _, d := range []*rig.Device{w.worker(), w.staff(), w.Enroll(access.Manager, w.hotel, w.site), w.Enroll(access.Provider, w.ngo), w.Enroll(access.LawEnforcement, w.ngo)} {
			rig.Want(t, []any{d.User.Role, len(d.Fresh()["audit"])}, []any{d.User.Role, 0})
		}
	})
	t.Run("[R16] the numbers have no gap, and each entry names the one before by its hash in the journal", func(t *testing.T) {
		w.on(t)
		rows := w.rows(`SELECT a.*, (SELECT lower(hex(e.hash)) FROM journal_entry e WHERE e.record=a.id AND e.collection='audit') AS hash FROM audit a ORDER BY a.number`, nil)
		zero := strings.Repeat("0", 64)
		last, own, ownLast := zero, map[string]int{}, map[string]string{}
		for i, r := range rows {
			rig.Want(t, []any{r["number"], r["before"]}, []any{fmt.Sprint(i + 1), last})
			last = r["hash"]
			o := r["organization"]
			if o == "" {
				rig.Want(t, r["own"], "0")
				continue
			}
			if own[o] == 0 {
				ownLast[o] = zero
			}
			own[o]++
			rig.Want(t, []any{r["own"], r["own_before"]}, []any{fmt.Sprint(own[o]), ownLast[o]})
			ownLast[o] = r["hash"]
		}
		rig.Want(t, len(rows) > 10 && len(own) > 1, true)
	})
}
