package exchange_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestPushAfterCommit(t *testing.T) {
	w := newTown(t)
	keisha := w.coordinator()
	var after func() error
	w.App.OnRecordAfterDeleteSuccess("sites").BindFunc(func(e *core.RecordEvent) error {
		if err := e.Next(); err != nil || after == nil {
			return err
		}
		return after()
	})
	told, notify := 0, w.S.Store.Notify
	w.S.Store.Notify = func(scopes map[string]bool) { told++; notify(scopes) }

	for name, broken := range map[string]func() error{
		"an error": func() error { return errors.New("broken after the commit") },
		"a panic":  func() error { panic("broken after the commit") },
	} {
		t.Run("[PUSH-1] "+name+" after the commit takes nothing back: the verdict stands, and who watches is told", func(t *testing.T) {
			w.on(t)
			broke := 0
			after = func() error { broke++; return broken() }
			defer func() { after = nil }()
			for _, beside := range [][]wire.Op{nil, {rig.Create("sites", rig.ID(), map[string]any{"name": "Two", "venue": "hotel"})}} {
				id, v := keisha.Create("sites", map[string]any{"name": "Stop", "venue": "truck_stop"})
				applied(t, v)
				before := told
				m := keisha.Mutation(append([]wire.Op{rig.Delete("sites", id, v.Seq)}, beside...)...)
				first := applied(t, keisha.Push(m)[0])
				if first.Replayed || told != before+1 {
					t.Errorf("%+v, told %d times", first, told-before)
				}
				if again := keisha.Push(m)[0]; !again.Replayed || again.Seq != first.Seq {
					t.Errorf("again: %+v", again)
				}
				rig.Want(t, w.record("sites", id) == nil, true)
			}
			rig.Want(t, broke, 2)
		})
	}

	t.Run("[PUSH-13] a device that hangs up leaves no error of the server's", func(t *testing.T) {
		w.on(t)
		goOn := w.standStill(t)
		ctx, hangUp := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer hangUp()
		_, err := w.S.Exchange.Push(ctx, keisha.ID, &wire.Push{Device: keisha.ID})
		if !fault.Is(err, fault.Busy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		goOn()
	})
}
