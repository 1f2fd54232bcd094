package media_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestWhatGoes(t *testing.T) {
	s := newSite(t)
	t.Run("[PHOTO-5] [R15] a photo that a coordinator takes out goes from the record, the disk and every device, and the audit says who", func(t *testing.T) {
		photo := picture(2000, 20)
		id, twin := s.record(photo), s.record(photo)
		for _, x := range []string{id, twin} {
			status, _ := s.send(s.rosa, x, photo)
			rig.Want(t, status, 204)
		}
		s.keisha.Fresh()
		rig.Want(t, s.rosa.Do(rig.Delete("attachments", id, s.Entries())).Code, wire.CodeNotAllowed)
		rig.Want(t, s.keisha.Do(rig.Delete("attachments", id, s.Entries())).Verdict, wire.Applied)
		rig.Want(t, []any{first(s.get(s.keisha, id)), len(s.kept())}, []any{404, 1}) // the other record has the same bytes
		gone := false
		for _, c := range s.keisha.Pull() {
			gone = gone || c.ID == id && string(c.Record) == "null"
		}
		rig.Want(t, gone, true)
		rig.Want(t, s.keisha.Do(rig.Delete("attachments", twin, s.Entries())).Verdict, wire.Applied)
		s.noFiles(t)
		entry, err := s.App.FindFirstRecordByData("audit", "record", twin)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{entry.GetString("act"), entry.GetString("actor")}, []any{records.ActPhotoRemove, s.keisha.User.ID})
		rig.Want(t, strings.Contains(entry.GetString("detail"), s.report), true)
	})
	t.Run("[PHOTO-5] [R15] a report that is deleted takes its photos along, and what came of them", func(t *testing.T) {
		report, _ := s.rosa.Create("observations", s.Observation(""))
		photo, half := picture(2000, 21), picture(2000, 22)
		id, v := s.rosa.Create("attachments", about("observation", report, photo))
		rig.Want(t, v.Verdict, wire.Applied)
		status, _ := s.send(s.rosa, id, photo)
		rig.Want(t, status, 204)
		begun, _ := s.rosa.Create("attachments", about("observation", report, half))
		rig.Want(t, first(s.begin(s.rosa, begun, len(half))), 201)
		rig.Want(t, first(s.patch(s.rosa, begun, 0, half[:500])), 204)
		s.rosa.Fresh()
		r, err := s.App.FindRecordById("observations", report)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.App.Delete(r); err != nil {
			t.Fatal(err)
		}
		s.noFiles(t)
		rig.Want(t, first(s.patch(s.rosa, begun, 500, half[500:])), 404)
		gone := map[string]bool{}
		for _, c := range s.rosa.Pull() {
			if string(c.Record) == "null" {
				gone[c.ID] = true
			}
		}
		rig.Want(t, gone[id] && gone[begun] && gone[report], true)
	})
	t.Run("[PHOTO-5] what nobody goes on with, and what no record names, is swept, and nothing else", func(t *testing.T) {
		report, _ := s.rosa.Create("observations", s.Observation(""))
		kept, half := picture(2000, 23), picture(2000, 24)
		id, _ := s.rosa.Create("attachments", about("observation", report, kept))
		status, _ := s.send(s.rosa, id, kept)
		rig.Want(t, status, 204)
		begun, _ := s.rosa.Create("attachments", about("observation", report, half))
		rig.Want(t, first(s.begin(s.rosa, begun, len(half))), 201)
		rig.Want(t, first(s.patch(s.rosa, begun, 0, half[:500])), 204)
		stray := sum([]byte("stray"))
		for path, at := range map[string]time.Duration{"media/" + stray[:2] + "/" + stray: 25 * time.Hour, "media/" + sum(half)[:2] + "/" + sum(half): time.Hour, "uploads/" + rig.ID(): 0} {
			file := filepath.Join(s.Dir, filepath.FromSlash(path))
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			when := s.Clock.Now().Add(-at)
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
		}
		sweep := func() {
			t.Helper()
			if err := s.S.API.Media.Sweep(); err != nil {
				t.Fatal(err)
			}
		}
		sweep()
		names := s.kept()
		slices.Sort(names)
		want := []string{sum(kept), sum(half)}
		slices.Sort(want)
		rig.Want(t, []any{names, s.uploads()}, []any{want, []string{begun}})
		s.Clock.Add(31 * 24 * time.Hour)
		sweep()
		rig.Want(t, []any{s.kept(), s.uploads()}, []any{[]string{sum(kept)}, []string(nil)})
	})
	t.Run("[PHOTO-5] a backup has the whole photos and no half ones, and a restored folder gives them out", func(t *testing.T) {
		photo, half := picture(2000, 25), picture(2000, 26)
		id, begun := s.record(photo), s.record(half)
		status, _ := s.send(s.rosa, id, photo)
		rig.Want(t, status, 204)
		rig.Want(t, first(s.begin(s.rosa, begun, len(half))), 201)
		rig.Want(t, first(s.patch(s.rosa, begun, 0, half[:500])), 204)
		file := filepath.Join(t.TempDir(), "b.zip")
		if _, err := records.BackupFolder(s.Dir, file); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, s.keisha.Do(rig.Delete("attachments", id, s.Entries())).Verdict, wire.Applied)
		s.Stop()
		if _, err := records.Restore(file, s.Dir, "", s.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		s.Start()
		status, _, raw := s.get(s.keisha, id)
		rig.Want(t, []any{status, raw == string(photo)}, []any{200, true})
		rig.Want(t, s.at(s.rosa, begun), "404 ")
		status, _ = s.send(s.rosa, begun, half)
		rig.Want(t, []any{status, s.stored(begun)}, []any{204, true})
		missing, all, err := s.S.API.Media.Missing()
		rig.Want(t, []any{missing, all > 0, err}, []any{[]string(nil), true, nil})
		if err := os.Remove(filepath.Join(s.Dir, "media", sum(half)[:2], sum(half))); err != nil {
			t.Fatal(err)
		}
		missing, _, err = s.S.API.Media.Missing()
		rig.Want(t, []any{missing, err}, []any{[]string{begun}, nil})
		rig.Want(t, first(s.get(s.keisha, begun)), 404)
	})
}

// noFiles waits until nothing of photos is on the disk: it goes after the
// commit that answers.
func (s *site) noFiles(t *testing.T) {
	t.Helper()
	for begun := time.Now(); len(s.kept())+len(s.uploads()) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 5*time.Second {
			t.Fatalf("still here: %v %v", s.kept(), s.uploads())
		}
	}
}
