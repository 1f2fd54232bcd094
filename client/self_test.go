package client_test

import (
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestAboutOneself(t *testing.T) {
	t.Run("[R9] a report about oneself leaves no gap in the numbers of a device, and is received", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Organization("Outreach")
		worker := device(t, r, access.Worker, ngo)
		mustSync(t, worker)
		fill := func(about string) client.Saved {
			t.Helper()
			s, err := worker.Fill(client.Submission{Checklist: "hotel_front", EventTime: time.Now(), About: about, Answers: map[string]string{"hotel_front.01": "yes"}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		first, self, second := fill("guest"), fill("self"), fill("coworker")
		if second.N != first.N+1 || self.N < 1<<51 {
			t.Fatal(first.N, self.N, second.N)
		}
		if got := mustSync(t, worker); len(got.Push.Verdicts) != 3 {
			t.Fatalf("%+v", got.Push)
		}
		if again := mustSync(t, worker); again.Push.Sent != 0 {
			t.Fatalf("%+v", again.Push)
		}
		record, err := r.App.FindRecordById("submissions", self.IDs[0])
		if err != nil || record.GetString("author") != "" {
			t.Fatal(record, err)
		}
		for _, id := range []string{first.IDs[0], second.IDs[0]} { // the control
			if record, err := r.App.FindRecordById("submissions", id); err != nil || record.GetString("author") == "" {
				t.Fatal(record, err)
			}
		}
	})
}
