package devices_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// challenge gets a text to sign.
func challenge(t testing.TB, r *rig.Rig, device string) string {
	t.Helper()
	status, answer, _ := post(r, "", "/api/sync/challenge", map[string]any{"device": device})
	text, _ := answer["challenge"].(string)
	if status != http.StatusOK || text == "" {
		t.Fatalf("challenge: %d %v", status, answer)
	}
	return text
}

// renewal is a good request to renew that a test can bend; next nil is a plain
// one.
func renewal(t testing.TB, d, next *rig.Device) map[string]any {
	t.Helper()
	c := challenge(t, d.Rig, d.ID)
	body := map[string]any{"device": d.ID, "challenge": c}
	id, thumbprint := "", ""
	if next != nil {
		var err error
		if thumbprint, err = next.JWK().Thumbprint(); err != nil {
			t.Fatal(err)
		}
		id = next.ID
		body["newDevice"] = map[string]any{"id": next.ID, "key": next.JWK()}
	}
	body["signature"] = d.Sign(wire.RenewText(d.ID, c, id, thumbprint))
	return body
}

func renew(r *rig.Rig, body any) (int, map[string]any, string) {
	r.T.Helper()
	return post(r, "", "/api/sync/renew", body)
}

// renewed fails unless a renewal gives a token, and gives it.
func renewed(t testing.TB, r *rig.Rig, body any) string {
	t.Helper()
	status, answer, _ := renew(r, body)
	token, _ := answer["token"].(string)
	if status != http.StatusOK || token == "" || len(answer) != 1 {
		t.Fatalf("renew: %d %v", status, answer)
	}
	return token
}

func TestChallenge(t *testing.T) {
	r := rig.New(t)
	d := r.Enroll(access.Worker, r.Organization("Outreach"))
	t.Run("[WIRE] a challenge is good for two minutes and answered alike for devices that do not exist", func(t *testing.T) {
		ask := func(device string) (map[string]any, int) {
			status, answer, _ := post(r, "", "/api/sync/challenge", map[string]any{"device": device})
			rig.Want(t, status, http.StatusOK)
			return answer, len(fmt.Sprint(answer["challenge"]))
		}
		known, size := ask(d.ID)
		unknown, other := ask(rig.ID())
		rig.Want(t, size, other)
		rig.Want(t, len(known), len(unknown))
		rig.Want(t, known["expires"], unknown["expires"])
		expires, err := time.Parse(wire.TimeFormat, fmt.Sprint(known["expires"]))
		if err != nil || expires.Sub(r.Clock.Now()) != 2*time.Minute {
			t.Fatalf("%v %v", known["expires"], err)
		}
		if again, _ := ask(d.ID); again["challenge"] == known["challenge"] {
			t.Fatal("two challenges are the same")
		}
	})
	t.Run("[WIRE] a challenge for no device is a bad request, and asking writes nothing", func(t *testing.T) {
		before := count(r)
		for _, body := range []any{map[string]any{}, map[string]any{"device": ""}, map[string]any{"device": 7}, map[string]any{"device": strings.Repeat("a", 101)}, []any{}, []byte("{"), []byte("null"), []byte("")} {
			bad(t, http.StatusBadRequest, "bad_request")(post(r, "", "/api/sync/challenge", body))
		}
		rig.Want(t, count(r), before)
	})
}

func TestRenew(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	d, other := r.Enroll(access.Worker, ngo), r.Enroll(access.Worker, ngo)
	refused := bad(t, http.StatusForbidden, "bad_signature")

	t.Run("[DEV-6] the device's key gets a token, and the token opens push and pull", func(t *testing.T) {
		d.Token = renewed(t, r, renewal(t, d, nil))
		_, v := d.Create("observations", r.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		d.Fresh()
	})
	t.Run("[WIRE] a signature by another key, over another text or of another form is refused", func(t *testing.T) {
		c := challenge(t, r, d.ID)
		text := wire.RenewText(d.ID, c, "", "")
		sum := sha256.Sum256([]byte(text))
		der, err := ecdsa.SignASN1(rand.Reader, d.Key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		good := d.Sign(text)
		for name, signature := range map[string]any{
			"another key":        other.Sign(text),
			"another text":       d.Sign(text + "\n"),
			"the bare challenge": d.Sign(c),
			"another protocol":   d.Sign(strings.Replace(text, "v1", "v2", 1)),
			"ASN.1":              base64.RawURLEncoding.EncodeToString(der),
			"one byte less":      good[:len(good)-2],
			"padded":             good + "==",
			"zeros":              base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
			"none":               "",
			"no base64":          "!!!",
		} {
			status, answer, code := renew(r, map[string]any{"device": d.ID, "challenge": c, "signature": signature})
			if status != http.StatusForbidden || code != "bad_signature" || answer["retry"] != "never" {
				t.Errorf("%s: %d %v", name, status, answer)
			}
		}
		renewed(t, r, map[string]any{"device": d.ID, "challenge": c, "signature": good})
	})
	t.Run("[WIRE] a challenge of another device, touched or made up is refused like a bad signature", func(t *testing.T) {
		theirs := challenge(t, r, other.ID)
		for _, c := range []string{theirs, "", "x", theirs[:20] + "A" + theirs[21:], *d.Cursor} {
			refused(renew(r, map[string]any{"device": d.ID, "challenge": c, "signature": d.Sign(wire.RenewText(d.ID, c, "", ""))}))
		}
		nobody := r.NewDevice()
		refused(renew(r, renewal(t, nobody, nil)))
	})
	t.Run("[WIRE] a challenge that is too old asks for a new one", func(t *testing.T) {
		body := renewal(t, d, nil)
		r.Clock.Add(2 * time.Minute)
		renewed(t, r, body)
		r.Clock.Add(time.Millisecond)
		status, answer, code := renew(r, body)
		bad(t, http.StatusForbidden, "challenge_expired")(status, answer, code)
		rig.Want(t, answer["retry"], "renew")
	})
	t.Run("[PUSH-10] [ENROL-3] a device that was signed out gets a token for handing in and nothing else, and so does what goes on for it", func(t *testing.T) {
		gone := r.Enroll(access.Worker, ngo)
		record, err := r.App.FindRecordById("devices", gone.ID)
		if err != nil {
			t.Fatal(err)
		}
		record.Set("revoked", true)
		if err := r.App.Save(record); err != nil {
			t.Fatal(err)
		}
		next := r.NewDevice()
		for _, token := range []string{renewed(t, r, renewal(t, gone, nil)), renewed(t, r, renewal(t, gone, next))} {
			if !records.PushOnly(token) {
				t.Error("it is good for more than push")
			}
		}
		if record, err = r.App.FindRecordById("devices", next.ID); err != nil || !record.GetBool("revoked") {
			t.Fatal("a device that was signed out goes on under another id")
		}
		if records.PushOnly(renewed(t, r, renewal(t, d, nil))) {
			t.Error("a device that was not signed out got a token for push only")
		}
	})
	t.Run("[ENROL-3] signing a device out signs out all that descends from it, and not what it descends from", func(t *testing.T) {
		first, second, third := r.Enroll(access.Worker, ngo), r.NewDevice(), r.NewDevice()
		renewed(t, r, renewal(t, first, second))
		renewed(t, r, renewal(t, second, third))
		record, err := r.App.FindRecordById("devices", second.ID)
		if err != nil {
			t.Fatal(err)
		}
		record.Set("revoked", true)
		if err := r.App.Save(record); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]bool{first.ID: false, second.ID: true, third.ID: true} {
			if record, err = r.App.FindRecordById("devices", id); err != nil || record.GetBool("revoked") != want {
				t.Errorf("%s: revoked %v, %v", id, record.GetBool("revoked"), err)
			}
		}
	})
	t.Run("[WIRE] a renewal that cannot be read is a bad request", func(t *testing.T) {
		for _, body := range []any{[]any{}, map[string]any{"device": 1}, map[string]any{"device": d.ID, "newDevice": "x"}, []byte(`{"device"`), []byte("\xff")} {
			bad(t, http.StatusBadRequest, "bad_request")(renew(r, body))
		}
	})
}

func TestNewDevice(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	// goOn renews d under a new id and gives the new device.
	goOn := func(t *testing.T, d *rig.Device) *rig.Device {
		next := r.NewDevice()
		next.Token = renewed(t, r, renewal(t, d, next))
		next.User = d.User
		return next
	}
	t.Run("[PUSH-3] a device goes on under a new id and key as the same person, and its reports are known by their stamps", func(t *testing.T) {
		d := r.Enroll(access.Worker, ngo)
		m := d.Mutation(rig.Create("observations", rig.ID(), r.Observation("")))
		first := d.Push(m)[0]
		rig.Want(t, first.Verdict, wire.Applied)
		next := goOn(t, d)
		entries := r.Entries()
		m.N = 7
		again := next.Push(m)[0]
		if !again.Replayed || again.Seq != first.Seq || again.N != 7 || r.Entries() != entries {
			t.Fatalf("%+v, first %+v", again, first)
		}
		waiting := d.Mutation(rig.Create("observations", rig.ID(), r.Observation("")))
		waiting.N = 8 // not acknowledged: sent under the new device with its stamp
		v := next.Push(waiting)[0]
		if v.Verdict != wire.Applied || v.Replayed {
			t.Fatalf("%+v", v)
		}
		rig.Want(t, len(next.Fresh()["observations"]), 2)
	})
	t.Run("[PUSH-2] a device knows its whole lineage, and a stamp of somebody else's is refused", func(t *testing.T) {
		a := r.Enroll(access.Worker, ngo)
		m := a.Mutation(rig.Create("observations", rig.ID(), r.Observation("")))
		first := a.Push(m)[0]
		c := goOn(t, goOn(t, a))
		if v := c.Push(m)[0]; !v.Replayed || v.Seq != first.Seq {
			t.Fatalf("%+v", v)
		}
		m.N = 2
		stranger := r.Enroll(access.Worker, ngo)
		if v := stranger.Push(m)[0]; v.Verdict != wire.Refused || v.Code != wire.CodeInvalid {
			t.Fatalf("%+v", v)
		}
	})
	t.Run("[PUSH-3] the same renewal again gives a token again and makes nothing twice", func(t *testing.T) {
		d, next := r.Enroll(access.Worker, ngo), r.NewDevice()
		renewed(t, r, renewal(t, d, next))
		before := count(r)
		renewed(t, r, renewal(t, d, next))
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-1] a new id that is taken, by whomever, exists already", func(t *testing.T) {
		d, taken := r.Enroll(access.Worker, ngo), r.Enroll(access.Worker, ngo)
		exists := bad(t, http.StatusConflict, "device_exists")
		before := count(r)
		exists(renew(r, renewal(t, d, taken)))
		exists(renew(r, renewal(t, d, d)))
		rig.Want(t, count(r), before)
		next := r.NewDevice()
		renewed(t, r, renewal(t, d, next))
		before = count(r)
		otherKey := r.NewDevice()
		otherKey.ID = next.ID
		exists(renew(r, renewal(t, d, otherKey)))
		exists(renew(r, renewal(t, taken, next))) // another's descendant
		rig.Want(t, count(r), before)
	})
	t.Run("[WIRE] the signature binds the new id and key", func(t *testing.T) {
		d, next, thief := r.Enroll(access.Worker, ngo), r.NewDevice(), r.NewDevice()
		refused := bad(t, http.StatusForbidden, "bad_signature")
		before := count(r)
		swapped := renewal(t, d, next)
		swapped["newDevice"] = map[string]any{"id": next.ID, "key": thief.JWK()}
		refused(renew(r, swapped))
		swapped["newDevice"] = map[string]any{"id": thief.ID, "key": next.JWK()}
		refused(renew(r, swapped))
		added := renewal(t, d, nil)
		added["newDevice"] = map[string]any{"id": next.ID, "key": next.JWK()}
		refused(renew(r, added))
		taken := renewal(t, d, next)
		delete(taken, "newDevice")
		refused(renew(r, taken))
		rig.Want(t, count(r), before)
	})
	t.Run("[WIRE] a new device whose id or key is none is a bad request", func(t *testing.T) {
		d, next := r.Enroll(access.Worker, ngo), r.NewDevice()
		before := count(r)
		for _, n := range badDevices(next) {
			body := renewal(t, d, next)
			body["newDevice"] = n
			bad(t, http.StatusBadRequest, "bad_request")(renew(r, body))
		}
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-1] an enrolment whose device id or key is none is a bad request and uses no invite up", func(t *testing.T) {
		invite := r.Invite(access.Worker, ngo, 1)
		next := r.NewDevice()
		before := count(r)
		for _, n := range badDevices(next) {
			bad(t, http.StatusBadRequest, "bad_request")(enroll(r, "", map[string]any{"invite": invite, "device": n}))
		}
		for _, body := range []any{map[string]any{"invite": invite}, map[string]any{"invite": 7, "device": request(next, "")["device"]}, map[string]any{"invite": invite, "device": "x"}, []any{invite}, []byte("{"), []byte("null")} {
			bad(t, http.StatusBadRequest, "bad_request")(enroll(r, "", body))
		}
		rig.Want(t, count(r), before)
		who(t, r, "", request(next, invite))
	})
}

// badDevices are devices that nobody can be: ids and keys of the wrong form.
func badDevices(d *rig.Device) []any {
	key := d.JWK()
	device := func(id string, key any) any { return map[string]any{"id": id, "key": key} }
	off := key
	off.Y = off.X // a point beside the curve
	short, padded, curve, kty := key, key, key, key
	short.X, padded.X, curve.Crv, kty.Kty = key.X[:42], key.X+"=", "P-384", "OKP"
	return []any{
		device("", key), device("UPPERCASEUPPERC", key), device("short", key), device(d.ID+"a", key), device("x' OR 1=1 --  a", key), device("../../../../etc", key),
		device(d.ID, off), device(d.ID, short), device(d.ID, padded), device(d.ID, curve), device(d.ID, kty),
		device(d.ID, nil), device(d.ID, wire.Key{}), device(d.ID, "x"), map[string]any{"id": 7, "key": key}, map[string]any{"key": key},
	}
}
