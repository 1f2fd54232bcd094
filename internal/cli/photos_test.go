package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/media"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

func TestPhotosMissing(t *testing.T) {
	t.Run("[CLI] [PHOTO-5] a photo whose bytes are gone is named, and one that never came is not", func(t *testing.T) {
		r := rig.New(t)
		ngo := r.Make("organizations", map[string]any{"name": "Outreach", "allows": []string{"photos"}})
		site := r.Site("Stop", r.Organization("Hotel"), ngo)
		rosa := r.Enroll(access.Worker, ngo)
		report, _ := rosa.Create("observations", r.Observation(site))
		photo := []byte("\xFF\xD8\xFF\xE0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00" +
			"\xFF\xC0\x00\x0B\x08\x00\x10\x00\x10\x01\x01\x11\x00\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00some noise\xFF\xD9")
		hash := sha256.Sum256(photo)
		sum := hex.EncodeToString(hash[:])
		about := map[string]any{"observation": report, "kind": "vehicle", "type": "image/jpeg", "bytes": len(photo), "sha256": sum}
		id, _ := rosa.Create("attachments", about)
		about["sha256"] = strings.Repeat("0", 64)
		rosa.Create("attachments", about) // its bytes are still on the phone
		ask := func(method, path string, body []byte, header map[string]string) {
			t.Helper()
			req, err := http.NewRequest(method, r.URL+path, bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Tus-Resumable", "1.0.0")
			req.Header.Set("Authorization", rosa.Token)
			for k, v := range header {
				req.Header.Set(k, v)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode >= 300 {
				t.Fatal(method, path, res.Status)
			}
		}
		ask(http.MethodPost, media.Path, nil, map[string]string{"Upload-Length": strconv.Itoa(len(photo)),
			"Upload-Metadata": "attachment " + base64.StdEncoding.EncodeToString([]byte(id))})
		ask(http.MethodPatch, media.Path+"/"+id, photo, map[string]string{"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"})

		out, code := besideRig(t, r, photosCommand, "missing")
		rig.Want(t, []any{out, code}, []any{"All 1 photos are here.\n", ExitOK})
		// Cut short counts too.
		file := filepath.Join(r.Dir, "media", sum[:2], sum)
		if err := os.Truncate(file, 10); err != nil {
			t.Fatal(err)
		}
		out, code = besideRig(t, r, photosCommand, "missing")
		rig.Want(t, []any{out, code}, []any{id + "\n1 of 1 photos have no bytes here", ExitAttention})
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		out, code = besideRig(t, r, photosCommand, "missing", "--json")
		var said struct {
			Photos  int      `json:"photos"`
			Missing []string `json:"missing"`
		}
		if err := json.NewDecoder(strings.NewReader(out)).Decode(&said); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, []any{said.Photos, said.Missing, code}, []any{1, []string{id}, ExitAttention})
	})
}
