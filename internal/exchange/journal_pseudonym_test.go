package exchange_test

import (
	"archive/zip"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// busy is a town in which everybody has done everything: by push and REST, in
// conflict, refused, waiting, renewed.
func busy(t *testing.T) (w *town, devices []*rig.Device) {
	t.Helper()
	w = newTown(t)
	rosa, colleague := w.worker(), w.worker()
	marisol, dee := w.staff(), w.Enroll(access.Staff, w.hotel, w.site)
	keisha, other := w.coordinator(), w.coordinator()
	tom := w.Enroll(access.Manager, w.hotel, w.site)
	devices = []*rig.Device{rosa, colleague, marisol, dee, keisha, other, tom}
	for _, d := range []*rig.Device{rosa, marisol, keisha} {
		devices = append(devices, goOn(t, d))
	}
	heirOfRosa, heirOfMarisol := devices[7], devices[8]

	for _, d := range []*rig.Device{rosa, colleague, heirOfRosa} {
		id, v := d.Create("observations", w.Observation(w.site))
		applied(t, v)
		_, v = d.Create("addenda", map[string]any{"observation": id, "text": "more"})
		if d != heirOfRosa {
			applied(t, v)
		}
		applied(t, keisha.Do(rig.Update("triage", wire.TriageID("observations", id), v.Seq, map[string]any{"opened": true, "claimed_by": keisha.User.ID})))
		other.Do(rig.Update("triage", wire.TriageID("observations", id), v.Seq, map[string]any{"claimed_by": other.User.ID, "note": d.ID[:3]}))
	}
	for _, d := range []*rig.Device{marisol, dee, heirOfMarisol} {
		id, v := d.Create("submissions", w.submission(w.site))
		applied(t, v)
		_, v = d.Create("addenda", map[string]any{"submission": id, "text": "more"})
		applied(t, v)
		applied(t, keisha.Do(rig.Update("triage", wire.TriageID("submissions", id), v.Seq, map[string]any{"opened": true})))
		// Refused, with oneself all over it; kept, with things nobody understands.
		_, v = d.Create("submissions", with(with(w.submission(w.site), "author", d.User.ID), "device", d.ID))
		verdict(t, v, wire.Refused, wire.CodeNotAllowed)
		m := bendOp(t, d.Mutation(rig.Create("submissions", rig.ID(), with(w.submission(w.site), "by", d.ID+" "+d.User.ID))), map[string]any{"who": d.User.ID})
		m["device"] = d.ID
		verdict(t, pushLoose(t, d, m)[0], wire.Applied, wire.CodeKeptExtra)
		stranger := d.Mutation(rig.Create("submissions", rig.ID(), w.submission(w.site)))
		stranger.Stamp = hlc.Stamp{Time: hlc.Time{Ms: 7}, Device: rosa.ID}.String()
		verdict(t, d.Push(stranger)[0], wire.Refused, wire.CodeInvalid)
		_, v = d.Create("addenda", map[string]any{"submission": rig.ID(), "text": "early"})
		verdict(t, v, wire.Deferred, wire.CodeMissingDependency)
		if status, got := w.rest(d, http.MethodPost, "submissions/records", w.submission(w.site)); status != http.StatusOK {
			t.Fatal(status, got)
		}
	}
	site, base := w.stop(keisha)
	for i, d := range []*rig.Device{keisha, other, devices[9]} {
		w.Clock.Add(time.Minute)
		d.Do(rig.Update("sites", site, base, notes(fmt.Sprint(i))))
		status, _ := w.rest(d, http.MethodPatch, "sites/records/"+site, map[string]any{"address": fmt.Sprint(i)})
		rig.Want(t, status, http.StatusOK)
	}
	applied(t, other.Do(rig.Delete("sites", site, base)))
	for _, d := range devices {
		d.Do(rig.Create("nowhere", rig.ID(), nil))
		d.Do(rig.Update("devices", d.ID, 0, map[string]any{"revoked": false}))
		d.Do(rig.Update("users", d.User.ID, 0, map[string]any{"label": "x"}))
		d.Pull()
		w.rest(d, http.MethodGet, "users/records/"+d.User.ID, nil)
	}
	w.exec(`INSERT INTO journal_unsealed SELECT max(seq), 'r00000000000001' FROM journal_entry`)
	w.Clock.Add(31 * 24 * time.Hour)
	devices[0].Pull() // finds how much is old enough to be held elsewhere
	w.Clock.Add(25 * time.Hour)
	devices[0].Pull() // believes and notes it
	return w, devices
}

func TestJournalNamesNobody(t *testing.T) {
	w, devices := busy(t)
	pseudonym := func(text string) string {
		return strings.ToLower(base32.StdEncoding.EncodeToString(w.S.Key.MAC(text)))[:15]
	}
	// Device and person of staff by their ids; persons twice over.
	ids := map[string]string{}
	staff := map[string]bool{}
	for _, d := range devices {
		ids[d.ID] = pseudonym("device\n" + d.ID)
		if d.User.Role == "staff" {
			ids[d.User.ID] = pseudonym("person\n" + d.User.ID)
			staff[d.User.ID] = true
		}
	}
	all := map[string][]string{}
	for _, table := range tables(t, w.App.ConcurrentDB()) {
		all[table] = printed(t, w.App.ConcurrentDB(), table)
	}
	in := func(line string) (found []string) {
		for id := range ids {
			if strings.Contains(line, id) {
				found = append(found, id)
			}
		}
		return found
	}

	t.Run("[JOURNAL-4] the busy world has a row in every table of the journal", func(t *testing.T) {
		w.on(t)
		for table, rows := range all {
			if strings.HasPrefix(table, "journal_") && len(rows) == 0 {
				t.Errorf("%s is empty: the scan proves nothing of it", table)
			}
		}
	})
	t.Run("[JOURNAL-4] no row anywhere holds an id together with its pseudonym", func(t *testing.T) {
		w.on(t)
		pairs := 0
		for table, rows := range all {
			for _, line := range rows {
				for id, p := range ids {
					if strings.Contains(line, id) && strings.Contains(line, p) {
						t.Errorf("%s: %.300q", table, line)
					}
					if strings.Contains(line, p) {
						pairs++
					}
				}
			}
		}
		if pairs < 50 {
			t.Fatalf("only %d rows hold a pseudonym: it is not made as the rule says", pairs)
		}
	})
	t.Run("[JOURNAL-4] the journal holds no device and no person of staff in clear, but in the entries about themselves", func(t *testing.T) {
		w.on(t)
		for table, rows := range all {
			if !strings.HasPrefix(table, "journal_") || table == "journal_contact" {
				continue
			}
			for _, line := range rows {
				if len(in(line)) == 0 {
					continue
				}
				seq := ""
				switch table {
				case "journal_content":
					seq, _, _ = strings.Cut(line[strings.Index(line, "seq=")+4:], " ")
					collection := w.rows(`SELECT collection, actor FROM journal_entry WHERE seq={:s}`, dbx.Params{"s": seq})[0]
					if !slices.Contains([]string{"users", "devices", "invites"}, collection["collection"]) || collection["actor"] != "system" {
						t.Errorf("content %s of %s: %.300q", seq, collection["collection"], line)
					}
				case "journal_entry", "journal_clock", "journal_feed":
					if !strings.Contains(line, "collection=users ") && !strings.Contains(line, "collection=devices ") && !strings.Contains(line, "collection=invites ") {
						t.Errorf("%s: %.300q", table, line)
					}
				default:
					t.Errorf("%s: %.300q", table, line)
				}
			}
		}
	})
	t.Run("[JOURNAL-4] entries about users, devices and invites have the actor system, and no device of anybody", func(t *testing.T) {
		w.on(t)
		_, token := w.superuser()
		user, err := w.App.FindRecordById("users", devices[2].User.ID)
		if err != nil {
			t.Fatal(err)
		}
		status, got := w.rest(&rig.Device{Rig: w.Rig, Token: token}, http.MethodPatch, "users/records/"+user.Id, map[string]any{"locale": "es"})
		if status != http.StatusOK {
			t.Fatal(status, got)
		}
		system := w.S.Key.Rest("system")
		rows := w.rows(`SELECT actor, device, stamp FROM journal_entry WHERE collection IN ('users','devices','invites')`, nil)
		if len(rows) < 3*len(devices) {
			t.Fatal(len(rows))
		}
		for _, row := range rows {
			if row["actor"] != "system" || row["device"] != system || !strings.HasSuffix(row["stamp"], "-"+system) {
				t.Fatalf("%v", row)
			}
		}
	})
	t.Run("[JOURNAL-4] actors are persons in clear, staff by pseudonym", func(t *testing.T) {
		w.on(t)
		for _, d := range devices {
			n := len(w.rows(`SELECT 1 FROM journal_entry WHERE actor={:a}`, dbx.Params{"a": d.User.ID}))
			if staff[d.User.ID] {
				rig.Want(t, n, 0)
				rig.Want(t, len(w.rows(`SELECT 1 FROM journal_entry WHERE actor={:a}`, dbx.Params{"a": ids[d.User.ID]})), 0)
				for _, row := range w.rows(`SELECT record, actor FROM journal_entry WHERE collection IN ('submissions','addenda')`, nil) {
					if row["actor"] == w.S.Key.PersonOn(d.User.ID, row["record"]) {
						n++
					}
				}
			}
			if (n > 0) != (d.User.Role != "manager") {
				t.Errorf("%s has %d entries", d.User.Role, n)
			}
		}
	})
	t.Run("[JOURNAL-4] the pseudonym stands inside stamps too: of entries, receipts, clocks, what waits and what is kept", func(t *testing.T) {
		w.on(t)
		known := map[string]bool{w.S.Key.Rest("system"): true}
		for _, d := range devices {
			known[ids[d.ID]], known[w.S.Key.Rest(d.User.ID)] = !staff[d.User.ID], !staff[d.User.ID]
			if !staff[d.User.ID] {
				continue
			}
			for _, row := range w.rows(`SELECT record FROM journal_entry WHERE collection IN ('submissions','addenda') GROUP BY record`, nil) {
				known[w.S.Key.DeviceOn(d.ID, row["record"])], known[w.S.Key.DeviceOn("rest", row["record"])] = true, true
			}
			for n := int64(1); n <= d.N; n++ {
				known[w.S.Key.Receipt(d.ID, n)] = true
			}
		}
		sealed := map[string]bool{}
		for _, row := range w.rows(`SELECT device, stamp FROM journal_receipt UNION ALL SELECT device, stamp FROM journal_deferred`, nil) {
			if known[row["device"]] && !strings.Contains(row["stamp"], "-") {
				sealed[row["stamp"]] = true // keyed: no time of the device's clock is kept
			}
		}
		if len(sealed) < 10 {
			t.Fatal(len(sealed))
		}
		for _, sql := range []string{`SELECT stamp AS s FROM journal_entry`, `SELECT stamp AS s FROM journal_receipt WHERE stamp IS NOT NULL`,
			`SELECT stamp AS s FROM journal_deferred`, `SELECT json_extract(clocks,'$.d.w') AS s FROM journal_clock`,
			`SELECT json_extract(mutation,'$.stamp') AS s FROM quarantine`} {
			rows := w.rows(sql, nil)
			if len(rows) == 0 {
				t.Fatal(sql, "is empty")
			}
			for _, row := range rows {
				stamp, err := hlc.Parse(row["s"])
				if sealed[row["s"]] {
					continue
				}
				if err != nil || !known[stamp.Device] {
					t.Fatalf("%s: %q %v", sql, row["s"], err)
				}
			}
		}
	})
	t.Run("[JOURNAL-4] the feed of a staff report names no person", func(t *testing.T) {
		w.on(t)
		rows := w.rows(`SELECT f.scope FROM journal_feed f JOIN submissions s ON s.id=f.record WHERE s.author=''`, nil)
		if len(rows) == 0 {
			t.Fatal("no staff report")
		}
		for _, row := range rows {
			rig.Want(t, row["scope"], "c:"+w.ngo)
		}
	})
	t.Run("[R9] reports, addenda and what is kept of staff have no author, and hold neither their ids nor their pseudonyms but in stamps", func(t *testing.T) {
		w.on(t)
		for _, table := range []string{"submissions", "observations", "addenda", "triage", "conflicts"} {
			for _, line := range all[table] {
				for id, p := range ids {
					if strings.Contains(line, id) && (staff[id] || table != "triage") || strings.Contains(line, p) {
						t.Errorf("%s: %.300q", table, line)
					}
				}
			}
		}
		kept := 0
		for _, row := range w.rows(`SELECT * FROM quarantine`, nil) {
			for _, id := range in(fmt.Sprint(row)) {
				// What a device may not change it may still name: its own record. Even so by pseudonym.
				t.Errorf("kept with %s: %v", id, row)
			}
			if strings.Contains(row["mutation"], `"sealed_author"`) {
				kept++
				for _, d := range devices {
					if strings.Contains(row["mutation"], ids[d.ID]) && staff[d.User.ID] || strings.Contains(row["mutation"], `"n":`) {
						t.Errorf("what tells the device is kept: %v", row)
					}
				}
				rig.Want(t, row["author"], "")
			}
		}
		if kept == 0 {
			t.Fatal("nothing of staff is kept")
		}
		for _, row := range w.rows(`SELECT author, checklist FROM submissions`, nil) {
			rig.Want(t, row["author"], "")
		}
	})
	t.Run("[R9] the logs join nobody to a report, and hold no address", func(t *testing.T) {
		w.on(t)
		reports := []string{}
		for _, row := range w.rows(`SELECT id FROM submissions`, nil) {
			reports = append(reports, row["id"])
		}
		// Requests are not logged at all; one line shows that the scan reads.
		w.App.Logger().Error("a line of the test")
		w.Stop() // writes what is still to be logged
		w.Start()
		logs := printed(t, w.App.AuxConcurrentDB(), "_logs")
		if len(logs) == 0 {
			t.Fatal("nothing is logged: the scan proves nothing")
		}
		for _, line := range logs {
			for _, report := range reports {
				if !strings.Contains(line, report) {
					continue
				}
				for id, p := range ids {
					if strings.Contains(line, id) || strings.Contains(line, p) {
						t.Errorf("%.400q", line)
					}
				}
			}
			if strings.Contains(line, "userIP") || strings.Contains(line, "remoteIP") {
				t.Errorf("an address is logged: %.400q", line)
			}
		}
	})
	t.Run("[JOURNAL-4] last contact lies in a table of its own, not journalled, by the day for staff", func(t *testing.T) {
		w.on(t)
		rows := w.rows(`SELECT * FROM journal_contact`, nil)
		if len(rows) == 0 {
			t.Fatal(rows)
		}
		for _, d := range devices {
			row := w.rows(`SELECT device, at FROM journal_contact WHERE device={:d}`, dbx.Params{"d": d.ID})
			if len(row) != 1-map[bool]int{true: 1}[staff[d.User.ID]] {
				t.Fatalf("%s: %v", d.User.Role, row)
			}
			at, err := w.S.Store.LastContact(d.ID) // of staff from one locked text
			if err != nil || at == 0 {
				t.Fatal(at, err)
			}
			byDay := at%(24*time.Hour).Milliseconds() == 0
			if byDay != (d.User.Role == "staff") {
				t.Fatalf("%s: %d", d.User.Role, at)
			}
		}
		before := w.Entries()
		devices[0].Push()
		rig.Want(t, w.Entries(), before)
	})
	t.Run("[JOURNAL-4] no request changes a device's record", func(t *testing.T) {
		w.on(t)
		before := w.rows(`SELECT * FROM devices ORDER BY id`, nil)
		for _, d := range devices {
			d.Push()
			d.Pull()
			if v := d.Do(rig.Update("devices", d.ID, 0, map[string]any{"name": "mine"})); v.Verdict != wire.Refused {
				t.Fatalf("%+v", v)
			}
			for method, body := range map[string]any{http.MethodPatch: map[string]any{"name": "mine"}, http.MethodDelete: nil} {
				if status, got := w.rest(d, method, "devices/records/"+d.ID, body); status < 400 {
					t.Fatal(method, status, got)
				}
			}
		}
		rig.Want(t, w.rows(`SELECT * FROM devices ORDER BY id`, nil), before)
	})
	t.Run("[JOURNAL-4] the installation key is a file of its own, and neither in the database nor in a backup", func(t *testing.T) {
		w.on(t)
		raw, err := os.ReadFile(filepath.Join(w.Dir, "keys", "installation.key"))
		if err != nil {
			t.Fatal(err)
		}
		var key struct {
			HMAC, HPKE []byte
		}
		if err := json.Unmarshal(raw, &key); err != nil || len(key.HMAC) != 32 || len(key.HPKE) != 32 {
			t.Fatal(err)
		}
		if err := w.App.CreateBackup(t.Context(), "test.zip"); err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) == "keys" {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var secrets []string
			secrets = append(secrets, string(key.HMAC), string(key.HPKE))
			for _, m := range strings.Split(string(raw), `"`) {
				if len(m) >= 40 {
					secrets = append(secrets, m)
				}
			}
			for _, s := range secrets {
				if strings.Contains(string(text), s) {
					t.Errorf("%s holds the key", path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		z, err := zip.OpenReader(filepath.Join(w.Dir, core.LocalBackupsDirName, "test.zip"))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for _, f := range z.File {
			if strings.Contains(f.Name, "key") {
				t.Errorf("the backup holds %s", f.Name)
			}
		}
	})
}
