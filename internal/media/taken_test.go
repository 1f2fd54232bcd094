package media_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/media"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func TestWhoMay(t *testing.T) {
	s := newSite(t)
	other := s.Make("organizations", map[string]any{"name": "Other", "allows": []string{"photos"}})
	dee, lee := s.Enroll(access.Staff, s.hotel, s.stop), s.Enroll(access.Staff, s.hotel, s.stop)
	photo := picture(2000, 7)
	id := s.record(photo)
	t.Run("[PHOTO-1] [ACCESS] only who made the record hands in its bytes; to others it is not there", func(t *testing.T) {
		for name, d := range map[string]*rig.Device{"a colleague": s.Enroll(access.Worker, s.ngo), "the coordinator": s.keisha, "staff": dee, "a manager": s.Enroll(access.Manager, s.hotel, s.stop),
			"police": s.Enroll(access.LawEnforcement, other), "a worker of others": s.Enroll(access.Worker, other), "an admin": s.Enroll(access.Admin, other)} {
			begun, _, raw := s.begin(d, id, len(photo))
			asked, _ := s.head(d, id)
			sent := first(s.patch(d, id, 0, photo))
			if begun != 404 || asked != 404 || sent != 404 || code(raw) != "not_found" {
				t.Errorf("%s: %d %d %d", name, begun, asked, sent)
			}
		}
		for _, method := range []string{http.MethodPost, http.MethodHead, http.MethodPatch, http.MethodGet} {
			path := media.Path + "/" + id
			if method == http.MethodPost {
				path = media.Path
			}
			status, _, _ := s.ask(method, path, "", nil, nil)
			rig.Want(t, []any{method, status}, []any{method, 401})
		}
	})
	status, _ := s.send(s.rosa, id, photo)
	rig.Want(t, status, 204)
	t.Run("[PHOTO-4] [ACCESS] [R13] the bytes are for who may see the report, and for nobody else", func(t *testing.T) {
		for _, c := range []struct {
			name   string
			d      *rig.Device
			status int
		}{
			{"the author", s.rosa, 200}, {"the coordinator", s.keisha, 200}, {"another coordinator", s.Enroll(access.Coordinator, s.ngo), 200},
			{"a colleague", s.Enroll(access.Worker, s.ngo), 404}, {"staff of the site", dee, 404}, {"the site's manager", s.Enroll(access.Manager, s.hotel, s.stop), 404},
			{"a coordinator of the owner", s.Enroll(access.Coordinator, s.hotel), 404}, {"a coordinator of others", s.Enroll(access.Coordinator, other), 404},
			{"police", s.Enroll(access.LawEnforcement, other), 404}, {"a provider", s.Enroll(access.Provider, other), 404}, {"an admin", s.Enroll(access.Admin, other), 404},
		} {
			if status, _, raw := s.get(c.d, id); status != c.status || (status == 200) != (raw == string(photo)) {
				t.Errorf("%s: %d", c.name, status)
			}
		}
	})
	t.Run("[PHOTO-1] [R9] staff hand in a photo, nothing in clear says who, and nobody else of them can", func(t *testing.T) {
		list, err := s.App.FindFirstRecordByData("checklists", "key", "hotel_front")
		if err != nil {
			t.Fatal(err)
		}
		submission := map[string]any{"checklist": list.Id, "version": list.GetInt("version"), "site": s.stop, "event_time": "2026-01-11T04:55:00.000Z", "answers": map[string]any{"hotel_front.01": "yes"}}
		report, v := dee.Create("submissions", submission)
		rig.Want(t, v.Verdict, wire.Applied)
		hers := picture(2000, 8)
		_, v = lee.Create("attachments", about("submission", report, hers))
		rig.Want(t, []any{v.Verdict, v.Code}, []any{wire.Refused, wire.CodeNotAllowed})
		id, v := dee.Create("attachments", about("submission", report, hers))
		rig.Want(t, v.Verdict, wire.Applied)
		rig.Want(t, first(s.begin(lee, id, len(hers))), 404)
		status, _ := s.send(dee, id, hers)
		rig.Want(t, status, 204)
		r, err := s.App.FindRecordById("attachments", id)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, r.GetString("author"), "")
		actor, device, err := s.S.Store.Journal().Origin("attachments", id)
		if err != nil {
			t.Fatal(err)
		}
		for _, clear := range []string{dee.User.ID, dee.ID, s.S.Key.Person(dee.User.ID)} {
			if actor == clear || device == clear {
				t.Errorf("the entry names %s", clear)
			}
		}
		rig.Want(t, first(s.get(dee, id)), 404) // create only
		rig.Want(t, first(s.get(s.keisha, id)), 200)

		submission["about"] = "self"
		own, v := dee.Create("submissions", submission)
		rig.Want(t, v.Verdict, wire.Applied)
		late, v := dee.Create("attachments", about("submission", own, picture(2000, 9)))
		rig.Want(t, []any{v.Verdict, v.Code}, []any{wire.Refused, wire.CodeNotAllowed})
		held, err := s.App.FindFirstRecordByData("quarantine", "record", late)
		if err != nil {
			t.Fatal(err)
		}
		actor, _, err = s.S.Store.Journal().Origin("quarantine", held.Id)
		if err != nil || actor != "system" {
			t.Errorf("the refused photo of a report about oneself names %s (%v)", actor, err)
		}
	})
	t.Run("[PHOTO-4] [R9] only to its own sender a photo that is here counts as sent; staff cannot find out by trying", func(t *testing.T) {
		before := len(s.kept())
		again := s.record(photo)
		rig.Want(t, []any{s.stored(again), s.at(s.rosa, again)}, []any{true, "200 2000"})
		mate := s.Enroll(access.Worker, s.ngo)
		report, _ := mate.Create("observations", s.Observation(s.stop))
		same, v := mate.Create("attachments", about("observation", report, photo))
		rig.Want(t, []any{v.Verdict, s.stored(same)}, []any{wire.Applied, false})
		status, _ := s.send(mate, same, photo)
		rig.Want(t, []any{status, s.stored(same), len(s.kept())}, []any{204, true, before})
	})
}

func TestWhatIsTaken(t *testing.T) {
	s := newSite(t)
	t.Run("[PHOTO-1] [R13] photos are off until the organization allows them, and are of places and vehicles", func(t *testing.T) {
		photo := picture(2000, 10)
		off := s.Organization("Cautious")
		lee := s.Enroll(access.Worker, off)
		report, _ := lee.Create("observations", s.Observation(""))
		_, v := lee.Create("attachments", about("observation", report, photo))
		rig.Want(t, []any{v.Verdict, v.Code}, []any{wire.Refused, wire.CodeNotAllowed})
		for field, value := range map[string]any{"kind": "person", "type": "image/png", "bytes": 26214401, "sha256": "x", "raw_sha256": "x"} {
			bent := about("observation", s.report, photo)
			bent[field] = value
			_, v := s.rosa.Create("attachments", bent)
			if v.Verdict != wire.Refused || v.Code != wire.CodeInvalid {
				t.Errorf("%s %v: %+v", field, value, v)
			}
		}
		nowhere := about("observation", s.report, photo)
		nowhere["submission"] = s.report
		_, v = s.rosa.Create("attachments", nowhere)
		rig.Want(t, v.Verdict == wire.Applied, false)
	})
	t.Run("[PHOTO-3] [R13] a picture with anything beside it is refused, and the record stays without bytes", func(t *testing.T) {
		bare := picture(3000, 11)
		gps := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x88%\x00\x04\x00\x00\x00\x01\x00\x00\x00\x1a"
		for name, photo := range map[string][]byte{
			"EXIF": with(bare, 0xE1, gps), "XMP": with(bare, 0xE1, "http://ns.adobe.com/xap/1.0/\x00<x/>"), "a colour profile": with(bare, 0xE2, "ICC_PROFILE\x00\x01\x01Phone of Rosa"),
			"IPTC": with(bare, 0xED, "Photoshop 3.0\x00"), "a comment": with(bare, 0xFE, "taken by Rosa"), "a second picture behind": slices.Concat(bare, bare), "one byte behind": append(bytes.Clone(bare), 0),
			"a thumbnail": with(bare, 0xE0, "JFXX\x00\x10"), "a segment of no use": with(bare, 0xF0, "x"),
		} {
			id := s.record(photo)
			status, raw := s.send(s.rosa, id, photo)
			if status != 422 || code(raw) != "photo_has_metadata" || s.stored(id) {
				t.Errorf("%s: %d %s", name, status, raw)
			}
			if len(s.kept())+len(s.uploads()) != 0 {
				t.Fatalf("%s: %v %v", name, s.kept(), s.uploads())
			}
			s.rosa.Do(rig.Delete("attachments", id, s.Entries()))
			rig.Want(t, s.keisha.Do(rig.Delete("attachments", id, s.Entries())).Verdict, wire.Applied)
		}
		for name, photo := range map[string][]byte{"no picture": []byte(strings.Repeat("x", 3000)), "half of one": bare[:2000], "a page": []byte("<html><script>1</script>")} {
			id := s.record(photo)
			status, raw := s.send(s.rosa, id, photo)
			if status != 422 || code(raw) != "photo_differs" || s.stored(id) {
				t.Errorf("%s: %d %s", name, status, raw)
			}
			s.keisha.Do(rig.Delete("attachments", id, s.Entries()))
		}
		// The same photo gets in where nobody looks: it is the look that refuses it.
		s.S.API.Media.Unchecked = true
		defer func() { s.S.API.Media.Unchecked = false }()
		photo := with(bare, 0xE1, gps)
		id := s.record(photo)
		status, _ := s.send(s.rosa, id, photo)
		rig.Want(t, []any{status, s.stored(id)}, []any{204, true})
	})
	t.Run("[PHOTO-5] an organization whose room is used up is told so, and its reports go on", func(t *testing.T) {
		photo := picture(3000, 12)
		id := s.record(photo)
		s.S.API.Media.Limits.Organization = 3000
		status, h, raw := s.begin(s.rosa, id, len(photo))
		rig.Want(t, []any{status, code(raw), h.Get("Retry-After")}, []any{507, "no_room", "5"})
		_, v := s.rosa.Create("observations", s.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		s.S.API.Media.Limits.Organization = 1 << 30
		status, _ = s.send(s.rosa, id, photo)
		rig.Want(t, status, 204)
	})
	t.Run("[PHOTO-1] a report has at most twelve photos", func(t *testing.T) {
		report, _ := s.rosa.Create("observations", s.Observation(""))
		var last wire.Verdict
		for i := range 13 {
			_, last = s.rosa.Create("attachments", about("observation", report, picture(1000, uint64(100+i))))
			rig.Want(t, last.Verdict == wire.Applied, i < 12)
		}
		rig.Want(t, last.Code, wire.CodeInvalid)
	})
}

func TestWebP(t *testing.T) {
	chunk := func(name, body string) string {
		n := len(body)
		if n%2 == 1 {
			body += "\x00"
		}
		return name + string([]byte{byte(n), byte(n >> 8), 0, 0}) + body
	}
	file := func(chunks ...string) string {
		body := "WEBP" + strings.Join(chunks, "")
		return "RIFF" + string([]byte{byte(len(body)), byte(len(body) >> 8), 0, 0}) + body
	}
	drawn := chunk("VP8 ", "picture")
	for _, c := range []struct{ name, file, code string }{
		{"a picture", file(drawn), ""},
		{"one with transparency", file(chunk("VP8X", "0123456789"), chunk("ALPH", "x"), drawn), ""},
		{"EXIF", file(drawn, chunk("EXIF", "x")), "photo_has_metadata"},
		{"XMP", file(drawn, chunk("XMP ", "x")), "photo_has_metadata"},
		{"a colour profile", file(chunk("ICCP", "x"), drawn), "photo_has_metadata"},
		{"a chunk of its own", file(drawn, chunk("mine", "x")), "photo_has_metadata"},
		{"a second picture", file(drawn, drawn), "photo_has_metadata"},
		{"a byte behind", file(drawn) + "x", "photo_has_metadata"},
		{"nothing drawn", file(chunk("ALPH", "x")), "photo_differs"},
		{"cut", file(drawn)[:18], "photo_differs"},
		{"a JPEG", string(picture(100, 1)), "photo_differs"},
	} {
		t.Run("[PHOTO-3] [R13] a WebP is a picture and nothing else: "+c.name, func(t *testing.T) {
			err := media.Bare(strings.NewReader(c.file), "image/webp")
			if got, _, _ := strings.Cut(fmt.Sprint(err), ":"); c.code == "" && err != nil || c.code != "" && got != c.code {
				t.Errorf("%v, want %q", err, c.code)
			}
		})
	}
}
