package devices_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// post sends a request and gives the status, the answer and what it says as an
// error.
func post(r *rig.Rig, token, path string, body any) (int, map[string]any, string) {
	r.T.Helper()
	var answer map[string]any
	status := r.Post(token, path, body, &answer)
	code, _ := answer["code"].(string)
	return status, answer, code
}

// request is an enrolment that a test can bend.
func request(d *rig.Device, invite string) map[string]any {
	key := d.JWK()
	body := map[string]any{"device": map[string]any{"id": d.ID, "name": "Pixel", "platform": "android",
		"key": map[string]any{"kty": key.Kty, "crv": key.Crv, "x": key.X, "y": key.Y}}}
	if invite != "" {
		body["invite"] = invite
	}
	return body
}

func enroll(r *rig.Rig, token string, body any) (int, map[string]any, string) {
	r.T.Helper()
	return post(r, token, "/api/sync/enroll", body)
}

// good fails unless a request admits somebody, and gives who and the token.
func good(t testing.TB, r *rig.Rig, token string, body any) (who, access string) {
	t.Helper()
	status, answer, _ := enroll(r, token, body)
	user, _ := answer["user"].(map[string]any)
	id, _ := user["id"].(string)
	access, _ = answer["token"].(string)
	if status != http.StatusOK || access == "" || id == "" {
		t.Fatalf("%d %v", status, answer)
	}
	return id, access
}

// who is good without the token.
func who(t testing.TB, r *rig.Rig, token string, body any) string {
	t.Helper()
	id, _ := good(t, r, token, body)
	return id
}

// bad fails unless the answer is an error of this status and code.
func bad(t testing.TB, wantStatus int, wantCode string) func(status int, answer map[string]any, code string) {
	return func(status int, answer map[string]any, code string) {
		t.Helper()
		if status != wantStatus || code != wantCode || answer["hint"] == "" || answer["retry"] == "" || answer["message"] == "" {
			t.Fatalf("%d %v, want %d %s", status, answer, wantStatus, wantCode)
		}
	}
}

// count counts people, devices, used invites and journal entries: what a
// refused or repeated enrolment leaves as it was.
func count(r *rig.Rig) string {
	r.T.Helper()
	var out []string
	for _, c := range []string{"users", "devices", "invites"} {
		n, err := r.App.CountRecords(c)
		if err != nil {
			r.T.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d %s", n, c))
	}
	return strings.Join(append(out, fmt.Sprintf("%d entries", r.Entries())), ", ")
}

func TestEnroll(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel")
	site := r.Site("Hotel one", hotel, ngo)

	t.Run("[ENROL-1] an invite makes a new person of each device and key, with its role, organization and sites", func(t *testing.T) {
		invite := r.Invite(access.Staff, hotel, 2, site)
		a, b := r.NewDevice(), r.NewDevice()
		_, answer, _ := enroll(r, "", request(a, invite))
		first := who(t, r, "", request(a, invite))
		user, _ := answer["user"].(map[string]any)
		rig.Want(t, fmt.Sprint(user["role"], user["organization"], user["sites"], user["locale"]), fmt.Sprint("staff", hotel, []string{site}, "en"))
		key, err := base64.RawURLEncoding.DecodeString(fmt.Sprint(answer["sealKey"]))
		if err != nil || len(key) != 65 || key[0] != 4 {
			t.Fatalf("sealKey %v", answer["sealKey"])
		}
		second := who(t, r, "", request(b, invite))
		if first == second {
			t.Fatal("two devices are one person")
		}
		bad(t, http.StatusForbidden, "invite_used")(enroll(r, "", request(r.NewDevice(), invite)))
	})
	t.Run("[ENROL-1] a person without sites has an empty list of them, not null", func(t *testing.T) {
		_, answer, _ := enroll(r, "", request(r.NewDevice(), r.Invite(access.Worker, ngo, 1)))
		user, _ := answer["user"].(map[string]any)
		if list, ok := user["sites"].([]any); !ok || len(list) != 0 {
			t.Fatalf("%v", user)
		}
	})
	t.Run("[ENROL-1] the same again repeats the answer and uses nothing up, even when the invite is used up or has expired", func(t *testing.T) {
		invite := r.Invite(access.Worker, ngo, 1)
		d := r.NewDevice()
		person := who(t, r, "", request(d, invite))
		before := count(r)
		for range 3 {
			rig.Want(t, who(t, r, "", request(d, invite)), person)
		}
		r.Clock.Add(80 * time.Hour)
		again, token := good(t, r, "", request(d, invite))
		rig.Want(t, again, person)
		rig.Want(t, count(r), before)
		d.Token = token
		d.Pull() // the repeated token is good
	})
	t.Run("[ENROL-1] keys are the same if their thumbprints are; other members are ignored", func(t *testing.T) {
		invite := r.Invite(access.Worker, ngo, 1)
		d := r.NewDevice()
		person := who(t, r, "", request(d, invite))
		body := request(d, invite)
		key, _ := body["device"].(map[string]any)["key"].(map[string]any)
		for k, v := range map[string]any{"kid": "1", "use": "sig", "alg": "ES256", "ext": true, "key_ops": []string{"verify"}, "d": "never", "x5c": nil} {
			key[k] = v
		}
		before := count(r)
		rig.Want(t, who(t, r, "", body), person)
		rig.Want(t, count(r), before)
		found, err := r.App.FindRecordById("devices", d.ID)
		if err != nil {
			t.Fatal(err)
		}
		var stored map[string]any
		if err := found.UnmarshalJSONField("key", &stored); err != nil {
			t.Fatal(err)
		}
		rig.Want(t, len(stored), 4)
	})
	t.Run("[ENROL-1] a device id with another key, or by another invite, exists already", func(t *testing.T) {
		invite := r.Invite(access.Worker, ngo, 5)
		d, thief := r.NewDevice(), r.NewDevice()
		who(t, r, "", request(d, invite))
		thief.ID = d.ID
		before := count(r)
		bad(t, http.StatusConflict, "device_exists")(enroll(r, "", request(thief, invite)))
		rig.Want(t, count(r), before)
		other := r.Invite(access.Coordinator, ngo, 1)
		before = count(r)
		bad(t, http.StatusConflict, "device_exists")(enroll(r, "", request(d, other)))
		rig.Want(t, count(r), before)
		signedIn := r.Enroll(access.Worker, ngo)
		before = count(r)
		bad(t, http.StatusConflict, "device_exists")(enroll(r, signedIn.Token, request(d, "")))
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-1] one signed in enrols a further device without an invite, and may repeat it", func(t *testing.T) {
		d, further := r.Enroll(access.Worker, ngo), r.NewDevice()
		person, token := good(t, r, d.Token, request(further, ""))
		rig.Want(t, person, d.User.ID)
		before := count(r)
		rig.Want(t, who(t, r, "Bearer "+d.Token, request(further, "")), d.User.ID)
		rig.Want(t, count(r), before)
		further.Token = token
		third := r.NewDevice()
		rig.Want(t, who(t, r, further.Token, request(third, "")), d.User.ID)
		stranger := r.Enroll(access.Worker, ngo)
		bad(t, http.StatusConflict, "device_exists")(enroll(r, stranger.Token, request(third, "")))
		// What one device saved, the other one pulls.
		id, v := d.Create("observations", r.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		if further.Fresh()["observations"][id] == nil {
			t.Fatal("the further device is not the person's")
		}
	})
	t.Run("[ENROL-1] many at once make as many people as the invite admits, and one device is one person", func(t *testing.T) {
		invite := r.Invite(access.Worker, ngo, 3)
		d := r.NewDevice()
		var mu sync.Mutex
		codes, people := map[string]int{}, map[string]bool{}
		var all sync.WaitGroup
		for i := range 12 {
			from := d
			if i%2 == 0 {
				from = r.NewDevice()
			}
			all.Go(func() {
				status, answer, code := enroll(r, "", request(from, invite))
				mu.Lock()
				defer mu.Unlock()
				codes[fmt.Sprint(status, code)]++
				if from == d && status == http.StatusOK {
					user, _ := answer["user"].(map[string]any)
					people[fmt.Sprint(user["id"])] = true
				}
			})
		}
		all.Wait()
		found, err := r.App.FindFirstRecordByData("invites", "code", r.S.Key.Invite(devices.NormaliseCode(invite)))
		if err != nil {
			t.Fatal(err)
		}
		rig.Want(t, found.GetInt("used"), 3)
		if len(people) > 1 || codes["200"]+codes["403invite_used"] != 12 {
			t.Fatalf("%v %v", codes, people)
		}
	})
}

func TestInvites(t *testing.T) {
	r := rig.New(t)
	ngo, hotel := r.Organization("Outreach"), r.Organization("Hotel")
	unserved := r.Site("Hotel two", hotel, "")
	t.Run("[ENROL-2] an invite is stored as an HMAC under the installation key and nowhere as itself", func(t *testing.T) {
		code := r.Invite(access.Worker, ngo, 1)
		who(t, r, "", request(r.NewDevice(), code))
		if _, err := r.App.FindFirstRecordByData("invites", "code", r.S.Key.Invite(devices.NormaliseCode(code))); err != nil {
			t.Fatal(err)
		}
		r.Stop()
		for _, name := range []string{"data.db", "auxiliary.db"} {
			raw, err := os.ReadFile(filepath.Join(r.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range []string{code, devices.NormaliseCode(code), strings.ToLower(code)} {
				if bytes.Contains(raw, []byte(form)) {
					t.Errorf("%s holds the code", name)
				}
			}
		}
		r.Start()
	})
	t.Run("[ENROL-2] it expires after 72 hours, or when it was said", func(t *testing.T) {
		code := r.Invite(access.Worker, ngo, 5)
		r.Clock.Add(devices.InviteLife - time.Second)
		who(t, r, "", request(r.NewDevice(), code))
		r.Clock.Add(time.Second)
		bad(t, http.StatusForbidden, "invite_expired")(enroll(r, "", request(r.NewDevice(), code)))
		rig.Want(t, devices.InviteLife, 72*time.Hour)
		code, err := r.S.Devices.MakeInvite("", records.Invite{Role: access.Worker, Organization: ngo, Uses: 5, Expires: r.Clock.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		r.Clock.Add(59 * time.Minute)
		who(t, r, "", request(r.NewDevice(), code))
		r.Clock.Add(time.Minute)
		bad(t, http.StatusForbidden, "invite_expired")(enroll(r, "", request(r.NewDevice(), code)))
	})
	t.Run("[ENROL-2] a code is taken as people write it", func(t *testing.T) {
		code := r.Invite(access.Worker, ngo, 9)
		for _, form := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "), " " + code + "\n"} {
			who(t, r, "", request(r.NewDevice(), form))
		}
	})
	t.Run("[ENROL-2] an unknown code, none, and the HMAC itself are no invite", func(t *testing.T) {
		code := r.Invite(access.Worker, ngo, 9)
		before := count(r)
		for _, form := range []string{"ABCD-EFGH-JKLM", "x", "' OR '1'='1", `" || code != "`, strings.Repeat("A", 5000), r.S.Key.Invite(devices.NormaliseCode(code)), code[:len(code)-1], ""} {
			bad(t, http.StatusForbidden, "invite_invalid")(enroll(r, "", request(r.NewDevice(), form)))
		}
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-2] codes are long, plain and not alike", func(t *testing.T) {
		seen := map[string]bool{}
		for range 200 {
			code, err := devices.NewCode()
			if err != nil {
				t.Fatal(err)
			}
			plain := devices.NormaliseCode(code)
			if len(plain) != 12 || strings.ContainsAny(plain, "01ILO") || seen[plain] {
				t.Fatal(code)
			}
			seen[plain] = true
		}
	})
	t.Run("[ENROL-2] nobody makes, reads or widens an invite over REST", func(t *testing.T) {
		r.Invite(access.Worker, ngo, 1)
		found, err := r.App.FindFirstRecordByData("invites", "organization", ngo)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range access.Roles {
			if role == access.Staff {
				continue
			}
			d := r.Enroll(role, ngo)
			status := r.Post(d.Token, "/api/collections/invites/records", map[string]any{"code": "x", "role": "admin", "organization": ngo, "uses": 9, "expires": "2099-01-01 00:00:00.000Z"}, nil)
			rig.Want(t, status, http.StatusForbidden)
			status = r.Send(http.MethodPatch, d.Token, "/api/collections/invites/records/"+found.Id, map[string]any{"role": "admin", "uses": 99}, nil)
			rig.Want(t, status, http.StatusForbidden)
			var raw json.RawMessage
			r.Send(http.MethodGet, d.Token, "/api/collections/invites/records", nil, &raw)
			if strings.Contains(string(raw), found.GetString("code")) {
				t.Fatalf("%s reads the code", role)
			}
		}
	})
	t.Run("[ENROL-2] staff are not invited to, nor admitted at, a site that nobody serves", func(t *testing.T) {
		if _, err := r.S.Devices.MakeInvite("", records.Invite{Role: access.Staff, Organization: hotel, Sites: []string{unserved}}); err == nil {
			t.Fatal("an invite was made")
		}
		served := r.Site("Hotel three", hotel, ngo)
		code := r.Invite(access.Staff, hotel, 1, served)
		site, err := r.App.FindRecordById("sites", served)
		if err != nil {
			t.Fatal(err)
		}
		site.Set("served_by", "")
		if err := r.App.Save(site); err != nil {
			t.Fatal(err)
		}
		bad(t, http.StatusForbidden, "invite_invalid")(enroll(r, "", request(r.NewDevice(), code)))
	})
}
