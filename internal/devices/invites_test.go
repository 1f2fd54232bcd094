package devices_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// invited asks for an invite as somebody and gives what was made.
func invited(t testing.TB, r *rig.Rig, token string, req wire.InviteRequest) wire.InviteMade {
	t.Helper()
	var raw json.RawMessage
	status := r.Post(token, "/api/fieldpost/invites", req, &raw)
	var made wire.InviteMade
	if err := json.Unmarshal(raw, &made); err != nil || status != http.StatusOK || made.Code == "" {
		t.Fatalf("%d %s", status, raw)
	}
	return made
}

func listed(t testing.TB, r *rig.Rig, token string) map[string]wire.InviteRecord {
	t.Helper()
	var list wire.InviteList
	if status := r.Send(http.MethodGet, token, "/api/fieldpost/invites", nil, &list); status != http.StatusOK {
		t.Fatal(status)
	}
	all := map[string]wire.InviteRecord{}
	for _, i := range list.Invites {
		all[i.ID] = i
	}
	return all
}

func look(r *rig.Rig, code string) (int, map[string]any, string) {
	r.T.Helper()
	return post(r, "", "/api/sync/invite", map[string]any{"invite": code})
}

func TestInvitesByAPI(t *testing.T) {
	r := rig.New(t)
	ngo, rival, hotel := r.Organization("Outreach"), r.Organization("Rival"), r.Organization("Hotel")
	site, theirs := r.Site("Hotel one", hotel, ngo), r.Site("Hotel two", hotel, rival)
	keisha, stranger := r.Enroll(access.Coordinator, ngo), r.Enroll(access.Coordinator, rival)
	ask := func(d *rig.Device, req wire.InviteRequest) (int, map[string]any, string) {
		return post(r, d.Token, "/api/fieldpost/invites", req)
	}

	t.Run("[ENROL-2] of every pair of roles the server makes what the table lets, and admits with no more than that", func(t *testing.T) {
		for _, maker := range access.Roles {
			d := r.Enroll(maker, ngo, site)
			for _, role := range access.Roles {
				req := wire.InviteRequest{Role: string(role)}
				if role == access.Staff || role == access.Manager {
					req.Sites = []string{site}
				}
				want := access.MayInvite(access.Person{Role: maker, Organization: ngo}, access.Offer{Role: role,
					Organization: map[bool]string{true: hotel, false: ngo}[len(req.Sites) > 0],
					Sites:        map[bool][]access.Place{true: {{ID: site, Owner: hotel, ServedBy: ngo}}}[len(req.Sites) > 0]})
				if !want {
					bad(t, http.StatusForbidden, "not_allowed")(ask(d, req))
					continue
				}
				made := invited(t, r, d.Token, req)
				_, answer, _ := enroll(r, "", request(r.NewDevice(), made.Code))
				user, _ := answer["user"].(map[string]any)
				rig.Want(t, user["role"], role)
			}
		}
	})
	t.Run("[ENROL-2] nothing is given of other organizations and of sites that others serve", func(t *testing.T) {
		before := count(r)
		for _, req := range []wire.InviteRequest{
			{Role: "worker", Organization: rival}, {Role: "coordinator", Organization: hotel}, {Role: "staff", Sites: []string{theirs}},
			{Role: "staff", Sites: []string{site, theirs}}, {Role: "manager", Sites: []string{theirs}}, {Role: "staff", Sites: []string{"nosuchsite00000"}},
			{Role: "staff"}, {Role: "staff", Organization: rival, Sites: []string{site}}, {Role: "worker", Sites: []string{site}},
		} {
			bad(t, http.StatusForbidden, "not_allowed")(ask(keisha, req))
		}
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-2] what cannot be an invite is a bad request with the next step", func(t *testing.T) {
		for _, req := range []any{
			wire.InviteRequest{Role: "superuser"}, wire.InviteRequest{}, wire.InviteRequest{Role: "worker", Uses: -1}, wire.InviteRequest{Role: "worker", Uses: 1001},
			wire.InviteRequest{Role: "worker", Hours: -1}, wire.InviteRequest{Role: "worker", Hours: 9601}, wire.InviteRequest{Role: "worker", Hours: 1 << 60},
			wire.InviteRequest{Role: "worker", Poster: true}, wire.InviteRequest{Role: "staff", Poster: true}, []any{}, map[string]any{"role": 5},
		} {
			bad(t, http.StatusBadRequest, "bad_request")(post(r, keisha.Token, "/api/fieldpost/invites", req))
		}
		bad(t, http.StatusUnauthorized, "unauthenticated")(post(r, "", "/api/fieldpost/invites", wire.InviteRequest{Role: "worker"}))
		bad(t, http.StatusUnauthorized, "unauthenticated")(post(r, "", "/api/fieldpost/invites/x/end", nil))
	})
	t.Run("[ENROL-2] a link carries the code in its fragment and opens what the code opens; code and link are told once", func(t *testing.T) {
		made := invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker"})
		u, err := url.Parse(made.Link)
		if err != nil || "http://"+u.Host != r.URL || u.Fragment != "invite="+made.Code || u.RawQuery != "" {
			t.Fatal(made.Link, err)
		}
		if !strings.Contains(made.SVG, "<svg ") || !strings.Contains(made.Card, made.Code) || !strings.Contains(made.Card, "Outreach") {
			t.Error("no picture, or no card")
		}
		var raw json.RawMessage
		r.Send(http.MethodGet, keisha.Token, "/api/fieldpost/invites", nil, &raw)
		if strings.Contains(string(raw), made.Code) || strings.Contains(string(raw), r.S.Key.Invite(devices.NormaliseCode(made.Code))) {
			t.Error("the list has the code")
		}
	})
	t.Run("[ENROL-2] [R8] a list shows what the organization looks after: of staff who serves the site, never its owner", func(t *testing.T) {
		worker, staff := invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker"}), invited(t, r, keisha.Token, wire.InviteRequest{Role: "staff", Sites: []string{site}, Uses: 3})
		own := listed(t, r, keisha.Token)
		rig.Want(t, own[worker.Record.ID].State+own[staff.Record.ID].State+own[worker.Record.ID].MadeBy, "openopen"+keisha.User.ID)
		rig.Want(t, fmt.Sprint(own[staff.Record.ID].Organization.Name, own[staff.Record.ID].Sites, own[staff.Record.ID].ServedBy),
			fmt.Sprint("Hotel", []wire.Named{{ID: site, Name: "Hotel one"}}, []wire.Named{{ID: ngo, Name: "Outreach"}}))
		owner := r.Enroll(access.Coordinator, hotel)
		for _, other := range []*rig.Device{stranger, owner} {
			list := listed(t, r, other.Token)
			if _, seen := list[staff.Record.ID]; seen || list[worker.Record.ID].ID != "" {
				t.Error("another organization sees them")
			}
			if v := other.Fresh()["invites"]; v[staff.Record.ID] != nil || v[worker.Record.ID] != nil {
				t.Error("another organization pulls them")
			}
			bad(t, http.StatusNotFound, "not_found")(post(r, other.Token, "/api/fieldpost/invites/"+staff.Record.ID+"/end", nil))
		}
		if v := keisha.Fresh()["invites"]; v[staff.Record.ID] == nil || v[worker.Record.ID] == nil {
			t.Error("a coordinator does not pull them")
		}
		if list := listed(t, r, r.Enroll(access.Admin, ngo).Token); list[staff.Record.ID].ID == "" {
			t.Error("an admin does not see all")
		}
		for _, role := range []access.Role{access.Worker, access.Manager, access.Provider, access.LawEnforcement} {
			d := r.Enroll(role, ngo, site)
			bad(t, http.StatusForbidden, "not_allowed")(func() (int, map[string]any, string) {
				var answer map[string]any
				status := r.Send(http.MethodGet, d.Token, "/api/fieldpost/invites", nil, &answer)
				code, _ := answer["code"].(string)
				return status, answer, code
			}())
			bad(t, http.StatusForbidden, "not_allowed")(post(r, d.Token, "/api/fieldpost/invites/"+worker.Record.ID+"/end", nil))
		}
	})
	t.Run("[ENROL-2] expired, used up, ended and unknown are four answers, each with its words, by look as by enrolment", func(t *testing.T) {
		used, ended := invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker"}), invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker", Uses: 5})
		expired := invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker", Hours: 1})
		who(t, r, "", request(r.NewDevice(), used.Code))
		first := r.NewDevice()
		person := who(t, r, "", request(first, ended.Code))
		status, answer, _ := post(r, keisha.Token, "/api/fieldpost/invites/"+ended.Record.ID+"/end", nil)
		rig.Want(t, fmt.Sprint(status, answer["state"]), "200ended")
		rig.Want(t, who(t, r, "", request(first, ended.Code)), person) // the same again is the same answer
		r.Clock.Add(2 * time.Hour)
		for code, want := range map[string]string{used.Code: "invite_used", ended.Code: "invite_ended", expired.Code: "invite_expired", "2222-3333-4444": "invite_invalid"} {
			before := count(r)
			bad(t, http.StatusForbidden, want)(enroll(r, "", request(r.NewDevice(), code)))
			bad(t, http.StatusForbidden, want)(look(r, code))
			rig.Want(t, count(r), before)
		}
		own := listed(t, r, keisha.Token)
		rig.Want(t, own[used.Record.ID].State+own[ended.Record.ID].State+own[expired.Record.ID].State, "usedendedexpired")
	})
	t.Run("[ENROL-2] a look tells role, organization, sites, who receives, host and expiry, and uses nothing up", func(t *testing.T) {
		made := invited(t, r, keisha.Token, wire.InviteRequest{Role: "staff", Sites: []string{site}})
		before := count(r)
		for range 3 {
			status, answer, _ := look(r, strings.ToLower(made.Code))
			rig.Want(t, status, http.StatusOK)
			rig.Want(t, fmt.Sprint(answer["role"], answer["organization"], answer["sites"], answer["servedBy"], answer["host"], answer["unconfirmed"]),
				fmt.Sprint("staff", map[string]any{"id": hotel, "name": "Hotel"}, []any{map[string]any{"id": site, "name": "Hotel one"}},
					[]any{map[string]any{"id": ngo, "name": "Outreach"}}, strings.TrimPrefix(r.URL, "http://"), false))
			rig.Want(t, answer["expires"], made.Record.Expires)
		}
		rig.Want(t, count(r), before)
		bad(t, http.StatusBadRequest, "bad_request")(look(r, ""))
		_, answer, _ := enroll(r, "", request(r.NewDevice(), made.Code))
		rig.Want(t, fmt.Sprint(answer["organization"], answer["servedBy"], answer["host"], answer["unconfirmed"]),
			fmt.Sprint(map[string]any{"id": hotel, "name": "Hotel"}, []any{map[string]any{"id": ngo, "name": "Outreach"}}, strings.TrimPrefix(r.URL, "http://"), false))
		if label, _ := answer["label"].(string); !strings.HasPrefix(label, "staff-") {
			t.Error("no label")
		}
	})
	t.Run("[ENROL-2] an invite gives no more than its maker still has: of another role, of another organization, of a site that went to others", func(t *testing.T) {
		for name, change := range map[string]func(user string){
			"role":         func(user string) { set(r, "users", user, "role", "worker") },
			"organization": func(user string) { set(r, "users", user, "organization", rival) },
		} {
			d := r.Enroll(access.Coordinator, ngo)
			made := invited(t, r, d.Token, wire.InviteRequest{Role: "coordinator", Uses: 5})
			who(t, r, "", request(r.NewDevice(), made.Code))
			change(d.User.ID)
			before := count(r)
			bad(t, http.StatusForbidden, "invite_ended")(enroll(r, "", request(r.NewDevice(), made.Code)))
			if count(r) != before {
				t.Errorf("%s: something was written", name)
			}
		}
		moved := r.Site("Hotel three", hotel, ngo)
		made := invited(t, r, keisha.Token, wire.InviteRequest{Role: "staff", Sites: []string{moved}, Uses: 5})
		set(r, "sites", moved, "served_by", rival)
		bad(t, http.StatusForbidden, "invite_ended")(enroll(r, "", request(r.NewDevice(), made.Code)))
		if listed(t, r, keisha.Token)[made.Record.ID].ID != "" || listed(t, r, stranger.Token)[made.Record.ID].ID == "" {
			t.Error("who serves the site now does not look after its invites")
		}
	})
	t.Run("[ENROL-2] the invites of a person who leaves end, and nobody else's", func(t *testing.T) {
		d := r.Enroll(access.Coordinator, ngo)
		a, b, other := invited(t, r, d.Token, wire.InviteRequest{Role: "worker"}), invited(t, r, d.Token, wire.InviteRequest{Role: "worker", Uses: 9}), invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker"})
		for _, want := range []int{2, 0} {
			err := r.S.Store.TransactPeople(func(tx *records.People) error {
				n, err := tx.EndInvitesBy(d.User.ID)
				rig.Want(t, n, want)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for code, want := range map[string]string{a.Code: "invite_ended", b.Code: "invite_ended"} {
			bad(t, http.StatusForbidden, want)(enroll(r, "", request(r.NewDevice(), code)))
		}
		who(t, r, "", request(r.NewDevice(), other.Code))
	})
	t.Run("[R16] making and ending an invite, and confirming a person, are in the audit, without the code", func(t *testing.T) {
		made := invited(t, r, keisha.Token, wire.InviteRequest{Role: "worker"})
		post(r, keisha.Token, "/api/fieldpost/invites/"+made.Record.ID+"/end", nil)
		found, err := r.App.FindRecordsByFilter("audit", "record = {:id}", "number", 0, 0, map[string]any{"id": made.Record.ID})
		if err != nil || len(found) != 2 {
			t.Fatal(len(found), err)
		}
		for i, done := range []string{"made", "ended"} {
			rig.Want(t, found[i].GetString("act")+found[i].GetString("actor")+found[i].GetString("organization"), "invite"+keisha.User.ID+ngo)
			if raw := found[i].GetString("detail"); !strings.Contains(raw, done) || strings.Contains(raw, made.Code) {
				t.Error(raw)
			}
		}
	})
}

// set changes a field as the system.
func set(r *rig.Rig, collection, id, field string, value any) {
	r.T.Helper()
	record, err := r.App.FindRecordById(collection, id)
	if err != nil {
		r.T.Fatal(err)
	}
	record.Set(field, value)
	if err := r.App.Save(record); err != nil {
		r.T.Fatal(err)
	}
}

func TestGuessing(t *testing.T) {
	r := rig.New(t)
	ngo := r.Organization("Outreach")
	good := r.Invite(access.Worker, ngo, 50)
	signedIn := r.Enroll(access.Worker, ngo)
	t.Run("[ENROL-2] guessing at any pace is refused as unknown and then locks, by enrolment and look together; a right code waits too", func(t *testing.T) {
		before := count(r)
		codes := map[string]int{}
		for i := range 40 {
			guess := fmt.Sprintf("AAAA-BBBB-%04d", i)
			var code string
			if i%2 == 0 {
				_, _, code = enroll(r, "", request(r.NewDevice(), guess))
			} else {
				_, _, code = look(r, guess)
			}
			codes[code]++
		}
		rig.Want(t, codes, map[string]int{"invite_invalid": devices.WrongPerAddress - 1, "slow_down": 40 - devices.WrongPerAddress + 1})
		rig.Want(t, count(r), before)
		for _, path := range []string{"/api/sync/enroll", "/api/sync/invite"} {
			body, err := json.Marshal(request(r.NewDevice(), good))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.Post(r.URL+path, "application/json", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			raw, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			wait := 0
			if _, err := fmt.Sscan(res.Header.Get("Retry-After"), &wait); err != nil || res.StatusCode != http.StatusTooManyRequests || wait < 60 || wait > 16*60 {
				t.Fatalf("%d, Retry-After %q, %s", res.StatusCode, res.Header.Get("Retry-After"), raw)
			}
			for _, want := range []string{`"code":"slow_down"`, `"retry":"later"`, "Too many wrong codes were tried.", "exactly as it stands on the card"} {
				if !strings.Contains(string(raw), want) {
					t.Errorf("%s lacks %s", raw, want)
				}
			}
		}
		rig.Want(t, count(r), before)
	})
	t.Run("[ENROL-2] who is in goes on during a lock: sync, and a further device of theirs", func(t *testing.T) {
		_, v := signedIn.Create("observations", r.Observation(""))
		rig.Want(t, v.Verdict, wire.Applied)
		who(t, r, signedIn.Token, request(r.NewDevice(), ""))
	})
	t.Run("[ENROL-2] the lock ends, and the right code is taken", func(t *testing.T) {
		r.Clock.Add(devices.LockFor)
		who(t, r, "", request(r.NewDevice(), good))
	})
	t.Run("[ENROL-2] right, used-up and expired codes are no guesses", func(t *testing.T) {
		r.Clock.Add(devices.LockFor)
		used := r.Invite(access.Worker, ngo, 1)
		who(t, r, "", request(r.NewDevice(), used))
		for range 3 * devices.WrongPerAddress {
			bad(t, http.StatusForbidden, "invite_used")(look(r, used))
		}
		who(t, r, "", request(r.NewDevice(), good))
	})
	t.Run("[R22] no address is in the database or its log after a lock", func(t *testing.T) {
		for i := range devices.WrongPerAddress {
			look(r, fmt.Sprintf("AAAA-CCCC-%04d", i))
		}
		for _, db := range []string{"SELECT count(*) FROM _logs WHERE data LIKE '%127.0.0.1%' OR message LIKE '%127.0.0.1%'"} {
			var n int
			if err := r.App.AuxDB().NewQuery(db).Row(&n); err != nil {
				t.Fatal(err)
			}
			rig.Want(t, n, 0)
		}
	})
}
