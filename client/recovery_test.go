package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// recover writes a phone's recovery file.
func (c *copied) recover(parked bool) []byte {
	c.d.t.Helper()
	var file bytes.Buffer
	if _, err := c.open().ExportRecovery(&file, parked); err != nil {
		c.d.t.Fatal(err)
	}
	return file.Bytes()
}

// deliver hands a file in through another person's phone.
func (c *copied) deliver(file []byte) client.Delivered {
	c.d.t.Helper()
	r, err := c.open().DeliverRecovery(c.d.t.Context(), bytes.NewReader(file))
	if err != nil {
		c.d.t.Fatal(err)
	}
	return r
}

// arrived counts the reports that the coordinator sees.
func (d *district) arrived() int { d.t.Helper(); return len(d.keisha.Fresh()["submissions"]) }

// wantVerdicts checks verdicts, and how many of them were known already.
func wantVerdicts(t *testing.T, r client.Delivered, verdicts string, replayed int) {
	t.Helper()
	var all []string
	known := 0
	for _, v := range r.Verdicts {
		all = append(all, v.Verdict)
		if v.Replayed {
			known++
		}
	}
	if strings.Join(all, " ") != verdicts || known != replayed {
		t.Fatalf("verdicts %v, %d known; want %s, %d", all, known, verdicts, replayed)
	}
}

// shows tells in which form a text stands in some bytes, base64 undone; "" for
// in none.
func shows(file []byte, text string) string {
	wide := func(order binary.ByteOrder) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(text)) {
			b = append(b, 0, 0)
			order.PutUint16(b[len(b)-2:], u)
		}
		return b
	}
	layers := map[string][]byte{"as it is": file}
	var v any
	if json.Unmarshal(bytes.TrimSpace(file), &v) == nil {
		var decoded []byte
		walkTexts(v, func(s string) {
			if raw, err := base64.RawURLEncoding.DecodeString(s); err == nil {
				decoded = append(append(decoded, raw...), 0)
			}
		})
		layers["in base64"] = decoded
	}
	for layer, b := range layers {
		for form, needle := range map[string][]byte{"UTF-8": []byte(text), "UTF-16 LE": wide(binary.LittleEndian), "UTF-16 BE": wide(binary.BigEndian),
			"base64": []byte(base64.RawURLEncoding.EncodeToString([]byte(text)))[:len(text)]} {
			if bytes.Contains(b, needle) {
				return form + ", " + layer
			}
		}
	}
	return ""
}

func walkTexts(v any, do func(string)) {
	switch x := v.(type) {
	case string:
		do(x)
	case []any:
		for _, e := range x {
			walkTexts(e, do)
		}
	case map[string]any:
		for _, e := range x {
			walkTexts(e, do)
		}
	}
}

func TestRecovery(t *testing.T) {
	for _, role := range []access.Role{access.Worker, access.Staff} {
		t.Run("[RECOVERY] what waits on a phone of "+string(role)+" goes up through whoever is signed in, once; the phone is answered from the receipts", func(t *testing.T) {
			d := newDistrict(t)
			locked, carrier := d.phone(role), d.phone(access.Worker)
			for range 3 {
				locked.save()
			}
			file := locked.recover(false)
			if s := locked.status(); s.Waiting != 3 {
				t.Fatalf("after the export %d wait", s.Waiting)
			}
			wantVerdicts(t, carrier.deliver(file), "applied applied applied", 0)
			if n := d.arrived(); n != 3 {
				t.Fatalf("%d arrived", n)
			}
			if s := carrier.status(); s.Saved != 0 {
				t.Fatalf("the carrier's phone counts %d of them as its own", s.Saved)
			}
			wantVerdicts(t, carrier.deliver(file), "applied applied applied", 3)
			r := locked.sync()
			for _, v := range r.Push.Verdicts {
				if !v.Replayed {
					t.Fatalf("%+v", v)
				}
			}
			d.endsWell(locked)
		})

		t.Run("[RECOVERY] half of what the file of "+string(role)+" holds has come from the phone itself, and its answer was lost", func(t *testing.T) {
			d := newDistrict(t)
			phone, carrier := d.phone(role), d.phone(access.Worker)
			phone.save()
			phone.save()
			phone.link.lose = "/api/sync/push"
			if _, err := phone.open().Push(t.Context()); err == nil {
				t.Fatal("the answer was not lost")
			}
			phone.save()
			wantVerdicts(t, carrier.deliver(phone.recover(false)), "applied applied applied", 2)
			d.endsWell(phone)
		})

		t.Run("[RECOVERY] both copies of a store of "+string(role)+" write a file of what they share", func(t *testing.T) {
			d := newDistrict(t)
			one, carrier := d.phone(role), d.phone(access.Worker)
			one.save()
			two := one.copy()
			wantVerdicts(t, carrier.deliver(one.recover(false)), "applied", 0)
			wantVerdicts(t, carrier.deliver(two.recover(false)), "applied", 1)
			d.endsWell(one, two)
		})
	}

	t.Run("[RECOVERY] who carries a file learns nothing from it, nor from the answer", func(t *testing.T) {
		d := newDistrict(t)
		phone := d.phone(access.Worker)
		const canary = "kanarienvogel im lkw"
		s, err := phone.open().Observe(client.Observation{EventTime: d.began, Details: client.Details{Site: d.site, Note: canary}})
		if err != nil {
			t.Fatal(err)
		}
		words := []string{canary, s.IDs[0], "observations", "event_time", d.site}
		file := phone.recover(false)
		for _, word := range words {
			if form := shows(file, word); form != "" {
				t.Errorf("the file shows %q: %s", word, form)
			}
		}
		// The control: not sealed, the same search finds all of them.
		e, err := phone.open().Mutation(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if shows(e.Raw, word) == "" {
				t.Errorf("the search would not find %q", word)
			}
		}
		sealedOnly, err := json.Marshal(map[string]string{"sealed": base64.RawURLEncoding.EncodeToString(e.Raw)})
		if err != nil || shows(sealedOnly, canary) == "" {
			t.Errorf("the search would not find it in base64 (%v)", err)
		}
		var raw json.RawMessage
		if status := d.Post(d.keisha.Token, "/api/sync/recovery", file, &raw); status != http.StatusOK {
			t.Fatalf("%d %s", status, raw)
		}
		var answer struct {
			Verdicts []map[string]any `json:"verdicts"`
		}
		if err := json.Unmarshal(raw, &answer); err != nil || len(answer.Verdicts) != 1 || len(answer.Verdicts[0]) != 2 ||
			answer.Verdicts[0]["verdict"] != "applied" || answer.Verdicts[0]["n"] != 1.0 {
			t.Fatalf("the answer says %s", raw)
		}
	})

	t.Run("[RECOVERY] a file that was changed, cut or made up is refused as a whole, and nothing of it takes effect", func(t *testing.T) {
		d := newDistrict(t)
		phone, other, carrier := d.phone(access.Staff), d.phone(access.Staff), d.phone(access.Worker)
		phone.save()
		phone.save()
		good := bytes.TrimSpace(phone.recover(false))
		edit := func(do func(f map[string]any)) []byte {
			var f map[string]any
			if err := json.Unmarshal(good, &f); err != nil {
				t.Fatal(err)
			}
			do(f)
			raw, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		mutation := func(f map[string]any, i int) map[string]any { return f["mutations"].([]any)[i].(map[string]any) }
		token := d.keisha.Token
		before := d.Entries()
		for name, c := range map[string]struct {
			file []byte
			code string
		}{
			"one character of a sealed part": {edit(func(f map[string]any) {
				s := []byte(mutation(f, 0)["sealed"].(string))
				s[100] ^= 1
				mutation(f, 0)["sealed"] = string(s)
			}), "bad_signature"},
			"a stamp":               {edit(func(f map[string]any) { mutation(f, 1)["offset"] = 5 }), "bad_signature"},
			"the device":            {edit(func(f map[string]any) { f["device"] = other.status().Device }), "bad_signature"},
			"a device of nowhere":   {edit(func(f map[string]any) { f["device"] = "zzzzzzzzzzzzzzz" }), "bad_signature"},
			"one left out":          {edit(func(f map[string]any) { f["mutations"] = f["mutations"].([]any)[:1] }), "bad_signature"},
			"no signature of 64":    {edit(func(f map[string]any) { f["signature"] = "AAAA" }), "bad_signature"},
			"none at all":           {edit(func(f map[string]any) { delete(f, "signature") }), "bad_request"},
			"the order":             {edit(func(f map[string]any) { mutation(f, 0)["n"] = 9 }), "bad_request"},
			"one in clear":          {edit(func(f map[string]any) { delete(mutation(f, 0), "sealed"); mutation(f, 0)["ops"] = []any{} }), "bad_request"},
			"more than it may hold": {edit(func(f map[string]any) { f["note"] = "x" }), "bad_request"},
			"cut off":               {good[:len(good)/2], "bad_request"},
			"a list":                {[]byte(`[]`), "bad_request"},
			"no JSON":               {[]byte(`%PDF-1.7`), "bad_request"},
		} {
			var e wire.ErrorBody
			if status := d.Post(token, "/api/sync/recovery", c.file, &e); e.Code != c.code || e.Hint == "" || status != e.Status {
				t.Errorf("%s: %d %+v, want %s", name, status, e, c.code)
			}
		}
		if d.Entries() != before || d.arrived() != 0 {
			t.Fatal("something of a bad file took effect")
		}
		for _, file := range [][]byte{good[:len(good)/2], []byte("no file of ours"), nil, []byte(`{"device":"x"}`)} {
			if _, err := carrier.open().DeliverRecovery(t.Context(), bytes.NewReader(file)); !errors.Is(err, client.ErrInput) || client.Explain(err).Code != "not_recovery_file" {
				t.Errorf("%.20q: %v", file, err)
			}
		}
		wantVerdicts(t, carrier.deliver(good), "applied applied", 0)
		d.endsWell(phone)
	})

	t.Run("[RECOVERY] nobody who is not signed in hands one in", func(t *testing.T) {
		d := newDistrict(t)
		phone := d.phone(access.Worker)
		phone.save()
		var e wire.ErrorBody
		if status := d.Post("", "/api/sync/recovery", bytes.TrimSpace(phone.recover(false)), &e); status != http.StatusUnauthorized || e.Code != "unauthenticated" {
			t.Fatalf("%d %+v", status, e)
		}
	})

	t.Run("[RECOVERY] the file of a copy whose numbers the other copy has used is refused whole, and its phone brings everything in itself", func(t *testing.T) {
		d := newDistrict(t)
		one, carrier := d.phone(access.Staff), d.phone(access.Worker)
		one.save()
		two := one.copy()
		one.save()
		one.sync()
		two.save()
		_, err := carrier.open().DeliverRecovery(t.Context(), bytes.NewReader(two.recover(false)))
		if e := client.Explain(err); !errors.Is(err, client.ErrRefused) || e.Code != "device_forked" || !strings.Contains(e.Hint, "copied") {
			t.Fatalf("%v", err)
		}
		if s := carrier.status(); s.Device == "" || len(s.Lineage) != 0 {
			t.Fatalf("the carrier took the fork for its own: %+v", s)
		}
		two.sync()
		two.save()
		wantVerdicts(t, carrier.deliver(two.recover(false)), "applied", 0)
		d.endsWell(one, two)
	})

	t.Run("[RECOVERY] more than one request takes comes as several signed parts of one file", func(t *testing.T) {
		d := newDistrict(t)
		d.S.Exchange.Limits.Mutations = 2
		phone, carrier := d.phone(access.Worker), d.phone(access.Worker)
		for range 5 {
			phone.save()
		}
		var file bytes.Buffer
		e, err := phone.open().ExportRecovery(&file, false)
		if err != nil || e.Parts != 3 || e.Mutations != 5 {
			t.Fatalf("%+v %v", e, err)
		}
		cut := file.Bytes()[:file.Len()-20]
		r, err := carrier.open().DeliverRecovery(t.Context(), bytes.NewReader(cut))
		if !errors.Is(err, client.ErrInput) || len(r.Verdicts) != 4 {
			t.Fatalf("of a file without its end: %+v %v", r, err)
		}
		wantVerdicts(t, carrier.deliver(file.Bytes()), "applied applied applied applied applied", 4)
		d.endsWell(phone)
	})

	t.Run("[PUSH-10] the file of a device that was signed out goes to quarantine, whole and open", func(t *testing.T) {
		d := newDistrict(t)
		phone, carrier := d.phone(access.Staff), d.phone(access.Worker)
		id := phone.save()
		file := phone.recover(false)
		row, err := d.App.FindRecordById("devices", phone.status().Device)
		if err != nil {
			t.Fatal(err)
		}
		row.Set("revoked", true)
		if err := d.App.Save(row); err != nil {
			t.Fatal(err)
		}
		wantVerdicts(t, carrier.deliver(file), "refused", 0)
		view := d.keisha.Fresh()
		if len(view["submissions"]) != 0 || len(view["quarantine"]) != 1 {
			t.Fatalf("%d reports, %d in quarantine", len(view["submissions"]), len(view["quarantine"]))
		}
		for _, kept := range view["quarantine"] {
			if !strings.Contains(string(kept), id) || strings.Contains(string(kept), phone.status().Device) {
				t.Fatalf("a coordinator reads %s", kept)
			}
		}
	})

	t.Run("[DEV-3] what was refused can be exported too; the carrier is told that it needs attention", func(t *testing.T) {
		d := newDistrict(t)
		phone, carrier := d.phone(access.Staff), d.phone(access.Worker)
		if _, err := phone.open().Do(client.Op{Op: wire.OpCreate, Collection: "triage", Fields: map[string]any{"note": "x"}}); err != nil {
			t.Fatal(err)
		}
		phone.sync()
		if s := phone.status(); s.NeedsAttention != 1 {
			t.Fatalf("%+v", s)
		}
		if file := phone.recover(false); len(file) != 0 {
			t.Fatalf("it does not wait: %s", file)
		}
		r := carrier.deliver(phone.recover(true))
		wantVerdicts(t, r, "refused", 1)
		if received, later, attention := r.Count(); received != 0 || later != 0 || attention != 1 || r.Verdicts[0].Code != wire.CodeNotAllowed {
			t.Fatalf("%+v", r)
		}
	})
}
