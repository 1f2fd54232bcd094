package exchange_test

import (
	"net/http"
	"testing"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestOpenedOverREST(t *testing.T) {
	w := newTown(t)
	t.Run("[PULL-1] opened: true over REST means now, as in a push, and the phone that wrote the report sees it", func(t *testing.T) {
		w.on(t)
		rosa, keisha := w.worker(), w.coordinator()
		id := rig.ID()
		applied(t, rosa.Do(rig.Create("observations", id, w.Observation(""))))
		triage := wire.TriageID("observations", id)
		status, body := w.rest(keisha, http.MethodPatch, "triage/records/"+triage, map[string]any{"opened": true})
		rig.Want(t, status, http.StatusOK)
		rig.Want(t, body["opened"], any(w.Clock.Now().UTC().Format("2006-01-02 15:04:05.000Z")))
		rig.Want(t, w.record("triage", triage)["opened"], body["opened"])
		rig.Want(t, rosa.Page(nil).Seen, []string{id})
	})
}
