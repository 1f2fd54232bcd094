package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Several people on one tablet: each has a store, and one of them is open.

// holds tells in which file of a store a text stands, and in which form.
func (c *copied) holds(text string) string {
	c.d.t.Helper()
	files, err := filepath.Glob(c.path + "*")
	if err != nil {
		c.d.t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			c.d.t.Fatal(err)
		}
		if form := shows(raw, text); form != "" {
			return filepath.Base(f) + ": " + form
		}
	}
	return ""
}

// said tells which requests of a link carried a text.
func (l *line) said(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sent {
		path, body, _ := strings.Cut(s, " ")
		if form := shows([]byte(body), text); form != "" {
			return path + ": " + form
		}
	}
	return ""
}

// keeps names the places on the server's disk that hold a text: tables of its
// database, and files beside it.
func (d *district) keeps(text string) (places []string) {
	d.t.Helper()
	for _, line := range strings.Split(dump(d.t, d.Rig), "\n") {
		if table, row, _ := strings.Cut(line, " "); shows([]byte(row), text) != "" && !slices.Contains(places, table) {
			places = append(places, table)
		}
	}
	err := filepath.WalkDir(d.Dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || strings.HasPrefix(e.Name(), "data.db") {
			return err
		}
		raw, err := os.ReadFile(path)
		if form := shows(raw, text); form != "" {
			places = append(places, e.Name())
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return places
}

func TestCarry(t *testing.T) {
	const canary = "kanarienvogel in der waescherei"
	// run has a colleague's tablet session hand in what a locked person wrote.
	run := func(t *testing.T, sealed bool) (carrier, wires string, server []string) {
		d := newDistrict(t)
		for _, o := range []string{d.ngo, d.hotel} {
			row, err := d.App.FindRecordById("organizations", o)
			if err != nil {
				t.Fatal(err)
			}
			row.Set("allows", []string{"staff_notes"})
			if err := d.App.Save(row); err != nil {
				t.Fatal(err)
			}
		}
		locked, open := d.phone(access.Staff), d.phone(access.Staff)
		if _, err := locked.open().Fill(client.Submission{Checklist: "hotel_house", EventTime: d.began, Details: client.Details{Site: d.site, Note: canary},
			Answers: map[string]string{"hotel_house.01": "yes"}}); err != nil {
			t.Fatal(err)
		}
		open.link.sent = nil
		if sealed {
			r, err := open.open().Carry(t.Context(), locked.open())
			if err != nil || r.Mutations != 1 || len(r.Verdicts) != 1 || r.Verdicts[0].Verdict != wire.Applied {
				t.Fatalf("%+v %v", r, err)
			}
			if s := locked.status(); s.Waiting != 1 {
				t.Errorf("the locked store took note: %+v", s)
			}
		} else {
			e, err := locked.open().Mutation(1)
			if err != nil {
				t.Fatal(err)
			}
			open = d.phone(access.Worker) // whose session seals nothing
			if _, err := open.open().Do(e.Ops...); err != nil {
				t.Fatal(err)
			}
			open.sync()
		}
		if n := d.arrived(); n != 1 {
			t.Fatalf("%d arrived", n)
		}
		if at := locked.holds(canary); at == "" {
			t.Error("the control: the search does not find it in its own person's store")
		}
		return open.holds(canary), open.link.said(canary), d.keeps(canary)
	}
	t.Run("[RECOVERY] [SEALED] what a locked colleague wrote goes up through the session that is open; neither that store, nor the wire, nor the server's disk outside push holds its text", func(t *testing.T) {
		carrier, wires, server := run(t, true)
		if carrier != "" || wires != "" {
			t.Errorf("the session's store %q, the wire %q", carrier, wires)
		}
		// What push has taken in: the report, and its journal entry.
		if fmt.Sprint(server) != "[journal_content submissions]" {
			t.Errorf("the server keeps it in %v", server)
		}
	})
	t.Run("[RECOVERY] [SEALED] without sealing the same search finds it in the session's store, on the wire and on the server", func(t *testing.T) {
		carrier, wires, server := run(t, false)
		if carrier == "" || wires == "" || len(server) == 0 {
			t.Errorf("store %q, wire %q, server %v", carrier, wires, server)
		}
	})
	t.Run("[RECOVERY] [R12] six people on one tablet: one session takes up what lies in all the stores, and each person is answered from the receipts", func(t *testing.T) {
		d := newDistrict(t)
		open := d.phone(access.Worker)
		var people []*copied
		for range 5 {
			c := d.phone(access.Staff)
			c.save()
			people = append(people, c)
			if r, err := open.open().Carry(t.Context(), c.open()); err != nil || len(r.Verdicts) != 1 {
				t.Fatalf("%+v %v", r, err)
			}
			if r, err := open.open().Carry(t.Context(), c.open()); err != nil || !r.Verdicts[0].Replayed {
				t.Fatalf("%+v %v", r, err)
			}
		}
		if n := d.arrived(); n != 5 {
			t.Fatalf("%d arrived", n)
		}
		if s := open.status(); s.Saved != 0 {
			t.Errorf("%+v", s)
		}
		d.endsWell(people...)
		if r, err := open.open().Carry(t.Context(), people[0].open()); err != nil || r.Mutations != 0 || r.Device != "" {
			t.Errorf("with nothing waiting: %+v %v", r, err)
		}
	})
}
