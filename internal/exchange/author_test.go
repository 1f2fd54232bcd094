package exchange_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// signs are all texts by which who holds the key could find a device and its
// person in what is stored of a report.
func (w *town) signs(d *rig.Device, report string, stamps ...string) []string {
	k := w.S.Key
	out := []string{d.ID, d.User.ID, k.Device(d.ID), k.Person(d.User.ID), k.Rest(d.User.ID), k.DeviceOn(d.ID, report), k.PersonOn(d.User.ID, report)}
	for n := int64(1); n <= d.N+10; n++ {
		key := k.Receipt(d.ID, n)
		out = append(out, key, k.HeldBy(d.ID, key), k.DeviceOn(d.ID, key), k.PersonOn(d.User.ID, key))
	}
	for _, s := range stamps {
		out = append(out, s, s[:18], k.Stamp(s))
	}
	return out
}

// everything is every row of every table, contacts too.
func (w *town) everything(t *testing.T) map[string]string {
	out := map[string]string{}
	for _, table := range tables(t, w.App.ConcurrentDB()) {
		out[table] = strings.Join(printed(t, w.App.ConcurrentDB(), table), "\n")
	}
	return out
}

// added gives the rows that were not there before, of all tables but the locked
// contacts.
func (w *town) added(t *testing.T, before map[string]string) []string {
	t.Helper()
	var out []string
	for _, table := range tables(t, w.App.ConcurrentDB()) {
		for _, row := range printed(t, w.App.ConcurrentDB(), table) {
			if table != "journal_contact_sealed" && !strings.Contains(before[table], row) {
				out = append(out, table+": "+row)
			}
		}
	}
	return out
}

func holds(rows, signs []string) string {
	for _, row := range rows {
		for _, s := range signs {
			if strings.Contains(row, s) {
				return row
			}
		}
	}
	return ""
}

// slow is a mutation of a device whose clock goes 4,321 ms wrong: as good as a
// name.
func slow(m wire.Mutation) wire.Mutation {
	stamp, err := hlc.Parse(m.Stamp)
	if err != nil {
		panic(err)
	}
	off := int64(4321)
	stamp.Ms -= off
	m.Stamp, m.Offset = stamp.String(), &off
	return m
}

func TestAboutOneself(t *testing.T) {
	w := newTown(t)
	marisol, rosa, keisha := w.staff(), w.worker(), w.coordinator()
	for _, d := range []*rig.Device{marisol, rosa} { // their contact of the day
		_, v := d.Create("submissions", w.submission(w.site))
		applied(t, v)
	}
	self := func() map[string]any { return with(w.submission(w.site), "about", "self") }

	for _, d := range []*rig.Device{marisol, rosa} {
		t.Run("[R9] not even who holds the key finds out which "+d.User.Role+" wrote about themselves", func(t *testing.T) {
			w.on(t)
			w.Clock.Add(7 * time.Second)
			before, id := w.everything(t), rig.ID()
			m := slow(d.Mutation(rig.Create("submissions", id, self())))
			v := applied(t, d.Push(m)[0])
			rows := w.added(t, before)
			if len(rows) < 6 {
				t.Fatal("the scan sees nothing")
			}
			if row := holds(rows, w.signs(d, id, m.Stamp)); row != "" {
				t.Fatalf("%.400s", row)
			}
			rig.Want(t, w.record("submissions", id)["author"], "")
			if keisha.Fresh()["submissions"][id] == nil {
				t.Fatal("its organization does not get it")
			}
			t.Run("[PUSH-2] it takes effect once, and its verdict is the same again, under any number", func(t *testing.T) {
				head := w.Entries()
				again := d.Push(m)[0]
				rig.Want(t, []any{again.N, again.Verdict, again.Seq, again.Replayed}, []any{m.N, wire.Applied, v.Seq, true})
				d.N++
				m.N = d.N
				again = d.Push(m)[0]
				rig.Want(t, []any{again.N, again.Verdict, again.Seq, again.Replayed}, []any{m.N, wire.Applied, v.Seq, true})
				rig.Want(t, w.Entries(), head)
			})
			t.Run("[R9] and nothing tells that one of their reports was opened", func(t *testing.T) {
				applied(t, keisha.Do(rig.Update("triage", wire.TriageID("submissions", id), v.Seq, map[string]any{"opened": true})))
				if row := holds(w.added(t, before), w.signs(d, id, m.Stamp)); row != "" {
					t.Fatalf("%.400s", row)
				}
				d.Cursor = nil
				rig.Want(t, slices.Contains(d.Page(nil).Seen, id), false)
			})
			t.Run("[R9] nor an addendum that is refused because it is nobody's", func(t *testing.T) {
				m := slow(d.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"submission": id, "text": "more"})))
				kept := verdict(t, d.Push(m)[0], wire.Refused, wire.CodeNotAllowed)
				if row := holds(w.added(t, before), w.signs(d, id, m.Stamp)); row != "" || kept.Quarantine == "" {
					t.Fatalf("%.400s", row)
				}
			})
			t.Run("[R9] nor the one that is refused itself, which can be adopted", func(t *testing.T) {
				other := rig.ID()
				m := slow(d.Mutation(rig.Create("submissions", other, with(self(), "version", 99))))
				kept := verdict(t, d.Push(m)[0], wire.Refused, wire.CodeInvalid)
				if row := holds(w.added(t, before), w.signs(d, other, m.Stamp)); row != "" {
					t.Fatalf("%.400s", row)
				}
				again := d.Push(m)[0]
				rig.Want(t, []any{again.Verdict, again.Quarantine, again.Replayed}, []any{wire.Refused, kept.Quarantine, true})
				w.became(keisha, "release", kept.Quarantine, "held")
				w.became(keisha, "adopt", kept.Quarantine, "adopted", op(t, rig.Create("submissions", other, self())))
				rig.Want(t, w.first("submissions", other).Actor, keisha.User.ID)
			})
			t.Run("[R9] nor the one that came by REST", func(t *testing.T) {
				before, other := w.everything(t), rig.ID()
				status, got := w.rest(d, http.MethodPost, "submissions/records", with(self(), "id", other))
				rig.Want(t, status, http.StatusOK)
				if row := holds(w.added(t, before), w.signs(d, other)); row != "" || got["author"] != "" {
					t.Fatalf("%.400s", row)
				}
			})
			t.Run("[R9] the control: who holds the key finds out who wrote any other", func(t *testing.T) {
				before, other := w.everything(t), rig.ID()
				m := slow(d.Mutation(rig.Create("submissions", other, w.submission(w.site))))
				applied(t, d.Push(m)[0])
				if holds(w.added(t, before), w.signs(d, other, m.Stamp)) == "" {
					t.Fatal("the scan proves nothing")
				}
			})
		})
	}
}

func TestUnseal(t *testing.T) {
	w := newTown(t)
	marisol, dee, rosa := w.staff(), w.staff(), w.worker()
	keisha, second := w.coordinator(), w.coordinator()
	inHotel, tom := w.Enroll(access.Coordinator, w.hotel), w.Enroll(access.Manager, w.hotel, w.site)
	report, v := marisol.Create("submissions", w.submission(w.site))
	applied(t, v)
	const why = "police order 12, shown to me"
	ask := func(d *rig.Device, id, reason string, into any) int {
		return w.Send(http.MethodPost, d.Token, "/api/fieldpost/reports/"+id+"/unseal", map[string]any{"reason": reason}, into)
	}
	marisol.Fresh()
	dee.Fresh()

	t.Run("[R9] only a coordinator of the organization that has the report learns who wrote it, and only for a reason", func(t *testing.T) {
		w.on(t)
		before := w.Entries()
		for d, want := range map[*rig.Device]int{dee: 403, marisol: 403, rosa: 403, tom: 403, inHotel: 404} {
			var e wire.ErrorBody
			rig.Want(t, ask(d, report, why, &e), want)
			if e.Code == "" || strings.Contains(e.Message+e.Hint, marisol.User.ID) {
				t.Fatalf("%+v", e)
			}
		}
		var other, none wire.ErrorBody
		ask(inHotel, report, why, &other)
		ask(inHotel, rig.ID(), why, &none)
		rig.Want(t, other, none)
		for _, reason := range []string{"", "   ", "because", strings.Repeat("x", 1001)} {
			rig.Want(t, ask(keisha, report, reason, nil), 400)
		}
		rig.Want(t, w.Send(http.MethodPost, "", "/api/fieldpost/reports/"+report+"/unseal", map[string]any{"reason": why}, nil), 401)
		rig.Want(t, w.Entries(), before)
	})
	before := w.everything(t)
	t.Run("[R9] a coordinator with a reason learns it, and the second one that there was a first", func(t *testing.T) {
		w.on(t)
		var got wire.Unsealed
		rig.Want(t, ask(keisha, report, why, &got), 200)
		rig.Want(t, []any{got.Report, got.Person.ID, len(got.Before)}, []any{report, marisol.User.ID, 0})
		if !strings.HasPrefix(got.Person.Label, "staff-") {
			t.Fatal(got)
		}
		w.Clock.Add(time.Hour)
		rig.Want(t, ask(second, report, "asked by the shelter", &got), 200)
		rig.Want(t, []any{got.Person.ID, len(got.Before), got.Before[0].By, got.Before[0].Reason}, []any{marisol.User.ID, 1, keisha.User.ID, why})
	})
	t.Run("[R16] each of them stands in the audit, with the reason and without who it is", func(t *testing.T) {
		w.on(t)
		rows := w.rows(`SELECT * FROM audit WHERE act={:act} ORDER BY number`, dbx.Params{"act": records.ActUnseal})
		rig.Want(t, len(rows), 2)
		rig.Want(t, []any{rows[0]["actor"], rows[0]["record"], rows[0]["reason"], rows[0]["organization"]}, []any{keisha.User.ID, report, why, w.ngo})
		for _, row := range w.added(t, before) {
			for _, s := range []string{marisol.ID, marisol.User.ID, w.S.Key.Device(marisol.ID), w.S.Key.Person(marisol.User.ID)} {
				if strings.Contains(row, s) {
					t.Fatalf("names her: %.300s", row)
				}
			}
		}
	})
	t.Run("[R9] every coordinator of the organization is told, the site's owner is not", func(t *testing.T) {
		w.on(t)
		for d, want := range map[*rig.Device]int{keisha: 2, second: 2, inHotel: 0, tom: 0, dee: 0, rosa: 0} {
			got := d.Fresh()["seals"]
			rig.Want(t, len(got), want)
			for _, raw := range got {
				if strings.Contains(string(raw), marisol.User.ID) || !strings.Contains(string(raw), report) {
					t.Fatalf("%s", raw)
				}
			}
		}
	})
	t.Run("[R9] the author learns of it on every device of theirs, and nobody else does", func(t *testing.T) {
		w.on(t)
		rig.Want(t, marisol.Page(nil).Unsealed, []string{report})
		rig.Want(t, len(marisol.Page(nil).Unsealed), 0)
		rig.Want(t, goOn(t, marisol).Page(nil).Unsealed, []string{report})
		rig.Want(t, len(dee.Page(nil).Unsealed)+len(rosa.Page(nil).Unsealed), 0)
	})
	t.Run("[R9] what names its author, and what has none, cannot be unsealed", func(t *testing.T) {
		w.on(t)
		named, v := rosa.Create("submissions", w.submission(w.site))
		applied(t, v)
		unnamed, v := marisol.Create("submissions", with(w.submission(w.site), "about", "self"))
		applied(t, v)
		head := w.Entries()
		rig.Want(t, []int{ask(keisha, named, why, nil), ask(keisha, unnamed, why, nil)}, []int{403, 403})
		rig.Want(t, w.Entries(), head)
	})
}

func TestManagersNumbers(t *testing.T) {
	w := newTown(t)
	other := w.Site("Hotel two", w.hotel, w.ngo)
	tom, keisha := w.Enroll(access.Manager, w.hotel, w.site), w.coordinator()
	var people []*rig.Device
	for range 5 {
		people = append(people, w.staff())
	}
	elsewhere := w.Enroll(access.Staff, w.hotel, other)
	send := func(t *testing.T, n int, d *rig.Device, more map[string]any) {
		t.Helper()
		for range n {
			f := w.submission(w.site)
			for k, v := range more {
				f[k] = v
			}
			_, v := d.Create("submissions", f)
			applied(t, v)
		}
	}
	ask := func(d *rig.Device, site string) (int, wire.SiteNumbers, wire.ErrorBody) {
		var raw struct {
			wire.SiteNumbers
			wire.ErrorBody
		}
		status := w.Send(http.MethodGet, d.Token, "/api/fieldpost/sites/"+site+"/numbers", nil, &raw)
		return status, raw.SiteNumbers, raw.ErrorBody
	}
	// numbers are the counts of the last weeks, the newest first.
	numbers := func(t *testing.T, n int) string {
		t.Helper()
		status, got, _ := ask(tom, w.site)
		rig.Want(t, []int{status, len(got.Weeks)}, []int{200, 12})
		var out []string
		for _, week := range got.Weeks[:n] {
			if week.Reports == nil {
				out = append(out, "-")
			} else {
				out = append(out, fmt.Sprint(*week.Reports))
			}
		}
		return strings.Join(out, " ")
	}
	week := func() {
		now := w.Clock.Now()
		w.Clock.Add(now.Truncate(24*time.Hour).AddDate(0, 0, 8-(int(now.Weekday())+6)%7).Sub(now)) // next Tuesday
	}
	week()
	t.Run("[R8] a manager sees nothing of the running week, and of a completed one the count from 5 on", func(t *testing.T) {
		w.on(t)
		send(t, 7, people[0], nil)
		rig.Want(t, numbers(t, 2), "- -")
		week()
		send(t, 4, people[1], nil)
		week()
		rig.Want(t, numbers(t, 3), "- 7 -")
	})
	t.Run("[R8] what says that the manager may be involved, or is about oneself, is in no count", func(t *testing.T) {
		w.on(t)
		send(t, 5, people[2], nil)
		send(t, 3, people[2], map[string]any{"manager_involved": true})
		send(t, 2, people[3], map[string]any{"about": "self"})
		week()
		rig.Want(t, numbers(t, 1), "5")
	})
	t.Run("[R8] what was said of a week is never said otherwise, though its reports change and late ones come", func(t *testing.T) {
		w.on(t)
		late := w.Clock.Now().AddDate(0, 0, -9).UTC().Format(wire.TimeFormat)
		send(t, 6, people[4], map[string]any{"event_time": late})
		w.exec(`UPDATE submissions SET manager_involved=1 WHERE manager_involved=0`)
		rig.Want(t, numbers(t, 4), "5 - 7 -")
		week()
		rig.Want(t, numbers(t, 5), "- 5 - 7 -")
		// The control: without what was stored the count would be another.
		w.exec(`DELETE FROM site_numbers`)
		rig.Want(t, numbers(t, 5), "- - - - -")
	})
	t.Run("[R8] a site with fewer than 5 staff has no numbers", func(t *testing.T) {
		w.on(t)
		send(t, 6, people[0], nil)
		change(t, w.Rig, "devices", people[4].ID, map[string]any{"revoked": true})
		week()
		rig.Want(t, numbers(t, 1), "-")
		// The control: with a fifth the same number of reports is told.
		w.staff()
		send(t, 6, people[0], nil)
		week()
		rig.Want(t, numbers(t, 2), "6 -")
	})
	t.Run("[R8] the numbers are for the site's manager alone, and a site of others is as one that is not there", func(t *testing.T) {
		w.on(t)
		for _, d := range []*rig.Device{keisha, people[0], elsewhere, w.worker()} {
			status, got, e := ask(d, w.site)
			rig.Want(t, []any{status, e.Code, len(got.Weeks)}, []any{403, "not_allowed", 0})
		}
		one, _, a := ask(tom, other)
		two, _, b := ask(tom, rig.ID())
		rig.Want(t, []any{one, a}, []any{404, b})
		rig.Want(t, two, 404)
	})
}
