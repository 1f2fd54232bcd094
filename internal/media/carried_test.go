package media_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/seal"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// parcel is a photo as it lies beside a locked vault: sealed bytes, and what its
// device has signed of it.
type parcel struct {
	name, header string
	bytes        []byte
}

var parcelKey = bytes.Repeat([]byte{7}, 32)

// sealedPhoto seals as a device does: filled to a step of 64 KiB, a nonce before.
func sealedPhoto(t testing.TB, photo []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(parcelKey)
	if err != nil {
		t.Fatal(err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := bytes.Repeat([]byte{1}, 12)
	return box.Seal(nonce, nonce, append(bytes.Clone(photo), make([]byte, (64<<10-len(photo)%(64<<10))%(64<<10))...), nil)
}

// parcel makes what the device d leaves of an attachment's photo, for an
// installation's key.
func (s *site) parcel(d *rig.Device, sealKey, attachment string, photo []byte) parcel {
	s.T.Helper()
	p := parcel{name: rig.ID(), bytes: sealedPhoto(s.T, photo)}
	text, err := json.Marshal(map[string]string{"attachment": attachment, "key": base64.RawURLEncoding.EncodeToString(parcelKey)})
	if err != nil {
		s.T.Fatal(err)
	}
	sealed, err := seal.SealFor(sealKey, "photo:"+d.ID+":"+p.name, text)
	if err != nil {
		s.T.Fatal(err)
	}
	head := d.ID + "." + p.name + "." + sealed
	p.header = head + "." + d.Sign("fieldpost-photo-v1\n"+head)
	return p
}

// carry asks with the token of d about a parcel of somebody else's.
func (s *site) carry(d *rig.Device, method string, p parcel, header map[string]string, body []byte) (int, http.Header, string) {
	s.T.Helper()
	h := map[string]string{media.CarriedHeader: p.header}
	for k, v := range header {
		h[k] = v
	}
	path := media.Path
	if method != http.MethodPost {
		path += "/" + p.name
	}
	return s.ask(method, path, d.Token, bytes.NewReader(body), h)
}

func (s *site) beginCarried(d *rig.Device, p parcel) (int, http.Header, string) {
	s.T.Helper()
	return s.carry(d, http.MethodPost, p, map[string]string{"Upload-Length": strconv.Itoa(len(p.bytes)),
		"Upload-Metadata": "attachment " + base64.StdEncoding.EncodeToString([]byte(p.name))}, nil)
}

func (s *site) patchCarried(d *rig.Device, p parcel, from, to int) (int, http.Header, string) {
	s.T.Helper()
	return s.carry(d, http.MethodPatch, p, map[string]string{"Upload-Offset": strconv.Itoa(from), "Content-Type": "application/offset+octet-stream"}, p.bytes[from:to])
}

// deliver carries a parcel whole.
func (s *site) deliver(d *rig.Device, p parcel) (int, string) {
	s.T.Helper()
	if status, _, raw := s.beginCarried(d, p); status != http.StatusCreated {
		return status, code(raw)
	}
	status, _, raw := s.patchCarried(d, p, 0, len(p.bytes))
	return status, code(raw)
}

func TestCarried(t *testing.T) {
	s := newSite(t)
	key := s.S.Key.SealKey()
	lee := s.Enroll(access.Worker, s.ngo)          // signed in on Rosa's tablet
	dee := s.Enroll(access.Staff, s.hotel, s.stop) // so is she, another night
	t.Run("[PHOTO-7] [R12] what Rosa's locked vault holds goes up in pieces through others, and is hers", func(t *testing.T) {
		photo := picture(150_000, 31)
		id := s.record(photo)
		p := s.parcel(s.rosa, key, id, photo)
		rig.Want(t, len(p.bytes), 12+3*64<<10+16)
		rig.Want(t, first(s.carry(lee, http.MethodHead, p, nil, nil)), 404)
		status, h, _ := s.beginCarried(lee, p)
		rig.Want(t, []any{status, h.Get("Location")}, []any{201, media.Path + "/" + p.name})
		rig.Want(t, first(s.patchCarried(lee, p, 0, 90_000)), 204)
		// The server is killed, and another person goes on.
		s.Stop()
		s.Start()
		rig.Want(t, s.uploads(), []string{id + ".sealed"})
		status, h, _ = s.carry(dee, http.MethodHead, p, nil, nil)
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Upload-Length"), h.Get("Fieldpost-Seq")}, []any{200, "90000", strconv.Itoa(len(p.bytes)), ""})
		status, h, _ = s.patchCarried(dee, p, 90_000, len(p.bytes))
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Fieldpost-Seq")}, []any{204, strconv.Itoa(len(p.bytes)), ""})
		rig.Want(t, []any{s.stored(id), s.uploads()}, []any{true, []string(nil)})
		status, _, raw := s.get(s.keisha, id)
		rig.Want(t, []any{status, raw == string(photo)}, []any{200, true})
		// Who carried it may not see it, and once more does no harm.
		rig.Want(t, []any{first(s.get(lee, id)), first(s.get(dee, id))}, []any{404, 404})
		status, h, _ = s.carry(lee, http.MethodHead, p, nil, nil)
		rig.Want(t, []any{status, h.Get("Upload-Offset")}, []any{200, strconv.Itoa(len(p.bytes))})
		r, err := s.App.FindRecordById("attachments", id)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, r.GetString("author"), s.rosa.User.ID)
		// Rosa comes back: hers asks, and is told that it is there.
		status, h, _ = s.ask(http.MethodHead, media.Path+"/"+id, s.rosa.Token, nil, nil)
		rig.Want(t, []any{status, h.Get("Upload-Offset"), h.Get("Fieldpost-Seq") != ""}, []any{200, "150000", true})
	})
	t.Run("[PHOTO-7] [INV-8] a power cut after the last byte leaves it to be finished, and the opened picture does not stay", func(t *testing.T) {
		photo := picture(3000, 32)
		id := s.record(photo)
		p := s.parcel(s.rosa, key, id, photo)
		rig.Want(t, first(s.beginCarried(lee, p)), 201)
		for name, b := range map[string][]byte{id + ".sealed": p.bytes, id + ".opened": photo[:100]} {
			if err := os.WriteFile(filepath.Join(s.Dir, "uploads", name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		rig.Want(t, first(s.carry(lee, http.MethodHead, p, nil, nil)), 200)
		rig.Want(t, []any{s.stored(id), s.uploads()}, []any{true, []string(nil)})
	})
	t.Run("[PHOTO-7] [R9] a photo of staff is carried by whoever is there, and still nobody is named", func(t *testing.T) {
		list, err := s.App.FindFirstRecordByData("checklists", "key", "hotel_front")
		if err != nil {
			t.Fatal(err)
		}
		report, _ := dee.Create("submissions", map[string]any{"checklist": list.Id, "version": list.GetInt("version"), "site": s.stop, "event_time": "2026-01-11T04:55:00.000Z", "answers": map[string]any{"hotel_front.01": "yes"}})
		photo := picture(2000, 33)
		id, v := dee.Create("attachments", about("submission", report, photo))
		rig.Want(t, v.Verdict, wire.Applied)
		status, _ := s.deliver(s.rosa, s.parcel(dee, key, id, photo))
		rig.Want(t, []any{status, s.stored(id)}, []any{204, true})
		r, err := s.App.FindRecordById("attachments", id)
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, r.GetString("author"), "")
	})
	t.Run("[PHOTO-7] [ACCESS] what does not fit is refused with a code, and leaves nothing", func(t *testing.T) {
		photo, kept := picture(2000, 34), len(s.kept())
		id := s.record(photo)
		good := s.parcel(s.rosa, key, id, photo)
		bend := func(change func(p *parcel)) parcel { p := good; change(&p); return p }
		words := strings.Split(good.header, ".")
		forged := s.parcel(lee, key, id, photo)
		stranger := seal.FromSeed([]byte("another installation"))
		other := s.Enroll(access.Worker, s.ngo)
		for name, c := range map[string]struct {
			by     *rig.Device
			p      parcel
			status int
			code   fault.Code
		}{
			"another's bytes under the author's record": {lee, s.parcel(s.rosa, key, id, picture(2000, 35)), 422, fault.PhotoDiffers},
			"bytes that were changed on the way":        {lee, bend(func(p *parcel) { p.bytes = bytes.Clone(p.bytes); p.bytes[500] ^= 1 }), 422, fault.PhotoDiffers},
			"signed by who carries it":                  {lee, forged, 404, fault.NotFound},
			"signed by who is another author":           {s.rosa, s.parcel(other, key, id, photo), 404, fault.NotFound},
			"signed by another than the device it names": {lee, bend(func(p *parcel) {
				p.header = strings.Join(words[:3], ".") + "." + lee.Sign("fieldpost-photo-v1\n"+strings.Join(words[:3], "."))
			}), 403, fault.BadSignature},
			"of a device that is not known": {lee, bend(func(p *parcel) { p.header = rig.ID() + "." + strings.Join(words[1:], ".") }), 403, fault.BadSignature},
			"of another installation":       {lee, s.parcel(s.rosa, stranger.SealKey(), id, photo), 400, fault.BadRequest},
			"under another name":            {lee, bend(func(p *parcel) { p.name = rig.ID() }), 400, fault.BadRequest},
			"cut off":                       {lee, bend(func(p *parcel) { p.header = p.header[:20] }), 400, fault.BadRequest},
			"whose record is not here":      {lee, s.parcel(s.rosa, key, rig.ID(), photo), 404, fault.NotFound},
			"as long as the picture":        {lee, bend(func(p *parcel) { p.bytes = photo }), 400, fault.BadRequest},
			"longer than any photo":         {lee, bend(func(p *parcel) { p.bytes = make([]byte, 26<<20) }), 413, fault.PhotoTooLarge},
		} {
			status, code := s.deliver(c.by, c.p)
			if status != c.status || code != string(c.code) || s.stored(id) {
				t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
			}
		}
		rig.Want(t, []any{len(s.kept()), s.uploads()}, []any{kept, []string(nil)})
		s.S.API.Media.Limits.Organization = 1
		status, code := s.deliver(lee, good)
		s.S.API.Media.Limits.Organization = media.DefaultLimits.Organization
		rig.Want(t, []any{status, code}, []any{507, "no_room"})
		status, _, _ = s.ask(http.MethodPost, media.Path, "", nil, map[string]string{media.CarriedHeader: good.header})
		rig.Want(t, status, 401)
		// The control: the same is taken as it was made.
		status, _ = s.deliver(lee, good)
		rig.Want(t, []any{status, s.stored(id)}, []any{204, true})
	})
	t.Run("[PHOTO-7] [R13] metadata does not get in sealed", func(t *testing.T) {
		chatty := with(picture(2000, 36), 0xE1, "Exif\x00\x00GPS")
		id := s.record(chatty)
		status, code := s.deliver(lee, s.parcel(s.rosa, key, id, chatty))
		rig.Want(t, []any{status, code, s.stored(id), s.uploads()}, []any{422, "photo_has_metadata", false, []string(nil)})
	})
	t.Run("[PHOTO-5] [PHOTO-7] what came sealed goes with its record, and after 30 days of nothing", func(t *testing.T) {
		photo, forgotten := picture(2000, 37), picture(2000, 38)
		id, late := s.record(photo), s.record(forgotten)
		for attachment, b := range map[string][]byte{id: photo, late: forgotten} {
			p := s.parcel(s.rosa, key, attachment, b)
			rig.Want(t, first(s.beginCarried(lee, p)), 201)
			rig.Want(t, first(s.patchCarried(lee, p, 0, 1000)), 204)
		}
		s.keisha.Fresh()
		rig.Want(t, s.keisha.Do(rig.Delete("attachments", id, s.Entries())).Verdict, wire.Applied)
		for begun := time.Now(); len(s.uploads()) > 1; time.Sleep(5 * time.Millisecond) {
			if time.Since(begun) > 5*time.Second {
				t.Fatalf("still here: %v", s.uploads())
			}
		}
		rig.Want(t, s.uploads(), []string{late + ".sealed"})
		s.Clock.Add(31 * 24 * time.Hour)
		if err := s.S.API.Media.Sweep(); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, s.uploads(), []string(nil))
	})
}
