package httpapi_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// contract is openapi.json, closed: a member that it does not name is a fault,
// though clients are to ignore such.
type contract struct {
	t        *testing.T
	doc      map[string]any
	compiler *jsonschema.Compiler
	seen     map[string]bool // "POST /path 403 code"
}

func newContract(t *testing.T) *contract {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(httpapi.OpenAPI))
	if err != nil {
		t.Fatal(err)
	}
	shut(doc)
	c := &contract{t: t, doc: doc.(map[string]any), compiler: jsonschema.NewCompiler(), seen: map[string]bool{}}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	if err := c.compiler.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// shut closes every object that names its members, but not what only adds to
// another schema.
func shut(v any) {
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			shut(e)
		}
	case map[string]any:
		if _, named := x["properties"]; named && x["type"] == "object" && x["additionalProperties"] == nil {
			x["additionalProperties"] = false
		}
		for _, e := range x {
			shut(e)
		}
	}
}

// member goes down the document.
func member(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

func list(v any, path ...string) []any { l, _ := member(v, path...).([]any); return l }

// holds fails unless a JSON text fits the schema at a place of the document.
func (c *contract) holds(what string, raw []byte, place ...string) {
	c.t.Helper()
	for i, p := range place {
		place[i] = strings.ReplaceAll(strings.ReplaceAll(p, "~", "~0"), "/", "~1")
	}
	schema, err := c.compiler.Compile("openapi.json#/" + strings.Join(place, "/"))
	if err != nil {
		c.t.Fatalf("%s: %v", what, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		c.t.Fatalf("%s: %v in %s", what, err, raw)
	}
	if err := schema.Validate(v); err != nil {
		c.t.Errorf("%s: %v\n%.600s", what, err, raw)
	}
}

// answer holds an answer of the server against the document.
func (c *contract) answer(method, path string, a answer) {
	c.t.Helper()
	code, _ := a.body["code"].(string)
	what := strings.TrimSpace(fmt.Sprintf("%s %s %d %s", method, path, a.status, code))
	c.seen[what] = true
	response := []string{"paths", path, strings.ToLower(method), "responses", fmt.Sprint(a.status)}
	if member(c.doc, response...) == nil {
		c.t.Errorf("%s is not in the document: %.300s", what, a.raw)
		return
	}
	c.holds(what, a.raw, append(response, "content", "application/json", "schema")...)
	promised := member(c.doc, append(response, "headers", "Retry-After")...) != nil
	if promised != (a.header.Get("Retry-After") != "") || a.header.Get("Content-Type") != "application/json" {
		c.t.Errorf("%s: headers %v", what, a.header)
	}
}

// promised lists what the document says may come, as in seen.
func (c *contract) promised() []string {
	var all []string
	for path, methods := range c.doc["paths"].(map[string]any) {
		for method, op := range methods.(map[string]any) {
			for _, need := range list(op, "security") {
				for scheme := range need.(map[string]any) {
					if member(c.doc, "components", "securitySchemes", scheme) == nil {
						c.t.Errorf("%s: no such security scheme %s", path, scheme)
					}
				}
			}
			for status, r := range member(op, "responses").(map[string]any) {
				name := strings.ToUpper(method) + " " + path + " " + status
				parts, _ := member(r, "content", "application/json", "schema", "allOf").([]any)
				if len(parts) == 0 {
					all = append(all, name)
					continue
				}
				for _, code := range member(parts[1], "properties", "code", "enum").([]any) {
					all = append(all, fmt.Sprint(name, " ", code))
				}
			}
		}
	}
	return all
}

// exampleKey is the private half of the key in the document's examples.
func exampleKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("the key of the examples"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestOpenAPI(t *testing.T) {
	c := newContract(t)
	t.Run("[DOC] openapi.json is served to anybody, and is OpenAPI 3.1", func(t *testing.T) {
		e := newEdge(t)
		a := e.send(http.MethodGet, "/api/sync/openapi.json", "", nil, nil)
		c.answer(http.MethodGet, "/api/sync/openapi.json", a)
		rig.Want(t, a.body["openapi"], "3.1.0")
	})
	t.Run("[DOC] its codes, statuses and retries are the register's", func(t *testing.T) {
		codes := fault.Codes()
		for _, name := range c.promised() {
			parts := strings.Fields(name)
			if len(parts) == 4 && fmt.Sprint(codes[fault.Code(parts[3])].Status) != parts[2] {
				t.Errorf("%s: the register says %+v", name, codes[fault.Code(parts[3])])
			}
		}
	})
	t.Run("[DOC] its schemas have the members of the messages, and ask for those that are always there", func(t *testing.T) {
		for name, message := range map[string]any{"Hello": wire.Hello{}, "Limits": wire.Limits{}, "Key": wire.Key{}, "EnrollAnswer": wire.EnrollAnswer{}, "Person": wire.Person{},
			"ChallengeAnswer": wire.ChallengeAnswer{}, "NewDevice": wire.NewDevice{}, "RenewRequest": wire.RenewRequest{}, "Op": wire.Op{}, "Mutation": wire.Mutation{},
			"PushRequest": wire.PushRequest{}, "Conflict": wire.Conflict{}, "Verdict": wire.Verdict{}, "PushAnswer": wire.PushAnswer{}, "PullRequest": wire.PullRequest{},
			"Change": wire.Change{}, "Named": wire.Named{}, "InviteLook": wire.InviteLook{}, "InviteAnswer": wire.InviteAnswer{}, "InviteRecord": wire.InviteRecord{},
			"InviteRequest": wire.InviteRequest{}, "InviteMade": wire.InviteMade{}, "InviteList": wire.InviteList{}, "Confirmed": wire.Confirmed{}, "RepairRequest": wire.RepairRequest{}, "Repaired": wire.Repaired{}, "Digest": wire.Digest{}, "PullAnswer": wire.PullAnswer{},
			"RenewAnswer": wire.RenewAnswer{}, "Duty": wire.Duty{}, "WipeRequest": wire.WipeRequest{}, "WipeAnswer": wire.WipeAnswer{}, "LossRequest": wire.LossRequest{}, "OffboardRequest": wire.OffboardRequest{},
			"DeviceState": wire.DeviceState{}, "LostRequest": wire.LostRequest{}, "LostAnswer": wire.LostAnswer{}, "Offboarded": wire.Offboarded{}, "RecoveryAnswer": wire.RecoveryAnswer{}, "RecoveryVerdict": wire.RecoveryVerdict{}} {
			var all, always []string
			for i := range reflect.TypeOf(message).NumField() {
				tag, option, _ := strings.Cut(reflect.TypeOf(message).Field(i).Tag.Get("json"), ",")
				if all = append(all, tag); option == "" {
					always = append(always, tag)
				}
			}
			schema := member(c.doc, "components", "schemas", name)
			properties, _ := member(schema, "properties").(map[string]any)
			var required []string
			list, _ := member(schema, "required").([]any)
			for _, r := range list {
				required = append(required, fmt.Sprint(r))
			}
			slices.Sort(all)
			slices.Sort(always)
			slices.Sort(required)
			if got := slices.Sorted(maps.Keys(properties)); !slices.Equal(got, all) || !slices.Equal(required, always) {
				t.Errorf("%s: members %v, required %v; the message has %v, always %v", name, got, required, all, always)
			}
		}
	})
	t.Run("[DOC] its examples of answers fit their schemas", func(t *testing.T) {
		for path, methods := range c.doc["paths"].(map[string]any) {
			for method, op := range methods.(map[string]any) {
				if example := member(op, "responses", "200", "content", "application/json", "example"); example != nil {
					c.holds(path+" example", text(t, example), "paths", path, method, "responses", "200", "content", "application/json", "schema")
				}
			}
		}
	})
	t.Run("[DOC] each of its examples of requests is taken by the server as it stands", func(t *testing.T) { c.examples(newEdge(t)) })
	t.Run("[DOC] every answer fits its schema", func(t *testing.T) {
		e := newEdge(t)
		c.strangers(e)
		c.renewals(e)
		c.pushes(e)
		c.pulls(e)
		c.recoveries(e)
		c.repairs(e)
		c.invites(e)
		c.losses(e)
		c.signIns(newEdge(t))
		c.reports(e)
		c.hotlines(e)
		c.content(e)
		c.sealed(e)
		c.duty(e)
		c.photos(e)
		c.counts(e)
		c.partners(e)
		c.exports(e)
	})
	t.Run("[DOC] each code that it promises was seen, on its path", func(t *testing.T) {
		for _, name := range c.promised() {
			if !c.seen[name] && elsewhere[name] == "" {
				t.Errorf("%s never came", name)
			}
			if c.seen[name] && elsewhere[name] != "" {
				t.Errorf("%s came after all", name)
			}
		}
	})
	t.Run("[DOC] [WIRE] a member that the document does not name is seen", func(t *testing.T) {
		quiet := newContract(&testing.T{})
		schema, err := quiet.compiler.Compile("openapi.json#/components/schemas/ChallengeAnswer")
		if err != nil {
			t.Fatal(err)
		}
		for body, good := range map[string]bool{
			`{"challenge":"x","expires":"2026-02-07T06:22:05.412Z"}`:            true,
			`{"challenge":"x","expires":"2026-02-07T06:22:05.412Z","device":1}`: false,
			`{"challenge":"x"}`: false, `{"challenge":"x","expires":"2026-02-07"}`: false,
		} {
			v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if (schema.Validate(v) == nil) != good {
				t.Errorf("%s", body)
			}
		}
	})
}

// elsewhere are answers that take more than a request, each with who shows them.
var elsewhere = map[string]string{
	"POST /api/sync/push 503 quarantine_full":     "internal/exchange: the quota of the quarantine",
	"POST /api/sync/recovery 503 busy":            "as for push: the two share a queue",
	"POST /api/sync/wipe 503 busy":                "as for push: the two share the places for decoding",
	"POST /api/sync/wipe 503 quarantine_full":     "internal/devices: the room for what has no verdict",
	"POST /api/sync/recovery 503 quarantine_full": "internal/exchange: the quota of the quarantine",
	"POST /api/sync/pull 426 upgrade_required":    "internal/wire: there is no schema yet below the oldest that may pull",
}

// examples sends the examples of requests, in the order in which a device
// would. Only what the server made, and the signature over it, is put in.
func (c *contract) examples(e *edge) {
	t := e.T
	if _, err := e.S.Devices.MakeInvite("K7QM-2XWP-9DTR", records.Invite{Role: access.Worker, Organization: e.ngo}); err != nil {
		t.Fatal(err)
	}
	device := &rig.Device{Rig: e.Rig, Key: exampleKey(c.t)}
	sent := map[string]bool{}
	send := func(path, name string, put map[string]any) answer {
		t.Helper()
		sent[path+" "+name] = true
		path = "/api/sync/" + path
		place := []string{"paths", path, "post", "requestBody", "content", "application/json"}
		example, ok := member(c.doc, append(place, "examples", name, "value")...).(map[string]any)
		if !ok {
			t.Fatalf("%s has no example %s", path, name)
		}
		c.holds(path+" "+name, text(t, example), append(place, "schema")...)
		body := maps.Clone(example)
		maps.Copy(body, put)
		a := e.post(path, device.Token, text(t, body))
		c.answer(http.MethodPost, path, a)
		if a.status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", path, name, a.status, a.raw)
		}
		return a
	}
	send("invite", "code", nil)
	admitted := send("enroll", "invited", nil)
	device.ID, device.Token = "k3v9x0c2m4q8w1z", admitted.body["token"].(string)
	for _, name := range []string{"observation", "later", "nothing"} {
		a := send("push", name, nil)
		for _, v := range a.body["verdicts"].([]any) {
			rig.Want(t, v.(map[string]any)["verdict"], wire.Applied)
		}
	}
	send("pull", "first", nil)
	send("pull", "digests", nil)
	challenge := func() string { return send("challenge", "device", nil).body["challenge"].(string) }
	nonce := challenge()
	send("renew", "same", map[string]any{"challenge": nonce, "signature": device.Sign(wire.RenewText(device.ID, nonce, "", ""))})
	nonce = challenge()
	thumbprint, err := device.JWK().Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	send("renew", "copied", map[string]any{"challenge": nonce, "signature": device.Sign(wire.RenewText(device.ID, nonce, "n5b8t1r4y7u0i2o", thumbprint))})
	for path, methods := range c.doc["paths"].(map[string]any) {
		all, _ := member(methods, "post", "requestBody", "content", "application/json", "examples").(map[string]any)
		for name := range all {
			if !sent[strings.TrimPrefix(path, "/api/sync/")+" "+name] {
				t.Errorf("nobody sends the example %s of %s", name, path)
			}
		}
	}
}

// try sends a request and holds the answer against the document.
func (c *contract) try(e *edge, path, token string, body any, status int, code string) answer {
	e.T.Helper()
	raw, ok := body.([]byte)
	if !ok {
		raw = text(e.T, body)
	}
	a := e.post("/api/sync/"+path, token, raw)
	c.answer(http.MethodPost, "/api/sync/"+path, a)
	if got, _ := a.body["code"].(string); a.status != status || got != code {
		e.T.Errorf("%s: %d %s, want %d %s: %.300s", path, a.status, got, status, code, a.raw)
	}
	return a
}

// without runs do while a table has another name: a fault of the server's own.
func (e *edge) without(table string, do func()) {
	e.T.Helper()
	rename := func(from, to string) {
		if _, err := e.App.NonconcurrentDB().NewQuery("ALTER TABLE {{" + from + "}} RENAME TO {{" + to + "}}").Execute(); err != nil {
			e.T.Fatal(err)
		}
	}
	rename(table, "away")
	defer rename("away", table)
	do()
}
