package client

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

const wipeCanary = "kanarienvogel unter der treppe"

// wipeSteps are where a process may die, in the order of happening.
var wipeSteps = []string{"confirmed", "granted", "emptied", "put aside", "removed"}

// TestWipeProcess is the process that TestWipeKilled starts: it syncs, is wiped,
// and ends at a step as a crash does, with nothing closed.
func TestWipeProcess(t *testing.T) {
	t.Run("[DEV-3] a process that is wiped and dies at a step", func(t *testing.T) {
		path := os.Getenv("WIPE_STORE")
		if path == "" { // by itself: a store that nobody ordered to be wiped
			d, err := Open(filepath.Join(t.TempDir(), "device.db"), Options{died: func(step string) { t.Error(step) }})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Sync(t.Context()); !errors.Is(err, ErrNotEnrolled) {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		d, err := Open(path, Options{MustExist: true, died: func(step string) {
			if step == os.Getenv("WIPE_DIES_AT") {
				os.Exit(9)
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Sync(t.Context())
		t.Fatalf("it did not die: %v", err)
	})
}

// storeFiles gives all bytes of a store's files, and how many there are.
func storeFiles(t *testing.T, path string) (all []byte, n int) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f == path+".lock" {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, raw...)
		n++
	}
	return all, n
}

func TestWipeKilled(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	keisha := r.Enroll(access.Coordinator, ngo)
	for i, step := range wipeSteps {
		t.Run("[DEV-3] killed right after it is "+step+", a wipe is as if it had not begun or is ended by the next start; nothing is lost", func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "device.db")
			d, err := Open(path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := d.Enroll(t.Context(), r.URL, r.Invite(access.Worker, ngo, 1), "phone"); err != nil {
				t.Fatal(err)
			}
			mustSync(t, d)
			if _, err := d.Observe(Observation{EventTime: time.Now(), Indicators: []Indicator{{ID: "core.01", Basis: "saw"}}, Details: Details{Note: wipeCanary}}); err != nil {
				t.Fatal(err)
			}
			st, err := d.peek()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if raw, _ := storeFiles(t, path); !bytes.Contains(raw, []byte(wipeCanary)) || !bytes.Contains(raw, st.key) {
				t.Fatal("the control: the search finds neither text nor key in the store")
			}
			if _, err := r.S.Wipe(st.id, "", "left on a bus", false); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestWipeProcess$")
			cmd.Env = append(os.Environ(), "WIPE_STORE="+path, "WIPE_DIES_AT="+step)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 9 {
				t.Fatalf("%v\n%s", err, out)
			}
			// Whatever was saved is on the server by then.
			if n := len(keisha.Fresh()["observations"]); n != i+1 {
				t.Fatalf("%d arrived, want %d", n, i+1)
			}
			raw, files := storeFiles(t, path)
			readable := bytes.Contains(raw, []byte(wipeCanary)) || bytes.Contains(raw, st.key)
			if want := i < 2; readable != want {
				t.Errorf("content or key is in the files: %v, want %v", readable, want)
			}
			if want := step != "removed"; (files > 0) != want {
				t.Errorf("%d files are left", files)
			}
			if step == "confirmed" {
				// Not granted yet as far as the phone knows: it has all, and goes on.
				d, err := Open(path, Options{MustExist: true})
				if err != nil {
					t.Fatal(err)
				}
				if all, err := d.Outbox(); err != nil || len(all) != 1 {
					t.Fatalf("%d in the outbox, %v", len(all), err)
				}
				if _, err := d.Sync(t.Context()); !errors.Is(err, ErrWiped) {
					t.Fatal(err)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			} else if _, err := Open(path, Options{MustExist: true}); !errors.Is(err, ErrNotEnrolled) {
				t.Fatalf("the next start: %v", err)
			}
			if _, files := storeFiles(t, path); files != 0 {
				t.Errorf("%d files are left in the end", files)
			}
			if s, err := r.S.Devices.State(st.id); err != nil || s.Wiped == "" {
				t.Errorf("%+v %v", s, err)
			}
		})
	}

	t.Run("[DEV-3] once the wipe is granted nothing can be saved, and a server that is gone by then is not needed", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "device.db")
		d, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Enroll(t.Context(), r.URL, r.Invite(access.Worker, ngo, 1), "phone"); err != nil {
			t.Fatal(err)
		}
		if granted, err := d.noteGranted(t.Context(), nil); err != nil || !granted {
			t.Fatal(granted, err)
		}
		if _, err := d.Do(Op{Op: wire.OpCreate, Collection: "observations", Fields: map[string]any{}}); !errors.Is(err, ErrWiped) {
			t.Errorf("saved: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		r.Stop()
		defer r.Start()
		next, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if s, err := next.Status(); err != nil || s.Enrolled || s.Saved != 0 {
			t.Errorf("%+v %v", s, err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + asideSuffix); !errors.Is(err, fs.ErrNotExist) {
			t.Error("the old store is still there")
		}
	})
	t.Run("[DEV-3] a wipe is not granted over something that was saved since", func(t *testing.T) {
		d, err := Open(filepath.Join(t.TempDir(), "device.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if _, err := d.Do(Op{Op: wire.OpCreate, Collection: "observations", Fields: map[string]any{}}); err != nil {
			t.Fatal(err)
		}
		if granted, err := d.noteGranted(t.Context(), nil); err == nil && granted {
			t.Error("it was granted")
		}
		if all, err := d.Outbox(Waiting); err != nil || len(all) != 1 {
			t.Errorf("%d wait, %v", len(all), err)
		}
	})
}
