package exchange_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// superuser gives id and token of one who uses the dashboard.
func (w *town) superuser() (id, token string) {
	w.T.Helper()
	c, err := w.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		w.T.Fatal(err)
	}
	s := core.NewRecord(c)
	s.SetEmail(rig.ID() + "@example.com")
	s.SetPassword("a long password")
	if err := w.App.Save(s); err != nil {
		w.T.Fatal(err)
	}
	if token, err = s.NewAuthToken(); err != nil {
		w.T.Fatal(err)
	}
	return s.Id, token
}

// last is the newest entry of a record.
func (w *town) last(collection, id string) journal.PastEntry {
	w.T.Helper()
	past := w.past(collection, id)
	if len(past) == 0 {
		w.T.Fatalf("%s %s has no entry", collection, id)
	}
	return past[len(past)-1]
}

// wants fails unless an entry tells this about who wrote and when.
func (w *town) wants(e journal.PastEntry, op, actor, restUser string) {
	w.T.Helper()
	device := w.S.Key.Rest(restUser)
	now := w.Clock.Now().UnixMilli()
	rig.Want(w.T, []any{e.Op, e.Actor, e.Device, e.Stamp, e.At},
		[]any{op, actor, device, hlc.Stamp{Time: hlc.Time{Ms: now}, Device: device}.String(), now})
}

func TestJournalOfEveryWrite(t *testing.T) {
	w := newTown(t)
	rosa, keisha := w.worker(), w.coordinator()

	t.Run("[JOURNAL-1] writes by REST are journalled, with the server's time and the user's own mark", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		w.Clock.Add(time.Minute)
		status, got := w.rest(rosa, http.MethodPost, "observations/records", with(w.Observation(w.site), "id", id))
		rig.Want(t, status, http.StatusOK)
		e := w.last("observations", id)
		w.wants(e, wire.OpCreate, rosa.User.ID, rosa.User.ID)
		rig.Want(t, e.Fields["note"], got["note"])
		rig.Want(t, []any{e.Fields["organization"], e.Fields["author"], e.Fields["clock_off"]}, []any{w.ngo, rosa.User.ID, "ok"})
		w.wants(w.last("triage", wire.TriageID("observations", id)), wire.OpCreate, "system", "system")

		site, base := w.stop(keisha)
		w.Clock.Add(time.Minute)
		status, _ = w.rest(keisha, http.MethodPatch, "sites/records/"+site, notes("lit"))
		rig.Want(t, status, http.StatusOK)
		e = w.last("sites", site)
		w.wants(e, wire.OpUpdate, keisha.User.ID, keisha.User.ID)
		rig.Want(t, e.Fields, map[string]any{"notes": "lit"})
		rig.Want(t, e.Eff, map[string]hlc.Time{"notes": {Ms: w.Clock.Now().UnixMilli()}})
		rig.Want(t, e.Seq > base, true)

		w.Clock.Add(time.Minute)
		status, _ = w.rest(keisha, http.MethodDelete, "sites/records/"+site, nil)
		rig.Want(t, status, http.StatusNoContent)
		w.wants(w.last("sites", site), wire.OpDelete, keisha.User.ID, keisha.User.ID)
	})
	t.Run("[JOURNAL-1] a write by REST that changes nothing makes no entry", func(t *testing.T) {
		w.on(t)
		site, _ := w.stop(keisha)
		before := w.Entries()
		status, _ := w.rest(keisha, http.MethodPatch, "sites/records/"+site, notes("dark"))
		rig.Want(t, []any{status, w.Entries()}, []any{http.StatusOK, before})
	})
	t.Run("[JOURNAL-1] staff who write by REST stand there by pseudonym", func(t *testing.T) {
		w.on(t)
		dee, id := w.staff(), rig.ID()
		status, got := w.rest(dee, http.MethodPost, "submissions/records", with(w.submission(w.site), "id", id))
		if status != http.StatusOK {
			t.Fatal(status, got)
		}
		e, now := w.last("submissions", id), w.Clock.Now().UnixMilli()
		device := w.S.Key.DeviceOn("rest", id)
		rig.Want(t, []any{e.Actor, e.Device, e.Stamp, e.At}, []any{w.S.Key.PersonOn(dee.User.ID, id), device,
			hlc.Stamp{Time: hlc.Time{Ms: now}, Device: device}.String(), now})
	})
	t.Run("[JOURNAL-1] a batch is journalled op by op, and leaves nothing when one of it fails", func(t *testing.T) {
		w.on(t)
		session := w.Password(keisha.User.ID)
		batch := func(requests ...map[string]any) int {
			var raw json.RawMessage
			return w.Send(http.MethodPost, session, "/api/batch", map[string]any{"requests": requests}, &raw)
		}
		one, two := rig.ID(), rig.ID()
		create := func(id, name string) map[string]any {
			return map[string]any{"method": "POST", "url": "/api/collections/sites/records", "body": map[string]any{"id": id, "name": name, "venue": "hotel"}}
		}
		change := func(id string, body map[string]any) map[string]any {
			return map[string]any{"method": "PATCH", "url": "/api/collections/sites/records/" + id, "body": body}
		}
		before := w.print()
		rig.Want(t, batch(create(one, "One"), create(two, "Two"), create(rig.ID(), "")), http.StatusBadRequest)
		w.unchanged(before)
		seq := w.Entries()
		rig.Want(t, batch(create(one, "One"), create(two, "Two"), change(one, notes("lit")),
			map[string]any{"method": "DELETE", "url": "/api/collections/sites/records/" + two}), http.StatusOK)
		rig.Want(t, w.Entries(), seq+4)
		w.wants(w.last("sites", one), wire.OpUpdate, keisha.User.ID, keisha.User.ID)
		w.wants(w.last("sites", two), wire.OpDelete, keisha.User.ID, keisha.User.ID)
	})
	t.Run("[JOURNAL-1] the dashboard's writes are journalled under the superuser", func(t *testing.T) {
		w.on(t)
		super, token := w.superuser()
		boss := &rig.Device{Rig: w.Rig, Token: token}
		id := rig.ID()
		for method, c := range map[string]struct {
			path string
			body map[string]any
			op   string
		}{
			http.MethodPost: {"organizations/records", map[string]any{"id": id, "name": "New"}, wire.OpCreate},
		} {
			status, got := w.rest(boss, method, c.path, c.body)
			rig.Want(t, status, http.StatusOK)
			rig.Want(t, got["name"], "New")
			w.wants(w.last("organizations", id), c.op, "superuser:"+super, super)
		}
		status, _ := w.rest(boss, http.MethodPatch, "organizations/records/"+id, map[string]any{"allows": []any{"plates"}})
		rig.Want(t, status, http.StatusOK)
		w.wants(w.last("organizations", id), wire.OpUpdate, "superuser:"+super, super)
		status, _ = w.rest(boss, http.MethodDelete, "organizations/records/"+id, nil)
		rig.Want(t, status, http.StatusNoContent)
		w.wants(w.last("organizations", id), wire.OpDelete, "superuser:"+super, super)
		// What belongs to a report is journalled for the dashboard too.
		report, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		status, _ = w.rest(boss, http.MethodDelete, "observations/records/"+report, nil)
		rig.Want(t, status, http.StatusNoContent)
		w.wants(w.last("observations", report), wire.OpDelete, "superuser:"+super, super)
	})
	t.Run("[JOURNAL-1] emptying a collection is journalled record by record", func(t *testing.T) {
		w.on(t)
		super, token := w.superuser()
		id, v := rosa.Create("observations", w.Observation(""))
		applied(t, v)
		addendum, v := rosa.Create("addenda", map[string]any{"observation": id, "text": "more"})
		applied(t, v)
		status, _ := w.rest(&rig.Device{Rig: w.Rig, Token: token}, http.MethodDelete, "addenda/truncate", nil)
		rig.Want(t, status, http.StatusNoContent)
		rig.Want(t, w.count("addenda"), 0)
		rig.Want(t, w.last("addenda", addendum).Op, wire.OpDelete)
		_ = super
	})
	t.Run("[JOURNAL-1] writes in Go are journalled as the system's", func(t *testing.T) {
		w.on(t)
		id := w.Make("organizations", map[string]any{"name": "By Go"})
		w.wants(w.last("organizations", id), wire.OpCreate, "system", "system")
		record, err := w.App.FindRecordById("organizations", id)
		if err != nil {
			t.Fatal(err)
		}
		record.Set("type", "health")
		if err := w.App.Save(record); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, w.last("organizations", id).Fields, map[string]any{"type": "health"})
		if err := w.App.Delete(record); err != nil {
			t.Fatal(err)
		}
		w.wants(w.last("organizations", id), wire.OpDelete, "system", "system")
	})
	t.Run("[JOURNAL-1] what is cut loose by a delete is journalled in the delete's mutation, by every way", func(t *testing.T) {
		w.on(t)
		loosened := func(how string, remove func(site string)) {
			t.Helper()
			site := w.Site("Closing", w.hotel, w.ngo)
			code := w.Invite(access.Manager, w.hotel, 1, site, w.site)
			tom := w.NewDevice()
			tom.Enroll(code)
			seq := w.Entries()
			remove(site)
			e := w.last("users", tom.User.ID)
			rig.Want(t, []any{how, e.Op, e.Actor, e.Fields["sites"]}, []any{how, wire.OpUpdate, "system", []any{w.site}})
			rows := w.rows(`SELECT seq, mut, op, collection FROM journal_entry WHERE seq>{:s} AND collection NOT IN ('quarantine','audit') ORDER BY seq`, map[string]any{"s": seq})
			if len(rows) < 3 || rows[len(rows)-1]["op"] != wire.OpDelete || rows[len(rows)-1]["collection"] != "sites" {
				t.Fatalf("%s: %v", how, rows)
			}
			for _, row := range rows {
				if row["mut"] != rows[0]["mut"] {
					t.Fatalf("%s: %v is not one mutation", how, rows)
				}
			}
			report, err := w.S.Store.Journal().Verify()
			if err != nil || report.Bad != 0 {
				t.Fatalf("%s: %+v %v", how, report, err)
			}
		}
		_, token := w.superuser()
		loosened("REST", func(site string) {
			status, got := w.rest(keisha, http.MethodDelete, "sites/records/"+site, nil)
			if status != http.StatusNoContent {
				t.Fatal(status, got)
			}
		})
		loosened("dashboard", func(site string) {
			status, _ := w.rest(&rig.Device{Rig: w.Rig, Token: token}, http.MethodDelete, "sites/records/"+site, nil)
			rig.Want(t, status, http.StatusNoContent)
		})
		loosened("Go", func(site string) {
			record, err := w.App.FindRecordById("sites", site)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.App.Delete(record); err != nil {
				t.Fatal(err)
			}
		})
		loosened("push", func(site string) { applied(t, keisha.Do(rig.Delete("sites", site, 0))) })
		loosened("push after others", func(site string) {
			// Something else in the same transaction has touched the journal.
			v := keisha.Push(keisha.Mutation(rig.Create("observations", rig.ID(), w.Observation(""))), keisha.Mutation(rig.Delete("sites", site, 0)))
			verdict(t, v[0], wire.Refused, wire.CodeNotAllowed)
			rig.Want(t, applied(t, v[1]).Seq, w.last("sites", site).Seq)
		})
	})
	t.Run("[JOURNAL-1] people who lose a site by it lose its reports' scopes at once", func(t *testing.T) {
		w.on(t)
		site := w.Site("Closing", w.hotel, w.Organization("Other outreach"))
		dee := w.Enroll(access.Staff, w.hotel, w.site, site)
		super := w.coordinatorOf(site)
		applied(t, super.Do(rig.Delete("sites", site, 0)))
		user, err := w.App.FindRecordById("users", dee.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, user.GetStringSlice("served_by"), []string{w.ngo})
	})
}

// coordinatorOf enrols a coordinator of the organization that serves a site.
func (w *town) coordinatorOf(site string) *rig.Device {
	w.T.Helper()
	return w.Enroll(access.Coordinator, fmt.Sprint(w.record("sites", site)["served_by"]))
}

func TestJournalTogetherWithTheRow(t *testing.T) {
	w := newTown(t)
	_, token := w.superuser()
	boss := &rig.Device{Rig: w.Rig, Token: token}

	t.Run("[JOURNAL-1] a hook that fails after the write leaves neither row nor entry", func(t *testing.T) {
		w.on(t)
		failing := func(e *core.RecordEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if e.Record.GetString("name") == "fail" || e.Record.GetString("type_text") == "fail" {
				return errors.New("a later hook fails")
			}
			return nil
		}
		w.App.OnRecordCreateExecute("organizations").BindFunc(failing)
		w.App.OnRecordUpdateExecute("organizations").BindFunc(failing)
		w.App.OnRecordDeleteExecute("organizations").BindFunc(failing)
		standing := w.Make("organizations", map[string]any{"name": "Standing"})
		doomed := w.Make("organizations", map[string]any{"name": "Doomed"})
		w.exec(`UPDATE organizations SET type_text='fail' WHERE id='` + doomed + `'`)
		before := w.print()
		for _, c := range []struct{ method, path string }{
			{http.MethodPost, "organizations/records"},
			{http.MethodPatch, "organizations/records/" + standing},
			{http.MethodDelete, "organizations/records/" + doomed},
		} {
			if status, got := w.rest(boss, c.method, c.path, map[string]any{"name": "fail"}); status < 400 {
				t.Fatal(c, status, got)
			}
			w.unchanged(before)
		}
		c, err := w.App.FindCollectionByNameOrId("organizations")
		if err != nil {
			t.Fatal(err)
		}
		record := core.NewRecord(c)
		record.Set("name", "fail")
		if err := w.App.Save(record); err == nil {
			t.Fatal("saved")
		}
		w.unchanged(before)
	})
	t.Run("[JOURNAL-1] an entry that can't be written leaves no row", func(t *testing.T) {
		w.on(t)
		site := w.Site("Stop", "", w.ngo)
		before := w.print()
		for _, table := range []string{"journal_entry", "journal_content", "journal_clock", "journal_feed"} {
			w.exec("CREATE TRIGGER fault BEFORE INSERT ON " + table + " BEGIN SELECT RAISE(ABORT, 'no'); END")
			for _, c := range []struct{ method, path string }{
				{http.MethodPost, "sites/records"}, {http.MethodPatch, "sites/records/" + site}, {http.MethodDelete, "sites/records/" + site},
			} {
				if status, got := w.rest(boss, c.method, c.path, map[string]any{"name": "Name", "venue": "hotel"}); status < 400 {
					t.Fatal(table, c, status, got)
				}
			}
			w.exec("DROP TRIGGER fault")
			w.unchanged(before)
		}
	})
	t.Run("[JOURNAL-1] an update by REST does not take back what a push wrote meanwhile", func(t *testing.T) {
		w.on(t)
		keisha, other := w.coordinator(), w.coordinator()
		site, base := w.stop(keisha)
		raced := false
		w.App.OnRecordUpdateRequest("sites").BindFunc(func(e *core.RecordRequestEvent) error {
			// The record is loaded and changed; nothing is written yet.
			if e.Record.Id == site && !raced {
				raced = true
				applied(t, other.Do(rig.Update("sites", site, base, map[string]any{"notes": "pushed", "address": "I-70"})))
			}
			return e.Next()
		})
		w.Clock.Add(time.Minute)
		status, got := w.rest(keisha, http.MethodPatch, "sites/records/"+site, map[string]any{"name": "By REST"})
		rig.Want(t, []any{status, raced}, []any{http.StatusOK, true})
		stands := w.record("sites", site)
		for _, r := range []map[string]any{stands, got} {
			rig.Want(t, []any{r["name"], r["notes"], r["address"]}, []any{"By REST", "pushed", "I-70"})
		}
		rig.Want(t, w.last("sites", site).Fields, map[string]any{"name": "By REST"})
		// Of one field the later write stands, as written over the newest version.
		raced = false
		base = w.last("sites", site).Seq
		w.App.OnRecordUpdateRequest("sites").BindFunc(func(e *core.RecordRequestEvent) error { return e.Next() })
		status, _ = w.rest(keisha, http.MethodPatch, "sites/records/"+site, map[string]any{"notes": "by REST"})
		rig.Want(t, status, http.StatusOK)
		rig.Want(t, w.notes(site), "by REST")
	})
	t.Run("[JOURNAL-1] a write by REST has the current version as its base", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		site, base := w.stop(keisha)
		w.Clock.Add(time.Minute)
		ahead := w.edit(keisha, -time.Hour, 0x123, rig.Update("sites", site, base, notes("by a fast clock")))
		applied(t, keisha.Push(ahead)[0])
		before := w.last("sites", site).Eff["notes"]
		status, _ := w.rest(keisha, http.MethodPatch, "sites/records/"+site, notes("by REST"))
		rig.Want(t, status, http.StatusOK)
		e := w.last("sites", site)
		rig.Want(t, e.Eff["notes"], before.Tick())
		rig.Want(t, e.Stamp[:18], fmt.Sprintf("%013d-0000", w.Clock.Now().UnixMilli()))
	})
}

func TestJournalEntriesHold(t *testing.T) {
	w := newTown(t)
	t.Run("[JOURNAL-1] entries hold neither password, token key nor a hidden field", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		user, err := w.App.FindRecordById("users", keisha.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		user.SetEmail("keisha@example.com")
		user.SetPassword("correct horse battery")
		if err := w.App.Save(user); err != nil {
			t.Fatal(err)
		}
		user.SetPassword("another horse battery")
		user.RefreshTokenKey()
		before := w.Entries()
		if err := w.App.Save(user); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, w.Entries(), before)
		var secrets []string
		for _, row := range w.rows(`SELECT password AS a, tokenKey AS b FROM users UNION ALL SELECT thumbprint, key FROM devices UNION ALL SELECT code, code FROM invites`, nil) {
			secrets = append(secrets, row["a"], row["b"])
		}
		for _, table := range tables(t, w.App.ConcurrentDB()) {
			if !strings.HasPrefix(table, "journal_") {
				continue
			}
			all := w.print()[table]
			for _, s := range append(secrets, "correct horse", "tokenKey", "thumbprint", `"password"`) {
				if len(s) > 3 && strings.Contains(all, s) {
					t.Fatalf("%s holds %q", table, s)
				}
			}
		}
		for name := range access.Table {
			c, err := w.App.FindCollectionByNameOrId(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range c.Fields {
				if f.GetHidden() {
					rows := w.rows(`SELECT 1 FROM journal_entry e JOIN journal_content c ON c.seq=e.seq WHERE e.collection={:c}
						AND json_extract(CAST(c.body AS TEXT), '$.fields.'||{:f}) IS NOT NULL`, map[string]any{"c": name, "f": f.GetName()})
					rig.Want(t, []any{name, f.GetName(), len(rows)}, []any{name, f.GetName(), 0})
				}
			}
		}
	})
	t.Run("[JOURNAL-1] value and stamp of each field can be read as of any base, with the device", func(t *testing.T) {
		w.on(t)
		keisha := w.coordinator()
		site, _ := w.stop(keisha)
		type state struct {
			values map[string]any
			eff    map[string]hlc.Time
		}
		var states []state
		var seqs []int64
		for i := range 5 {
			w.Clock.Add(time.Minute)
			switch i % 3 {
			case 0:
				applied(t, keisha.Do(rig.Update("sites", site, 1<<40, map[string]any{"notes": fmt.Sprint(i)})))
			case 1:
				applied(t, keisha.Do(rig.Update("sites", site, 1<<40, map[string]any{"notes": fmt.Sprint(i), "address": fmt.Sprint(i)})))
			case 2:
				status, _ := w.rest(keisha, http.MethodPatch, "sites/records/"+site, map[string]any{"address": fmt.Sprint(i)})
				rig.Want(t, status, http.StatusOK)
			}
			clock, err := w.S.Store.Journal().Clock("sites", site)
			if err != nil {
				t.Fatal(err)
			}
			r := w.record("sites", site)
			states = append(states, state{map[string]any{"notes": r["notes"], "address": r["address"]},
				map[string]hlc.Time{"notes": clock.Of("notes").Eff, "address": clock.Of("address").Eff}})
			seqs = append(seqs, clock.Version)
		}
		past := w.past("sites", site)
		for i, seq := range seqs {
			got := state{map[string]any{"notes": "dark", "address": ""}, map[string]hlc.Time{}}
			for _, e := range past {
				if e.Seq > seq {
					break
				}
				if e.Op == wire.OpCreate {
					stamp, err := hlc.Parse(e.Stamp)
					if err != nil {
						t.Fatal(err)
					}
					got.eff = map[string]hlc.Time{"notes": stamp.Time, "address": stamp.Time}
				}
				for f, v := range e.Fields {
					if _, asked := got.values[f]; asked {
						got.values[f] = v
					}
				}
				for f, eff := range e.Eff {
					got.eff[f] = eff
				}
				if !slices.Contains([]string{w.S.Key.Device(keisha.ID), w.S.Key.Rest(keisha.User.ID)}, e.Device) {
					t.Fatalf("%+v", e)
				}
			}
			rig.Want(t, got, states[i])
		}
	})
	t.Run("[JOURNAL-1] the SQL console reads and does not write, in whatever disguise", func(t *testing.T) {
		w.on(t)
		_, token := w.superuser()
		const write = "DELETE FROM journal_entry"
		console := func(contentType, path, body string) answer {
			return post(t, w.Admin+path, token, strings.NewReader(body), map[string]string{"Content-Type": contentType})
		}
		if a := console("application/json", "/api/sql", `{"query":"SELECT count(*) AS n FROM journal_entry"}`); a.status != http.StatusOK || !strings.Contains(string(a.body), `"n"`) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		jsonOf := func(q string) string { return string(mustJSON(t, map[string]any{"query": q})) }
		before := w.print()
		for name, c := range map[string][3]string{
			"delete":                 {"application/json", "/api/sql", jsonOf(write)},
			"lower case":             {"application/json", "/api/sql", jsonOf("  delete from journal_entry")},
			"after a comment":        {"application/json", "/api/sql", jsonOf("/* SELECT */ " + write)},
			"after a read":           {"application/json", "/api/sql", jsonOf("SELECT 1; " + write)},
			"in a with":              {"application/json", "/api/sql", jsonOf("WITH x AS (SELECT 1) " + write)},
			"pragma":                 {"application/json", "/api/sql", jsonOf("PRAGMA user_version=7")},
			"vacuum":                 {"application/json", "/api/sql", jsonOf("VACUUM INTO '/tmp/stolen.db'")},
			"attach":                 {"application/json", "/api/sql", jsonOf("ATTACH '/tmp/x.db' AS x")},
			"two queries in one":     {"application/json", "/api/sql", `{"query":"SELECT 1","query":"` + write + `"}`},
			"another case":           {"application/json", "/api/sql", `{"query":"SELECT 1","QUERY":"` + write + `"}`},
			"two bodies":             {"application/json", "/api/sql", jsonOf(write) + jsonOf("SELECT 1")},
			"a form":                 {"application/x-www-form-urlencoded", "/api/sql", "query=" + url.QueryEscape(write)},
			"a form in JSON":         {"application/x-www-form-urlencoded", "/api/sql", `{"query":"SELECT 1","z":"&query=` + write + `&z="}`},
			"in the address":         {"application/x-www-form-urlencoded", "/api/sql?query=" + url.QueryEscape(write), `{"query":"SELECT 1"}`},
			"XML in JSON":            {"application/xml", "/api/sql", `{"query":"SELECT 1","z":"<runSQLForm><Query>` + write + `</Query></runSQLForm>"}`},
			"another spelling":       {"application/json", "/api/%73ql", jsonOf(write)},
			"a slash at the end":     {"application/json", "/api/sql/", jsonOf(write)},
			"nothing":                {"application/json", "/api/sql", ``},
			"more than it will read": {"application/json", "/api/sql", strings.Repeat(" ", 70<<10) + jsonOf(write)},
		} {
			if a := console(c[0], c[1], c[2]); a.status < 400 {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
			w.unchanged(before)
		}
		console("application/json", "/api/sql", jsonOf(write)).is(t, http.StatusForbidden, "not_allowed", "never")
	})
}
