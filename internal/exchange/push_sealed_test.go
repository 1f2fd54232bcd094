package exchange_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestSealed(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	worker, keisha := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
	sealed := func(m wire.Mutation, aad string) wire.Mutation {
		text, err := json.Marshal(map[string]any{"ops": m.Ops})
		if err != nil {
			t.Fatal(err)
		}
		if m.Sealed, err = seal.SealFor(r.S.Key.SealKey(), aad, text); err != nil {
			t.Fatal(err)
		}
		m.Ops = nil
		return m
	}
	t.Run("[SEALED] a sealed mutation is opened in push, applied, and answered from its receipt again", func(t *testing.T) {
		id := rig.ID()
		m := worker.Mutation(rig.Create("observations", id, r.Observation("")))
		m = sealed(m, fmt.Sprintf("%s:%d:%s", worker.ID, m.N, m.Stamp))
		first := worker.Push(m)[0]
		rig.Want(t, first.Verdict, wire.Applied)
		again := worker.Push(m)[0]
		rig.Want(t, again.Replayed, true)
		rig.Want(t, again.Seq, first.Seq)
		if keisha.Fresh()["observations"][id] == nil {
			t.Fatal("it did not arrive")
		}
	})
	t.Run("[SEALED] one that was sealed for another number is refused and kept as it came", func(t *testing.T) {
		m := worker.Mutation(rig.Create("observations", rig.ID(), r.Observation("")))
		m = sealed(m, fmt.Sprintf("%s:%d:%s", worker.ID, m.N+1, m.Stamp))
		v := worker.Push(m)[0]
		rig.Want(t, v.Code, wire.CodeInvalid)
		kept := string(keisha.Fresh()["quarantine"][v.Quarantine])
		if !strings.Contains(kept, m.Sealed) {
			t.Fatal(kept)
		}
	})
	t.Run("[SEALED] what was sealed under the name that made its stamp opens when the device goes on under a new one", func(t *testing.T) {
		phone := r.Enroll(access.Worker, ngo)
		id := rig.ID()
		m := phone.Mutation(rig.Create("observations", id, r.Observation("")))
		m = sealed(m, fmt.Sprintf("%s:%d:%s", phone.ID, m.N, m.Stamp))
		next := goOn(t, goOn(t, phone))
		applied(t, next.Push(m)[0])
		rig.Want(t, next.Push(m)[0].Replayed, true)
		if keisha.Fresh()["observations"][id] == nil {
			t.Fatal("it did not arrive")
		}
	})
	t.Run("[SEALED] what a stranger sealed is not opened for who hands it in as an own act", func(t *testing.T) {
		phone := r.Enroll(access.Worker, ngo)
		fields := r.Observation("")
		fields["note"] = "for no carrier's eyes"
		m := phone.Mutation(rig.Create("observations", rig.ID(), fields))
		m = sealed(m, fmt.Sprintf("%s:%d:%s", phone.ID, m.N, m.Stamp))
		thief := r.Enroll(access.Worker, ngo)
		v := thief.Push(m)[0]
		rig.Want(t, v.Code, wire.CodeInvalid)
		kept := string(thief.Fresh()["quarantine"][v.Quarantine])
		if !strings.Contains(kept, m.Sealed) || strings.Contains(kept, "carrier's") {
			t.Fatal(kept)
		}
	})
}
