package httpapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fieldpost/fieldpost/internal/access"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// aPicture is a JPEG in form, of 1 by 1.
const aPicture = "\xFF\xD8\xFF\xC0\x00\x0B\x08\x00\x01\x00\x01\x01\x01\x11\x00\xFF\xDA\x00\x08\x01\x01\x00\x00\x3F\x00drawn\xFF\xD9"

// photos is tus, and reading what came by it.
func (c *contract) photos(e *edge) {
	e.T.Helper()
	const files, file = "/api/sync/files", "/api/sync/files/{id}"
	r, err := e.App.FindRecordById("organizations", e.ngo)
	if err != nil {
		e.T.Fatal(err)
	}
	r.Set("allows", []string{"photos"})
	if err := e.App.Save(r); err != nil {
		e.T.Fatal(err)
	}
	d := e.worker
	report, v := d.Create("observations", e.Observation(e.site))
	rig.Want(e.T, v.Verdict, wire.Applied)
	record := func(photo string) string {
		e.T.Helper()
		sum := sha256.Sum256([]byte(photo))
		id, v := d.Create("attachments", map[string]any{"observation": report, "kind": "place", "type": "image/jpeg", "bytes": len(photo), "sha256": hex.EncodeToString(sum[:])})
		rig.Want(e.T, v.Verdict, wire.Applied)
		return id
	}
	try := func(method, path, id, token, body string, header map[string]string, status int, code string) {
		e.T.Helper()
		h := map[string]string{"Tus-Resumable": "1.0.0"}
		if method == http.MethodPatch || path == file && method == http.MethodPost {
			h["Content-Type"] = "application/offset+octet-stream"
			h["X-HTTP-Method-Override"] = "PATCH"
		}
		maps.Copy(h, header)
		a := e.send(method, strings.Replace(path, "{id}", id, 1), token, bytes.NewReader([]byte(body)), h)
		if got, _ := a.body["code"].(string); a.status != status || got != code {
			e.T.Errorf("%s %s: %d %s, want %d %s: %.300s", method, path, a.status, got, status, code, a.raw)
		}
		if code != "" {
			c.answer(method, path, a)
			return
		}
		c.seen[fmt.Sprint(method, " ", path, " ", status)] = true
		for name := range headersOf(c, method, path, status) {
			if a.header.Get(name) == "" {
				e.T.Errorf("%s %s %d: no %s", method, path, status, name)
			}
		}
	}
	named := func(id string, length int) map[string]string {
		return map[string]string{"Upload-Length": strconv.Itoa(length), "Upload-Metadata": "attachment " + base64.StdEncoding.EncodeToString([]byte(id))}
	}
	at := func(offset int) map[string]string { return map[string]string{"Upload-Offset": strconv.Itoa(offset)} }
	past := e.token(e.keisha.User.ID, jwt.MapClaims{"device": e.keisha.ID, "exp": time.Now().Add(-time.Minute).Unix()})
	_, password := e.password(access.Coordinator)
	out := e.Enroll(access.Worker, e.ngo)
	e.revoke(out.ID)
	none := rig.ID()

	try(http.MethodOptions, files, "", "", "", nil, 204, "")
	id := record(aPicture)
	begin := named(id, len(aPicture))
	for token, want := range map[string]string{"": "401 unauthenticated", past: "401 token_expired", password: "403 not_allowed", out.Token: "403 device_revoked"} {
		status, code, _ := strings.Cut(want, " ")
		n, err := strconv.Atoi(status)
		if err != nil {
			e.T.Fatal(err)
		}
		try(http.MethodPost, files, "", token, "", begin, n, code)
		try(http.MethodHead, file, id, token, "", nil, n, "")
		try(http.MethodPatch, file, id, token, "", at(0), n, code)
		try(http.MethodPost, file, id, token, "", at(0), n, code)
		if token != password {
			try(http.MethodGet, file, id, token, "", nil, n, code)
		}
	}
	old := map[string]string{"Tus-Resumable": "0.2.2"}
	try(http.MethodPost, files, "", d.Token, "", map[string]string{"Upload-Length": "x"}, 400, "bad_request")
	try(http.MethodPost, files, "", d.Token, "", named(none, 5), 404, "not_found")
	try(http.MethodPost, files, "", d.Token, "", old, 412, "tus_version")
	carried := map[string]string{"Upload-Offset": "0", "Fieldpost-Carried": d.ID + "." + none + ".x.x"}
	maps.Copy(carried, named(none, 5))
	try(http.MethodPost, files, "", d.Token, "", carried, 403, "bad_signature")
	try(http.MethodHead, file, none, d.Token, "", carried, 403, "")
	try(http.MethodPatch, file, none, d.Token, "", carried, 403, "bad_signature")
	try(http.MethodPost, file, none, d.Token, "", carried, 403, "bad_signature")
	try(http.MethodPost, files, "", d.Token, "", named(id, 26<<20), 413, "photo_too_large")
	room := e.S.API.Media.Limits.Organization
	e.S.API.Media.Limits.Organization = 1
	try(http.MethodPost, files, "", d.Token, "", begin, 507, "no_room")
	e.S.API.Media.Limits.Organization = room
	e.without("attachments", func() { try(http.MethodPost, files, "", d.Token, "", begin, 500, "internal") })
	try(http.MethodHead, file, id, d.Token, "", nil, 404, "")
	try(http.MethodPost, files, "", d.Token, "", begin, 201, "")
	try(http.MethodHead, file, id, d.Token, "", nil, 200, "")
	try(http.MethodHead, file, id, d.Token, "", old, 412, "")
	for _, method := range []string{http.MethodPatch, http.MethodPost} {
		id := record(aPicture[:len(aPicture)-2] + method + "\xFF\xD9")
		photo := aPicture[:len(aPicture)-2] + method + "\xFF\xD9"
		begin := named(id, len(photo))
		try(http.MethodPost, files, "", d.Token, "", begin, 201, "")
		try(method, file, id, d.Token, "", nil, 400, "bad_request")
		try(method, file, none, d.Token, "", at(0), 404, "not_found")
		try(method, file, id, d.Token, "", at(3), 409, "wrong_offset")
		try(method, file, id, d.Token, "", map[string]string{"Upload-Offset": "0", "Tus-Resumable": "0"}, 412, "tus_version")
		try(method, file, id, d.Token, photo+"more", at(0), 413, "photo_too_large")
		try(method, file, id, d.Token, photo, map[string]string{"Upload-Offset": "0", "Content-Type": "text/plain"}, 415, "wrong_content_type")
		e.without("attachments", func() { try(method, file, id, d.Token, photo, at(0), 500, "internal") })
		try(method, file, id, d.Token, strings.Repeat("x", len(photo)), at(0), 422, "photo_differs")
		chatty := photo + method
		other := record(chatty)
		try(http.MethodPost, files, "", d.Token, "", named(other, len(chatty)), 201, "")
		try(method, file, other, d.Token, chatty, at(0), 422, "photo_has_metadata")
		try(http.MethodPost, files, "", d.Token, "", begin, 201, "")
		try(method, file, id, d.Token, photo, at(0), 204, "")
	}
	try(http.MethodGet, file, id, d.Token, "", nil, 404, "not_found")
	try(http.MethodPatch, file, id, d.Token, aPicture, at(0), 204, "")
	e.without("attachments", func() { try(http.MethodGet, file, id, d.Token, "", nil, 500, "internal") })
	try(http.MethodGet, file, id, d.Token, "", nil, 200, "")
	try(http.MethodGet, file, id, password, "", nil, 200, "")
}

// headersOf are the headers that the document promises of an answer.
func headersOf(c *contract, method, path string, status int) map[string]any {
	h, _ := member(c.doc, "paths", path, strings.ToLower(method), "responses", fmt.Sprint(status), "headers").(map[string]any)
	return h
}
