package client

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestSave(t *testing.T) {
	t.Run("[DEV-1] a save is on disk with its n, stamp and record before it returns", func(t *testing.T) {
		d, path := open(t, Options{})
		first, second := observe(t, d, "one"), observe(t, d, "two")
		d.Close()
		d = reopen(t, path, Options{})
		all, err := d.Outbox()
		if err != nil || len(all) != 2 {
			t.Fatalf("outbox: %v, %v", all, err)
		}
		for i, s := range []Saved{first, second} {
			want(t, "n", all[i].N, int64(i+1))
			want(t, "stamp", all[i].Stamp, s.Stamp)
			want(t, "record", all[i].Records[0].ID, s.IDs[0])
			want(t, "state", all[i].State, IsWaiting)
			r, ok, err := d.Record("observations", s.IDs[0])
			if err != nil || !ok {
				t.Fatalf("record: %v %v", ok, err)
			}
			want(t, "record's n", r.N, s.N)
			want(t, "record's state", r.State, IsWaiting)
		}
	})

	t.Run("[DEV-1] a full disk is told, and what was there before is whole", func(t *testing.T) {
		d, path := open(t, Options{maxPages: 40})
		var last Saved
		saved := 0
		var err error
		for ; saved < 1000; saved++ {
			var s Saved
			if s, err = d.Do(Op{Op: "create", Collection: "observations", Fields: map[string]any{"note": strings.Repeat("x", 2000)}}); err != nil {
				break
			}
			last = s
		}
		if !errors.Is(err, ErrDisk) {
			t.Fatalf("after %d saves: %v, want ErrDisk", saved, err)
		}
		want(t, "code", Explain(err).Code, "store_unwritable")
		d.Close()
		d = reopen(t, path, Options{})
		want(t, "kept", status(t, d).Waiting, saved)
		next := observe(t, d, "room again")
		want(t, "the failed save used up no n", next.N, last.N+1)
		ids, err := d.Records("observations")
		want(t, "records", len(ids), saved+1)
		if err != nil {
			t.Fatal(err)
		}
	})

	t.Run("[DEV-1] what cannot be saved leaves no trace", func(t *testing.T) {
		d, _ := open(t, Options{})
		for name, op := range map[string]Op{
			"no op":           {Collection: "observations"},
			"no collection":   {Op: "create"},
			"foreign id":      {Op: "create", Collection: "observations", ID: "a'; DROP TABLE outbox; --"},
			"empty update":    {Op: "update", Collection: "sites", ID: "a1b2c3d4e5f6g7h"},
			"negative base":   {Op: "update", Collection: "sites", ID: "a1b2c3d4e5f6g7h", Base: -1, Fields: map[string]any{"name": "x"}},
			"not JSON":        {Op: "create", Collection: "observations", Fields: map[string]any{"note": make(chan int)}},
			"beyond 1 MiB":    {Op: "create", Collection: "observations", Fields: map[string]any{"note": strings.Repeat("x", wire.MaxMutationBytes)}},
			"based create":    {Op: "create", Collection: "observations", Base: 4},
			"delete of field": {Op: "delete", Collection: "sites", ID: "a1b2c3d4e5f6g7h", Fields: map[string]any{"name": "x"}},
		} {
			if _, err := d.Do(op); !errors.Is(err, ErrInput) {
				t.Errorf("%s: %v, want ErrInput", name, err)
			}
		}
		if _, err := d.Do(); !errors.Is(err, ErrInput) {
			t.Errorf("no ops: %v", err)
		}
		want(t, "saved", status(t, d).Saved, 0)
	})

	t.Run("[PUSH-9] a mutation goes out as it was made", func(t *testing.T) {
		f := newFake(t)
		d, _ := enrolled(t, f)
		observe(t, d, `<b> & "quotes" ü`)
		before, err := d.Mutation(1)
		if err != nil {
			t.Fatal(err)
		}
		mustSync(t, d)
		want(t, "sent", string(f.pushes[0].Mutations[0]), string(before.Raw))
	})
}

func TestStamps(t *testing.T) {
	at := time.Date(2026, 1, 11, 5, 0, 0, 0, time.UTC)
	stamp := func(t *testing.T, s Saved) hlc.Stamp {
		t.Helper()
		parsed, err := hlc.Parse(s.Stamp)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}

	t.Run("[STAMP] stamps rise while the clock stands still", func(t *testing.T) {
		d, _ := open(t, Options{Now: func() time.Time { return at }})
		a, b := stamp(t, observe(t, d, "")), stamp(t, observe(t, d, ""))
		want(t, "ms", a.Ms, at.UnixMilli())
		want(t, "counter", b.Counter, a.Counter+1)
		want(t, "device", a.Device, status(t, d).Device)
	})

	t.Run("[STAMP] a clock set back starts anew, forgets the offset, and repeats no stamp", func(t *testing.T) {
		f := newFake(t)
		now := at
		d, _ := open(t, Options{Now: func() time.Time { return now }})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		first := observe(t, d, "")
		mustSync(t, d)
		now = at.Add(time.Minute)
		if status(t, d).Offset == nil {
			t.Fatal("no offset after an answer")
		}
		now = at.Add(-365 * 24 * time.Hour)
		back := observe(t, d, "")
		want(t, "ms", stamp(t, back).Ms, now.UnixMilli())
		m, _ := d.Mutation(back.N)
		if !contains(m.Raw, `"offset":null`) {
			t.Errorf("offset kept over a jump: %s", m.Raw)
		}
		now = at // forward again: the very time of the first stamp
		again := observe(t, d, "")
		if again.Stamp == first.Stamp {
			t.Error("a stamp was made twice")
		}
	})

	t.Run("[STAMP] [PUSH-12] an offset measured after the clock was set back while the device was off counts", func(t *testing.T) {
		f := newFake(t)
		now := at
		opt := Options{Now: func() time.Time { return now }}
		d, path := open(t, opt)
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		observe(t, d, "")
		mustSync(t, d)
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		now = at.Add(-time.Hour)
		d = reopen(t, path, opt)
		mustSync(t, d)
		s := observe(t, d, "")
		want(t, "ms", stamp(t, s).Ms, now.UnixMilli())
		if m, _ := d.Mutation(s.N); contains(m.Raw, `"offset":null`) {
			t.Errorf("the offset that was just measured is forgotten: %s", m.Raw)
		}
	})

	t.Run("[STAMP] a jump forward is seen by the time that really passed", func(t *testing.T) {
		f := newFake(t)
		now, real := at, time.Duration(0)
		d, _ := open(t, Options{Now: func() time.Time { return now }, Elapsed: func() time.Duration { return real }})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		mustSync(t, d)
		now, real = now.Add(time.Hour), real+time.Hour
		s := observe(t, d, "")
		m, _ := d.Mutation(s.N)
		if contains(m.Raw, `"offset":null`) {
			t.Error("an hour that passed counts as a jump")
		}
		now, real = now.Add(365*24*time.Hour), real+time.Second
		s = observe(t, d, "")
		m, _ = d.Mutation(s.N)
		if !contains(m.Raw, `"offset":null`) {
			t.Errorf("offset kept over a jump: %s", m.Raw)
		}
	})

	t.Run("[PUSH-12] the offset is server minus device, from the last answer before stamping", func(t *testing.T) {
		f := newFake(t)
		f.now = at.Add(time.Hour)
		d, _ := open(t, Options{Now: func() time.Time { return at }})
		if _, err := d.Enroll(t.Context(), f.http.URL, "invite-worker", "x"); err != nil {
			t.Fatal(err)
		}
		before := observe(t, d, "")
		mustSync(t, d)
		after := observe(t, d, "")
		m, _ := d.Mutation(before.N)
		if !contains(m.Raw, `"offset":null`) {
			t.Errorf("before the first answer: %s", m.Raw)
		}
		m, _ = d.Mutation(after.N)
		if !contains(m.Raw, `"offset":3600000`) {
			t.Errorf("an hour slow: %s", m.Raw)
		}
	})
}

func TestLock(t *testing.T) {
	t.Run("[DEV-2] a second process does not get the store", func(t *testing.T) {
		_, path := open(t, Options{})
		_, err := Open(path, Options{})
		if !errors.Is(err, ErrLocked) {
			t.Fatalf("second open: %v, want ErrLocked", err)
		}
		link := filepath.Join(t.TempDir(), "other-name.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(link, Options{}); !errors.Is(err, ErrLocked) {
			t.Errorf("by another name: %v, want ErrLocked", err)
		}
	})

	t.Run("[DEV-2] the store is free when its holder has closed it or was killed", func(t *testing.T) {
		d, path := open(t, Options{})
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		reopen(t, path, Options{}).Close()
		kill := startWriter(t, path)
		if _, err := Open(path, Options{}); !errors.Is(err, ErrLocked) {
			t.Errorf("while the other lives: %v, want ErrLocked", err)
		}
		kill()
		reopen(t, path, Options{})
	})
}

func TestStoreFile(t *testing.T) {
	write := func(t *testing.T, content string) string {
		path := filepath.Join(t.TempDir(), "device.db")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	refused := func(t *testing.T, path, code string) {
		t.Helper()
		before, _ := os.ReadFile(path)
		_, err := Open(path, Options{})
		if Explain(err).Code != code || Explain(err).Hint == "" {
			t.Fatalf("got %v, want %s", err, code)
		}
		if after, _ := os.ReadFile(path); string(after) != string(before) {
			t.Error("the file was changed")
		}
	}

	t.Run("[DEV-3] a file that is no store is left alone", func(t *testing.T) {
		refused(t, write(t, strings.Repeat("my shopping list\n", 500)), "store_foreign")
	})

	t.Run("[DEV-3] another program's database is left alone", func(t *testing.T) {
		path := write(t, "")
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		db.Close()
		refused(t, path, "store_foreign")
	})

	t.Run("[DEV-3] a store of a newer program is left alone", func(t *testing.T) {
		d, path := open(t, Options{})
		d.Close()
		db, _ := sql.Open("sqlite", path)
		if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
			t.Fatal(err)
		}
		db.Close()
		refused(t, path, "store_newer")
	})

	t.Run("[DEV-3] a damaged store says so", func(t *testing.T) {
		d, path := open(t, Options{})
		for range 60 {
			observe(t, d, strings.Repeat("x", 500))
		}
		d.Close()
		raw, _ := os.ReadFile(path)
		for i := 8192; i < len(raw)-4096; i += 512 {
			copy(raw[i:], strings.Repeat("\xff", 256))
		}
		os.WriteFile(path, raw, 0o600)
		_, err := Open(path, Options{})
		if Explain(err).Code != "store_damaged" {
			t.Fatalf("got %v, want store_damaged", err)
		}
	})

	t.Run("[DEV-1] a folder that cannot be written says so", func(t *testing.T) {
		_, err := Open(filepath.Join(write(t, "a file"), "device.db"), Options{})
		if !errors.Is(err, ErrDisk) {
			t.Errorf("below a file: %v", err)
		}
		if _, err = Open(t.TempDir(), Options{}); !errors.Is(err, ErrStore) {
			t.Errorf("a folder as the store: %v", err)
		}
	})

	t.Run("[DEV-1] a start that was cut short is taken up by the next", func(t *testing.T) {
		path := write(t, "") // the file is there, no table yet
		d := reopen(t, path, Options{})
		id := status(t, d).Device
		if _, err := d.store.db.Exec("DELETE FROM device"); err != nil { // tables, but no identity yet
			t.Fatal(err)
		}
		d.Close()
		d = reopen(t, path, Options{})
		if got := status(t, d).Device; !hlc.ValidID(got) || got == id {
			t.Errorf("device id %q", got)
		}
	})

	t.Run("[DEV-1] the store is for its owner alone, and odd paths work", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a b?c#d%41", "device.db")
		d := reopen(t, path, Options{})
		observe(t, d, "")
		d.Close()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "mode", info.Mode().Perm(), os.FileMode(0o600))
	})

	t.Run("[DEV-1] with MustExist no store is made", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "device.db")
		if _, err := Open(path, Options{MustExist: true}); !errors.Is(err, ErrNotEnrolled) {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a file was made")
		}
	})

	t.Run("[DEV-1] every commit is synced", func(t *testing.T) {
		d, _ := open(t, Options{})
		var level, mode string
		d.store.db.QueryRow("PRAGMA synchronous").Scan(&level)
		d.store.db.QueryRow("PRAGMA journal_mode").Scan(&mode)
		want(t, "synchronous", level, "2")
		want(t, "journal mode", mode, "wal")
	})
}

func TestIdentity(t *testing.T) {
	t.Run("[ENROL-1] the same random source makes the same device", func(t *testing.T) {
		random := func() *strings.Reader { return strings.NewReader(strings.Repeat("fieldwork by night ", 40)) }
		a, _ := open(t, Options{Rand: random()})
		b, _ := open(t, Options{Rand: random()})
		want(t, "device", status(t, a).Device, status(t, b).Device)
		sa, _ := a.peek()
		sb, _ := b.peek()
		want(t, "key", string(sa.key), string(sb.key))
	})
}
