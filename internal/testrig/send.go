package testrig

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"

	"github.com/fieldpost/fieldpost/internal/records"
)

// Post sends JSON and decodes the answer, whatever its status.
func (r *Rig) Post(token, path string, body, into any) int {
	r.T.Helper()
	return r.Send(http.MethodPost, token, path, body, into)
}

// Send sends a request with a JSON body (or raw []byte) and decodes the answer.
// A superuser's token goes where alone it is taken, to the other listener.
func (r *Rig) Send(method, token, path string, body, into any) int {
	r.T.Helper()
	return r.SendTo(r.For(token, path), method, token, path, body, into)
}

// For gives the listener that takes a token for a path: superusers have
// PocketBase's own, and nothing of ours.
func (r *Rig) For(token, path string) string {
	if len(token) > 7 && strings.EqualFold(token[:7], "Bearer ") {
		token = token[7:]
	}
	claims, err := security.ParseUnverifiedJWT(token)
	if err == nil && claims[core.TokenClaimCollectionId] == superusers && !strings.HasPrefix(path, "/api/sync/") {
		return r.Admin
	}
	return r.URL
}

// superusers is the id that PocketBase gives their collection.
const superusers = "pbc_3142635823"

// SendTo is Send to one of the listeners.
func (r *Rig) SendTo(url, method, token, path string, body, into any) int {
	r.T.Helper()
	raw, ok := body.([]byte)
	if !ok && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			r.T.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, url+path, bytes.NewReader(raw))
	if err != nil {
		r.T.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	if into != nil && len(answer) > 0 {
		if err := json.Unmarshal(answer, into); err != nil {
			r.T.Fatalf("%s %s: %d %s", method, path, res.StatusCode, answer)
		}
	}
	return res.StatusCode
}

// Password gives the token of a session, as the web's sign-in does: of no
// device.
func (r *Rig) Password(person string) (token string) {
	r.T.Helper()
	err := r.S.Store.TransactPeople(func(tx *records.People) (err error) {
		token, _, err = tx.BeginSession(person, "password", "Firefox, Linux")
		return err
	})
	if err != nil {
		r.T.Fatal(err)
	}
	return token
}

// routes walks a router and gives "METHOD /path" of all that is registered.
// PocketBase shows nobody its routes, so this reads what it keeps to itself.
func routes(group reflect.Value, prefix string) []string {
	prefix += group.FieldByName("Prefix").String()
	var all []string
	children := group.FieldByName("children")
	for i := range children.Len() {
		child := children.Index(i).Elem().Elem()
		if child.FieldByName("children").IsValid() {
			all = append(all, routes(child, prefix)...)
			continue
		}
		all = append(all, strings.TrimSpace(child.FieldByName("Method").String()+" "+prefix+child.FieldByName("Path").String()))
	}
	return all
}
