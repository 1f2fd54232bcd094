package media_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/media"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

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
