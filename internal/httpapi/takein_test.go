package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

// takenIn are the audit's entries of what was handed in: who, whose board, and
// the detail.
func (e *edge) takenIn() []string {
	e.T.Helper()
	found, err := e.App.FindRecordsByFilter(records.AuditCollection, "act={:a}", "number", 0, 0, map[string]any{"a": records.ActTakeIn})
	if err != nil {
		e.T.Fatal(err)
	}
	out := []string{}
	for _, r := range found {
		out = append(out, fmt.Sprint(r.GetString("actor"), " ", r.GetString("organization"), " ", r.GetString("collection"), r.GetString("record"), " ", r.GetString("detail")))
	}
	return out
}

func TestTakeInIsAudited(t *testing.T) {
	t.Run("[R16] [RECOVERY] a coordinator who hands in a recovery file stands in the audit, with how much it was; the phone that wrote it does not", func(t *testing.T) {
		e := newEdge(t)
		locked := e.Enroll(access.Worker, e.ngo)
		file := json.RawMessage(e.recoveryFile(locked, locked.Mutation(rig.Create("observations", rig.ID(), e.Observation(""))), locked.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))))
		hand := func(by *rig.Device) {
			t.Helper()
			rig.Want(t, e.Post(by.Token, "/api/sync/recovery", file, nil), http.StatusOK)
		}
		bent := json.RawMessage(strings.Replace(string(file), `"n":1`, `"n":7`, 1))
		if status := e.Post(e.keisha.Token, "/api/sync/recovery", bent, nil); status < 400 {
			t.Fatalf("a file that its phone did not sign: %d", status)
		}
		rig.Want(t, e.takenIn(), []string{}) // nothing was taken in
		hand(e.keisha)
		rig.Want(t, e.takenIn(), []string{e.keisha.User.ID + " " + e.ngo + `  {"files":1,"from":"file","items":2}`})
	})
	t.Run("[R9] [R16] what a phone carries for another by itself has no entry: it would say who held the tablet when a report came", func(t *testing.T) {
		e := newEdge(t)
		locked, staff := e.Enroll(access.Staff, e.Organization("Hotel"), e.site), e.Enroll(access.Staff, e.Organization("Hotel two"), e.site)
		file := json.RawMessage(e.recoveryFile(locked, locked.Mutation(rig.Create("observations", rig.ID(), e.Observation("")))))
		for _, by := range []*rig.Device{staff, e.worker} {
			rig.Want(t, e.Post(by.Token, "/api/sync/recovery", file, nil), http.StatusOK)
		}
		rig.Want(t, e.takenIn(), []string{})
	})
	t.Run("[R16] [DEV-3] so does who takes in what wiped devices left, and the operator; where nothing is left nothing is written", func(t *testing.T) {
		e := newEdge(t)
		take := func() {
			t.Helper()
			rig.Want(t, e.Post(e.keisha.Token, "/api/fieldpost/leftovers/take", map[string]any{}, nil), http.StatusOK)
		}
		leave := func() string {
			t.Helper()
			d := e.Enroll(access.Worker, e.ngo)
			file := e.recoveryFile(d, d.Mutation(rig.Create("observations", rig.ID(), e.Observation(""))))
			if _, err := e.S.Wipe(d.ID, "", "lost", false); err != nil {
				t.Fatal(err)
			}
			if err := e.S.Store.TransactPeople(func(tx *records.People) error {
				_, err := tx.KeepLeftover(d.ID, file, 1<<20)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return d.ID
		}
		take()
		rig.Want(t, e.takenIn(), []string{})
		device := leave()
		take()
		want := []string{e.keisha.User.ID + " " + e.ngo + `  {"files":1,"from":"leftovers"}`}
		rig.Want(t, e.takenIn(), want)
		leave()
		all, err := e.S.Store.Leftovers()
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		if _, err := e.S.TakeLeftover(t.Context(), all[0].ID); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, e.takenIn(), append(want, records.ActorOperator+`   {"files":1,"from":"leftovers"}`))
		if strings.Contains(fmt.Sprint(e.takenIn()), device) {
			t.Error("the audit names the device")
		}
	})
}
