package media_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/media"
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

func first(status int, _ http.Header, _ string) int { return status }
