package exchange_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushLarge(t *testing.T) {
	w := newTown(t)
	rosa, dee := w.worker(), w.worker()
	bomb := func(d *rig.Device, id string, count int) any {
		m := d.Mutation(rig.Create("observations", id, w.Observation("")))
		text := string(mustJSON(t, m))
		return json.RawMessage(strings.Replace(text, `"fields":{`, `"fields":{"x":[`+strings.Repeat("{},", count)+`{}],`, 1))
	}

	t.Run("[PUSH-6] a mutation over 1 MiB is kept whole as text with the pseudonym for the device, and what depends on it is refused", func(t *testing.T) {
		w.on(t)
		id := rig.ID()
		large := bomb(rosa, id, 400_000)
		v := verdict(t, pushLoose(t, rosa, large)[0], wire.Refused, wire.CodeTooLarge)
		row := w.record("quarantine", v.Quarantine)
		rig.Want(t, row["collection"], any("observations"))
		rig.Want(t, row["record"], any(id))
		rig.Want(t, row["organization"], any(w.ngo))
		kept := row["mutation"].(map[string]any)
		want := strings.ReplaceAll(string(large.(json.RawMessage)), rosa.ID, w.S.Key.Device(rosa.ID))
		if kept["text"] != want || kept["n"] != float64(v.N) || len(kept) != 3 {
			t.Errorf("kept %.200v", kept)
		}
		child := rosa.Mutation(rig.Create("addenda", rig.ID(), map[string]any{"observation": id, "text": "more"}))
		verdict(t, rosa.Push(child)[0], wire.Refused, wire.CodeDependsOnRefused)
		again := pushLoose(t, rosa, large)[0]
		if !again.Replayed || again.Quarantine != v.Quarantine {
			t.Errorf("again: %+v", again)
		}
	})

	t.Run("[PUSH-6] what is kept of a large mutation says the same whether it was copied ahead or not", func(t *testing.T) {
		w.on(t)
		for _, note := range []string{"short", strings.Repeat("long ", 5_000)} {
			op := rig.Create("observations", rig.ID(), with(w.Observation(""), "note", note))
			op.Fields["organization"] = w.ngo // set by the server: refused
			m := rosa.Mutation(op)
			v := verdict(t, rosa.Push(m)[0], wire.Refused, wire.CodeNotAllowed)
			kept := w.record("quarantine", v.Quarantine)["mutation"].(map[string]any)
			want := object(t, []byte(strings.ReplaceAll(string(mustJSON(t, m)), rosa.ID, w.S.Key.Device(rosa.ID))))
			if !wire.EqualJSON(kept, want) {
				t.Errorf("kept %.300v, want %.300v", kept, want)
			}
		}
	})

	t.Run("[PUSH-13] a body of 4 MiB of empty objects does not make a neighbour wait", func(t *testing.T) {
		w.on(t)
		body := mustJSON(t, envelope(rosa, bomb(rosa, rig.ID(), 1_300_000)))
		done := make(chan int, 1)
		go func() { done <- w.postPush(rosa, body, nil).status }()
		longest := time.Duration(0)
		for {
			began := time.Now()
			_, v := dee.Create("observations", w.Observation(""))
			applied(t, v)
			longest = max(longest, time.Since(began))
			select {
			case status := <-done:
				rig.Want(t, status, http.StatusOK)
				if longest > 2*time.Second {
					t.Errorf("the neighbour waited %v", longest)
				}
				rig.Want(t, len(w.rows(`SELECT 1 FROM quarantine WHERE code='too_large' AND length(mutation)>{:n}`, dbx.Params{"n": 3 << 20})), 1)
				return
			default:
			}
		}
	})

	t.Run("[PUSH-13] a few requests that take much memory are too many: busy, and taken once the first is done", func(t *testing.T) {
		w.on(t)
		goOn := w.standStill(t)
		heavy := func(d *rig.Device) []byte {
			var list []any
			for range 4 {
				list = append(list, bomb(d, rig.ID(), 300_000))
			}
			return mustJSON(t, envelope(d, list...))
		}
		first, second := heavy(rosa), heavy(dee)
		done := make(chan int, 1)
		go func() { done <- w.postPush(rosa, first, nil).status }()
		time.Sleep(1500 * time.Millisecond) // it is read and waits by now
		w.postPush(dee, second, nil).is(t, http.StatusServiceUnavailable, "busy", "later")
		goOn()
		rig.Want(t, <-done, http.StatusOK)
		rig.Want(t, w.postPush(dee, second, nil).status, http.StatusOK)
	})
}
