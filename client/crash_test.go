package client

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startWriter runs a process that saves and prints each n, until kill.
func startWriter(t *testing.T, path string, env ...string) (kill func() (acknowledged int)) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestWriterProcess$")
	cmd.Env = append(append(os.Environ(), "WRITER_STORE="+path), env...)
	cmd.Stdout = file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := func() int {
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(raw), "saved\n")
	}
	for end := time.Now().Add(20 * time.Second); lines() < 5; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			cmd.Process.Kill()
			t.Fatal("the writer does not write")
		}
	}
	return func() int {
		cmd.Process.Kill()
		cmd.Wait()
		file.Close()
		return lines()
	}
}

// TestWriterProcess is the process that startWriter starts.
func TestWriterProcess(t *testing.T) {
	t.Run("[DEV-1] a process that saves, and syncs if asked to, until it is killed", func(t *testing.T) {
		path := os.Getenv("WRITER_STORE")
		if path == "" {
			path = filepath.Join(t.TempDir(), "device.db")
		}
		d, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for i := 0; ; i++ {
			if _, err := d.Observe(Observation{EventTime: time.Now()}); err != nil {
				t.Fatal(err)
			}
			fmt.Println("saved")
			if os.Getenv("WRITER_SYNCS") != "" {
				if _, err := d.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if os.Getenv("WRITER_STORE") == "" && i == 2 {
				return
			}
		}
	})
}

func TestKilled(t *testing.T) {
	t.Run("[DEV-1] killed at any moment, every acknowledged save is in the outbox, in order", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "device.db")
		total := 0
		for range 3 {
			total += startWriter(t, path)()
			d := reopen(t, path, Options{})
			all, err := d.Outbox()
			if err != nil {
				t.Fatal(err)
			}
			// One save may be on disk without its line.
			if len(all) < total || len(all) > total+1 {
				t.Fatalf("%d saves were acknowledged, %d are in the outbox", total, len(all))
			}
			total = len(all)
			for i, e := range all {
				if e.N != int64(i+1) {
					t.Fatalf("entry %d has n %d", i, e.N)
				}
			}
			d.Close()
		}
	})

	t.Run("[PUSH-2] killed at any moment of a sync, everything arrives once", func(t *testing.T) {
		f := newFake(t)
		d, path := enrolled(t, f)
		d.Close()
		for round := range 4 {
			kill := startWriter(t, path, "WRITER_SYNCS=1")
			time.Sleep(time.Duration(round) * 3 * time.Millisecond)
			kill()
		}
		d = reopen(t, path, Options{})
		mustSync(t, d)
		all, err := d.Outbox()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			want(t, fmt.Sprint("phase of ", e.N), e.Phase, Acknowledged)
		}
		want(t, "on the server", f.live("observations"), len(all))
		want(t, "entries, none twice", len(f.entries), len(all))
		want(t, "in the view", len(mustRecords(t, d, "observations")), len(all))
	})
}

func mustRecords(t *testing.T, d *Device, collection string) []Record {
	t.Helper()
	all, err := d.Records(collection)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
