package media_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// picture is a bare JPEG in form: what its scan draws is noise.
func picture(size int, seed uint64) []byte {
	b := []byte("\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" +
		"\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x01\x01\x11\x00\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00")
	noise := rand.New(rand.NewPCG(seed, 1))
	for len(b) < size-2 {
		b = append(b, byte(noise.IntN(255))) // never FF
	}
	return append(b, 0xFF, 0xD9)
}

// with puts a segment behind the first two bytes.
func with(picture []byte, marker byte, body string) []byte {
	n := len(body) + 2
	return slices.Concat(picture[:2], []byte{0xFF, marker, byte(n >> 8), byte(n)}, []byte(body), picture[2:])
}

func sum(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

// site is an installation whose outreach takes photos.
type site struct {
	*rig.Rig
	ngo, hotel, stop string
	rosa, keisha     *rig.Device
	report           string
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{Rig: rig.New(t)}
	s.ngo = s.Make("organizations", map[string]any{"name": "Outreach", "allows": []string{"photos"}})
	s.hotel = s.Organization("Hotel")
	s.stop = s.Site("Stop", s.hotel, s.ngo)
	s.rosa, s.keisha = s.Enroll(access.Worker, s.ngo), s.Enroll(access.Coordinator, s.ngo)
	id, v := s.rosa.Create("observations", s.Observation(s.stop))
	rig.Want(t, v.Verdict, wire.Applied)
	s.report = id
	return s
}

// about is the record of a photo.
func about(field, report string, photo []byte) map[string]any {
	return map[string]any{field: report, "kind": "vehicle", "type": "image/jpeg", "bytes": len(photo), "sha256": sum(photo), "raw_sha256": sum([]byte("raw"))}
}

// record pushes the record of a photo of Rosa's report.
func (s *site) record(photo []byte) string {
	s.T.Helper()
	id, v := s.rosa.Create("attachments", about("observation", s.report, photo))
	rig.Want(s.T, v.Verdict, wire.Applied)
	return id
}

// ask sends a request of tus and gives status, headers and body.
func (s *site) ask(method, path, token string, body io.Reader, header map[string]string) (int, http.Header, string) {
	s.T.Helper()
	req, err := http.NewRequest(method, s.URL+path, body)
	if err != nil {
		s.T.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
		if v == "" {
			req.Header.Del(k)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.T.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

func (s *site) begin(d *rig.Device, id string, length int) (int, http.Header, string) {
	s.T.Helper()
	return s.ask(http.MethodPost, media.Path, d.Token, nil, map[string]string{"Upload-Length": strconv.Itoa(length),
		"Upload-Metadata": "name eA==,attachment " + base64.StdEncoding.EncodeToString([]byte(id))})
}

func (s *site) patch(d *rig.Device, id string, offset int, piece []byte) (int, http.Header, string) {
	s.T.Helper()
	return s.ask(http.MethodPatch, media.Path+"/"+id, d.Token, bytes.NewReader(piece),
		map[string]string{"Upload-Offset": strconv.Itoa(offset), "Content-Type": "application/offset+octet-stream"})
}

func (s *site) head(d *rig.Device, id string) (int, string) {
	s.T.Helper()
	status, h, _ := s.ask(http.MethodHead, media.Path+"/"+id, d.Token, nil, nil)
	return status, h.Get("Upload-Offset")
}

// at is the answer of head in one text.
func (s *site) at(d *rig.Device, id string) string {
	s.T.Helper()
	status, offset := s.head(d, id)
	return fmt.Sprint(status, " ", offset)
}

func (s *site) get(d *rig.Device, id string) (int, http.Header, string) {
	s.T.Helper()
	return s.ask(http.MethodGet, media.Path+"/"+id, d.Token, nil, map[string]string{"Tus-Resumable": ""})
}

// send uploads a photo whole.
func (s *site) send(d *rig.Device, id string, photo []byte) (int, string) {
	s.T.Helper()
	if status, _, raw := s.begin(d, id, len(photo)); status != http.StatusCreated {
		return status, raw
	}
	status, _, raw := s.patch(d, id, 0, photo)
	return status, raw
}

// kept names the whole photos in the data folder, and uploads those that are
// not whole.
func (s *site) kept() []string { return s.files("media") }

func (s *site) uploads() []string { return s.files("uploads") }

func (s *site) files(folder string) []string {
	s.T.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(s.Dir, folder), func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, d.Name())
		}
		return nil
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return names
}

func (s *site) stored(id string) bool {
	s.T.Helper()
	a, err := s.S.Store.Attachment(id)
	if err != nil {
		s.T.Fatal(err)
	}
	return a != nil && a.Stored
}

func code(raw string) string {
	_, rest, _ := strings.Cut(raw, `"code":"`)
	word, _, _ := strings.Cut(rest, `"`)
	return word
}

func TestUpload(t *testing.T) {
	s := newSite(t)
	t.Run("[PHOTO-2] OPTIONS says what is spoken, to anybody", func(t *testing.T) {
		status, h, _ := s.ask(http.MethodOptions, media.Path, "", nil, map[string]string{"Tus-Resumable": ""})
		rig.Want(t, []any{status, h.Get("Tus-Resumable"), h.Get("Tus-Version"), h.Get("Tus-Extension"), h.Get("Tus-Max-Size")}, []any{204, "1.0.0", "1.0.0", "creation", "26214400"})
	})
	t.Run("[PHOTO-1] [PHOTO-2] [R13] the record goes first, then its bytes in pieces, and the coordinator gets them as a file", func(t *testing.T) {
		photo := picture(5000, 1)
		id := rig.ID()
		status, _, raw := s.begin(s.rosa, id, len(photo))
		rig.Want(t, []any{status, code(raw)}, []any{404, "not_found"})
		id = s.record(photo)
		rig.Want(t, s.at(s.rosa, id), "404 ")
		status, h, _ := s.begin(s.rosa, id, len(photo))
		rig.Want(t, []any{status, h.Get("Location"), h.Get("Tus-Resumable")}, []any{201, media.Path + "/" + id, "1.0.0"})
		status, h, _ = s.patch(s.rosa, id, 0, photo[:2000])
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Tus-Resumable")}, []any{204, "2000", "1.0.0"})
		status, _, _ = s.get(s.keisha, id)
		rig.Want(t, []any{status, s.stored(id)}, []any{404, false})
		s.keisha.Fresh()
		status, h, _ = s.ask(http.MethodHead, media.Path+"/"+id, s.rosa.Token, nil, nil)
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Upload-Length"), h.Get("Cache-Control"), h.Get("Fieldpost-Seq")}, []any{200, "2000", "5000", "no-store", ""})
		// A client that can send no PATCH.
		status, h, _ = s.ask(http.MethodPost, media.Path+"/"+id, s.rosa.Token, bytes.NewReader(photo[2000:]),
			map[string]string{"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "2000", "Content-Type": "application/offset+octet-stream"})
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Fieldpost-Seq"), s.stored(id)}, []any{204, "5000", fmt.Sprint(s.Entries()), true})
		status, h, raw = s.get(s.keisha, id)
		rig.Want(t, []any{status, raw == string(photo)}, []any{200, true})
		rig.Want(t, []any{h.Get("Content-Type"), h.Get("Content-Disposition"), h.Get("X-Content-Type-Options"), h.Get("Content-Security-Policy"), h.Get("Cache-Control")},
			[]any{"image/jpeg", `attachment; filename="` + id + `.jpeg"`, "nosniff", "default-src 'none'; sandbox; frame-ancestors 'none'", "private, no-store"})
		rig.Want(t, []any{s.kept(), s.uploads()}, []any{[]string{sum(photo)}, []string(nil)})
		changes := s.keisha.Pull()
		rig.Want(t, len(changes), 1)
		if !strings.Contains(string(changes[0].Record), `"stored":"20`) {
			t.Errorf("the board is not told: %s", changes[0].Record)
		}
		rig.Want(t, s.at(s.rosa, id), "200 5000")
		status, h, _ = s.patch(s.rosa, id, 2000, photo[2000:])
		rig.Want(t, []any{status, h.Get("Upload-Offset")}, []any{409, "5000"})
	})
	t.Run("[PHOTO-2] what tus refuses is refused with its status and a code, and costs nothing", func(t *testing.T) {
		photo := picture(4000, 2)
		id := s.record(photo)
		rig.Want(t, first(s.begin(s.rosa, id, len(photo))), 201)
		rig.Want(t, first(s.patch(s.rosa, id, 0, photo[:1000])), 204)
		type h = map[string]string
		good := h{"Upload-Offset": "1000", "Content-Type": "application/offset+octet-stream"}
		bend := func(k, v string) h { x := maps.Clone(good); x[k] = v; return x }
		for _, c := range []struct {
			method, path string
			header       h
			body         []byte
			status       int
			code         string
		}{
			{http.MethodPatch, "/" + id, bend("Tus-Resumable", ""), photo[1000:], 412, "tus_version"},
			{http.MethodPatch, "/" + id, bend("Tus-Resumable", "0.2.2"), photo[1000:], 412, "tus_version"},
			{http.MethodPatch, "/" + id, bend("Content-Type", "application/json"), photo[1000:], 415, "wrong_content_type"},
			{http.MethodPatch, "/" + id, bend("Upload-Offset", "999"), photo[999:], 409, "wrong_offset"},
			{http.MethodPatch, "/" + id, bend("Upload-Offset", "4000"), nil, 409, "wrong_offset"},
			{http.MethodPatch, "/" + id, bend("Upload-Offset", "-1"), photo[1000:], 400, "bad_request"},
			{http.MethodPatch, "/" + id, bend("Upload-Offset", ""), photo[1000:], 400, "bad_request"},
			{http.MethodPatch, "/" + id, good, append(photo[1000:len(photo):len(photo)], 0), 413, "photo_too_large"},
			{http.MethodPatch, "/" + rig.ID(), good, photo[1000:], 404, "not_found"},
			{http.MethodPost, "/" + id, bend("X-HTTP-Method-Override", "DELETE"), nil, 400, "bad_request"},
			{http.MethodPost, "", h{"Upload-Metadata": "attachment !"}, nil, 400, "bad_request"},
			{http.MethodPost, "", h{"Upload-Length": "4000"}, nil, 400, "bad_request"},
			{http.MethodPost, "", h{"Upload-Length": "4000", "Upload-Metadata": "attachment Li4v"}, nil, 400, "bad_request"},
		} {
			status, header, raw := s.ask(c.method, media.Path+c.path, s.rosa.Token, bytes.NewReader(c.body), c.header)
			if status != c.status || code(raw) != c.code || header.Get("Tus-Resumable") != "1.0.0" && c.code != "bad_request" {
				t.Errorf("%s %v: %d %s %v", c.method, c.header, status, raw, header)
			}
		}
		status, _, raw := s.begin(s.rosa, id, 3999)
		rig.Want(t, []any{status, code(raw)}, []any{400, "bad_request"})
		status, _, raw = s.begin(s.rosa, id, 26<<20)
		rig.Want(t, []any{status, code(raw)}, []any{413, "photo_too_large"})
		rig.Want(t, s.at(s.rosa, id), "200 1000")
		rig.Want(t, first(s.patch(s.rosa, id, 1000, photo[1000:])), 204)
		rig.Want(t, s.stored(id), true)
	})
	t.Run("[PHOTO-3] bytes that are not the record's begin anew, however they came", func(t *testing.T) {
		photo := picture(3000, 3)
		id := s.record(photo)
		wrong := bytes.Clone(photo)
		wrong[2000] ^= 1
		before := s.kept()
		status, raw := s.send(s.rosa, id, wrong)
		rig.Want(t, []any{status, code(raw), s.stored(id)}, []any{422, "photo_differs", false})
		rig.Want(t, []any{s.at(s.rosa, id), s.kept(), s.uploads()}, []any{"404 ", before, []string(nil)})
		status, _ = s.send(s.rosa, id, photo)
		rig.Want(t, []any{status, s.stored(id)}, []any{204, true})
	})
	t.Run("[PHOTO-2] [INV-8] a server that stops in the middle goes on where it was, and one that dies before it says so has it whole", func(t *testing.T) {
		photo := picture(6000, 4)
		id := s.record(photo)
		rig.Want(t, first(s.begin(s.rosa, id, len(photo))), 201)
		rig.Want(t, first(s.patch(s.rosa, id, 0, photo[:2500])), 204)
		s.Stop()
		s.Start()
		rig.Want(t, s.at(s.rosa, id), "200 2500")
		// All bytes have come, and then the power went.
		f, err := os.OpenFile(filepath.Join(s.Dir, "uploads", id), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(photo[2500:]); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{s.at(s.rosa, id), s.stored(id)}, []any{"200 6000", true})
	})
}

func first(status int, _ http.Header, _ string) int { return status }

func TestBrokenLink(t *testing.T) {
	s := newSite(t)
	t.Run("[PHOTO-2] what came before a connection broke is kept, and who asks again need not wait for the dead one", func(t *testing.T) {
		photo := picture(400_000, 5)
		id := s.record(photo)
		rig.Want(t, first(s.begin(s.rosa, id, len(photo))), 201)
		// A phone that sends a part and is then silent, its connection open.
		dead, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer dead.Close()
		if _, err := fmt.Fprintf(dead, "PATCH %s/%s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n%s",
			media.Path, id, s.rosa.Token, len(photo), photo[:100_000]); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			if info, err := os.Stat(filepath.Join(s.Dir, "uploads", id)); err == nil && info.Size() == 100_000 {
				break
			}
			if time.Since(begun) > 10*time.Second {
				t.Fatal("the first part did not come")
			}
		}
		asked := time.Now()
		rig.Want(t, s.at(s.rosa, id), "200 100000")
		if took := time.Since(asked); took > 5*time.Second {
			t.Errorf("asking took %v", took)
		}
		// What the dead one sends now comes too late to do harm.
		if _, err := dead.Write(photo[100_000:100_100]); err == nil {
			_, _ = io.ReadAll(io.LimitReader(dead, 1)) // until it is answered or closed
		}
		rig.Want(t, first(s.patch(s.rosa, id, 100_000, photo[100_000:])), 204)
		rig.Want(t, s.stored(id), true)
	})
	t.Run("[PHOTO-2] a connection that sends nothing is given up, and one that sends slowly is not", func(t *testing.T) {
		s.S.API.Media.Limits.Idle = 300 * time.Millisecond
		photo := picture(3000, 6)
		id := s.record(photo)
		rig.Want(t, first(s.begin(s.rosa, id, len(photo))), 201)
		in, out := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, s.URL+media.Path+"/"+id, in)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Authorization": s.rosa.Token, "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} {
			req.Header.Set(k, v)
		}
		go func() {
			for i := range 10 { // three times as long as it may be silent
				time.Sleep(90 * time.Millisecond)
				if _, err := out.Write(photo[i*100 : i*100+100]); err != nil {
					return
				}
			}
		}()
		if res, err := http.DefaultClient.Do(req); err == nil {
			rig.Want(t, res.StatusCode, 400)
			res.Body.Close()
		}
		out.Close()
		rig.Want(t, ctx.Err(), nil)
		rig.Want(t, s.at(s.rosa, id), "200 1000")
	})
}

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
