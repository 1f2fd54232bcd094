package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/records"
	rig "github.com/fieldpost/fieldpost/internal/testrig"
)

const rootPassword = "correct horse battery"

// root is a superuser's record and token.
func root(t *testing.T, r *rig.Rig) (*core.Record, string) {
	t.Helper()
	c, err := r.App.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		t.Fatal(err)
	}
	s := core.NewRecord(c)
	s.SetEmail("root@example.org")
	s.SetPassword(rootPassword)
	if err := r.App.Save(s); err != nil {
		t.Fatal(err)
	}
	token, err := s.NewAuthToken()
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// reply is what a listener answers.
type reply struct {
	status int
	header http.Header
	code   string // the protocol's, "" if it is none
	raw    string
}

// knock sends a request as it is, without following where it is sent, and
// gives the beginning of the answer.
func knock(t *testing.T, method, url, token, body string, change ...func(*http.Request)) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	for _, c := range change {
		c(req)
	}
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := stay.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	out := reply{status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return out // it does not end
	}
	raw := make([]byte, 4096)
	n, err := io.ReadFull(res.Body, raw)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		t.Fatal(err)
	}
	out.raw = string(raw[:n])
	var fault struct {
		Code any `json:"code"`
	}
	if json.Unmarshal(raw[:n], &fault) == nil {
		out.code, _ = fault.Code.(string)
	}
	return out
}

// filled is a route with something in place of its parameters.
func filled(route, collection string) (method, path string) {
	method, path, ok := strings.Cut(route, " ")
	if !ok {
		method, path = http.MethodGet, method
	}
	return method, strings.NewReplacer("{collection}", collection, "{path...}", "", "{$}", "").Replace(
		strings.NewReplacer("{id}", "x", "{key}", "x", "{recordId}", "x", "{filename}", "x").Replace(path))
}

func TestDoors(t *testing.T) {
	r := rig.New(t)
	_, token := root(t, r)
	t.Run("[DOOR] every route that PocketBase brings is in the table, and the table names no other", func(t *testing.T) {
		var stock []string
		for _, route := range r.Routes {
			if path := route[strings.Index(route, " ")+1:]; !strings.HasPrefix(path, "/api/sync/") && !strings.HasPrefix(path, "/api/fieldpost/") {
				if httpapi.DoorsOf(route) == 0 {
					t.Errorf("%s is behind no door: decide on it in stockDoors", route)
				}
				stock = append(stock, route)
			}
		}
		if len(stock) < 50 {
			t.Fatalf("only %d routes were found", len(stock))
		}
		for route := range httpapi.StockDoors {
			if !slices.Contains(stock, route) && route != "/" { // the mux adds it, unless pages take its place
				t.Errorf("%s is in the table and nowhere else", route)
			}
		}
	})
	t.Run("[DOOR] a route that nobody has decided on is behind no door", func(t *testing.T) {
		for _, route := range []string{"GET /api/new", "POST /api/settings/new", "GET /_/new", "/api", "GET /api/", "example.org/"} {
			rig.Want(t, httpapi.DoorsOf(route), httpapi.Door(0))
		}
	})
	doors := map[httpapi.Door]string{httpapi.Public: r.URL, httpapi.Admin: r.Admin}
	for door, name := range map[httpapi.Door]string{httpapi.Public: "public", httpapi.Admin: "admin"} {
		t.Run("[DOOR] at the "+name+" listener there is what is behind it, and nothing else is there for anybody", func(t *testing.T) {
			for _, route := range r.Routes {
				method, path := filled(route, "users")
				if path == "/api/sync/" || path == "/" { // they answer that there is nothing
					continue
				}
				behind := httpapi.DoorsOf(route)&door != 0
				if behind && !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/_/") { // a page may not be there
					continue
				}
				a := knock(t, method, doors[door]+path, "", "{}")
				if gone := a.status == http.StatusNotFound && (a.code == "not_found" || method == http.MethodHead); gone == behind {
					t.Errorf("%s %s: behind it %v, and it answers %d %s", method, path, behind, a.status, a.raw)
				}
				if behind {
					continue
				}
				for _, m := range []string{http.MethodGet, http.MethodPut, http.MethodHead, "PROPFIND"} {
					if b := knock(t, m, doors[door]+path, token, ""); b.status != http.StatusNotFound && b.status != http.StatusForbidden {
						t.Errorf("%s %s with a superuser's token: %d %s", m, path, b.status, b.raw)
					}
				}
			}
		})
	}
	t.Run("[DOOR] the dashboard's page is at one listener, and the other does not send there either", func(t *testing.T) {
		rig.Want(t, knock(t, http.MethodGet, r.Admin+"/_/", "", "").status, http.StatusOK)
		for _, path := range []string{"/_", "/_/", "/_/index.html", "//_/", "/x/../_/", "/%5F/", "/_/extensions.js", "/_/#/login", "/api/settings/", "/api//settings", "/API/settings"} {
			a := knock(t, http.MethodGet, r.URL+path, token, "")
			if a.status != http.StatusNotFound && a.status != http.StatusForbidden {
				t.Errorf("%s: %d %s", path, a.status, a.raw)
			}
			if to := a.header.Get("Location"); to != "" {
				t.Errorf("%s sends to %s", path, to)
			}
		}
	})
}

func TestSuperusersComeInByOneDoor(t *testing.T) {
	r := rig.New(t)
	super, token := root(t, r)
	ngo := r.Organization("Outreach")
	worker, keisha := r.Enroll(access.Worker, ngo), r.Enroll(access.Coordinator, ngo)
	t.Run("[DOOR] a superuser's token is refused by every route of the public listener, in any spelling", func(t *testing.T) {
		for _, route := range r.Routes {
			method, path := filled(route, "organizations")
			if httpapi.DoorsOf(route)&httpapi.Public == 0 {
				continue
			}
			for _, form := range []string{token, "Bearer " + token, "bEaReR " + token} {
				a := knock(t, method, r.URL+path, form, "{}")
				if a.status != http.StatusForbidden || a.code != "not_allowed" && method != http.MethodHead { // which has no body
					t.Errorf("%s %s: %d %s", method, path, a.status, a.raw)
				}
			}
		}
	})
	t.Run("[DOOR] the same token reads and writes at the other listener", func(t *testing.T) {
		rig.Want(t, knock(t, http.MethodGet, r.Admin+"/api/collections/organizations/records", token, "").status, http.StatusOK)
		rig.Want(t, knock(t, http.MethodPost, r.Admin+"/api/collections/organizations/records", token, `{"name":"Another"}`).status, http.StatusOK)
		rig.Want(t, knock(t, http.MethodGet, r.Admin+"/api/settings", token, "").status, http.StatusOK)
	})
	t.Run("[DOOR] nobody becomes a superuser at the public listener: PocketBase's own collections are not there", func(t *testing.T) {
		signIn := `{"identity":"root@example.org","password":"` + rootPassword + `"}`
		for _, name := range []string{"_superusers", "_SUPERUSERS", super.Collection().Id, "%5Fsuperusers"} {
			for _, act := range []string{"auth-with-password", "auth-refresh", "request-otp", "auth-with-otp", "request-password-reset", "impersonate/" + super.Id} {
				if a := knock(t, http.MethodPost, r.URL+"/api/collections/"+name+"/"+act, "", signIn); a.status != http.StatusNotFound {
					t.Errorf("%s %s: %d %s", name, act, a.status, a.raw)
				}
			}
			if a := knock(t, http.MethodGet, r.URL+"/api/collections/"+name+"/auth-methods", worker.Token, ""); a.status != http.StatusNotFound {
				t.Errorf("%s: %d %s", name, a.status, a.raw)
			}
		}
		for _, name := range []string{"_externalAuths", "_mfas", "_otps", "_authOrigins"} {
			rig.Want(t, knock(t, http.MethodGet, r.URL+"/api/collections/"+name+"/records", worker.Token, "").status, http.StatusNotFound)
		}
		rig.Want(t, knock(t, http.MethodPost, r.Admin+"/api/collections/_superusers/auth-with-password", "", signIn).status, http.StatusOK)
	})
	t.Run("[DOOR] nor inside a batch", func(t *testing.T) {
		for _, inner := range []string{`{"method":"POST","url":"/api/collections/_superusers/records","body":{"email":"x@example.org","password":"1234567890","passwordConfirm":"1234567890"}}`,
			`{"method":"POST","url":"/api/collections/_superusers/auth-with-password","body":{}}`, `{"method":"PATCH","url":"/api/settings","body":{}}`} {
			if a := knock(t, http.MethodPost, r.URL+"/api/batch", r.Password(keisha.User.ID), `{"requests":[`+inner+`]}`); a.status != http.StatusBadRequest && a.status != http.StatusForbidden {
				t.Errorf("%s: %d %s", inner, a.status, a.raw)
			}
		}
	})
	t.Run("[DOOR] an admin listener of this machine answers to no name but this machine's", func(t *testing.T) {
		for host, want := range map[string]int{"rebound.example:8099": http.StatusNotFound, "127.0.0.1.example": http.StatusNotFound, "192.0.2.7:8099": http.StatusNotFound,
			"localhost:8099": http.StatusOK, "127.0.0.1": http.StatusOK, "[::1]:1": http.StatusOK} {
			a := knock(t, http.MethodGet, r.Admin+"/api/health", "", "", func(q *http.Request) { q.Host = host })
			if a.status != want {
				t.Errorf("%s: %d %s", host, a.status, a.raw)
			}
		}
	})
	t.Run("[DOOR] both listeners end with the server", func(t *testing.T) {
		r.Stop()
		for _, at := range []string{r.URL, r.Admin} {
			conn, err := net.DialTimeout("tcp", strings.TrimPrefix(at, "http://"), time.Second)
			if err == nil {
				conn.Close()
				t.Errorf("%s still listens", at)
			}
		}
	})
}

func TestHeaders(t *testing.T) {
	r := rig.New(t)
	// holds fails unless an answer has what every answer has.
	holds := func(t *testing.T, where string, h http.Header) {
		t.Helper()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", where, name, got)
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "://") {
			t.Errorf("%s: the policy is %q", where, policy)
		}
		if !strings.Contains(h.Get("Permissions-Policy"), "camera=()") {
			t.Errorf("%s: permissions are %q", where, h.Get("Permissions-Policy"))
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: pages elsewhere may read it", where)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: plain HTTP forbids itself", where)
		}
	}
	t.Run("[DOOR] every answer of either listener has the headers: good, refused, moved and not there", func(t *testing.T) {
		for _, at := range []string{r.URL, r.Admin} {
			for _, route := range append([]string{"GET /nothing", "GET //api/health", "GET /_", "TRACE /api/sync/hello"}, r.Routes...) {
				method, path := filled(route, "users")
				a := knock(t, method, at+path, "", "{}")
				holds(t, method+" "+at+path, a.header)
				if strings.HasPrefix(path, "/api/") && a.status < 300 && !strings.Contains(a.header.Get("Cache-Control"), "no-") {
					t.Errorf("%s %s may be kept: %q", method, path, a.header.Get("Cache-Control"))
				}
			}
		}
	})
	t.Run("[R22] the dashboard asks nobody else for map tiles or places", func(t *testing.T) {
		policy := knock(t, http.MethodGet, r.Admin+"/_/", "", "").header.Get("Content-Security-Policy")
		if policy == "" || strings.Contains(policy, "openstreetmap") || strings.Contains(policy, "http") {
			t.Fatal(policy)
		}
	})
	t.Run("[DOOR] no page of another origin is let in, its own or a sandbox's included", func(t *testing.T) {
		for _, origin := range []string{"https://elsewhere.example", "null", r.URL, r.Admin} {
			from := func(q *http.Request) { q.Header.Set("Origin", origin) }
			ask := func(q *http.Request) {
				from(q)
				q.Header.Set("Access-Control-Request-Method", "POST")
				q.Header.Set("Access-Control-Request-Headers", "authorization")
			}
			for _, at := range []string{r.URL + "/api/sync/hello", r.URL + "/api/sync/push", r.Admin + "/api/health"} {
				if a := knock(t, http.MethodGet, at, "", "", from); a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s: %v", origin, a.header)
				}
				a := knock(t, http.MethodOptions, at, "", "", ask)
				if a.status < 300 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Methods") != "" {
					t.Errorf("%s: %d %v", origin, a.status, a.header)
				}
			}
		}
	})
}

func TestRateLimits(t *testing.T) {
	r := rig.New(t)
	root(t, r)
	signIn := `{"identity":"root@example.org","password":"guessed wrongly"}`
	guess := func(n int) (last reply) {
		t.Helper()
		for range n {
			last = knock(t, http.MethodPost, r.Admin+"/api/collections/_superusers/auth-with-password", "", signIn)
		}
		return last
	}
	t.Run("[DOOR] without limits a superuser's password is guessed as often as one likes, so the next test can fail", func(t *testing.T) {
		rig.Want(t, guess(12).status, http.StatusBadRequest)
	})
	r.Stop()
	r.Settings = records.SettingsChoice{Proxies: []string{"X-Forwarded-For"}}
	r.Start()
	t.Run("[DOOR] guessing a superuser's password is told to slow down, in the protocol's words", func(t *testing.T) {
		a := guess(6)
		if a.status != http.StatusTooManyRequests || a.code != "slow_down" || a.header.Get("Retry-After") == "" {
			t.Fatalf("%d %s", a.status, a.raw)
		}
	})
	t.Run("[DOOR] at the admin listener a made-up proxy header does not make it another address", func(t *testing.T) {
		a := knock(t, http.MethodPost, r.Admin+"/api/collections/_superusers/auth-with-password", "", signIn, func(q *http.Request) { q.Header.Set("X-Forwarded-For", "192.0.2.9") })
		rig.Want(t, a.status, http.StatusTooManyRequests)
	})
	t.Run("[DOOR] people's sign-in has a limit for each address that the proxy names", func(t *testing.T) {
		try := func(from string) int {
			return knock(t, http.MethodPost, r.URL+"/api/collections/users/auth-with-password", "", signIn, func(q *http.Request) { q.Header.Set("X-Forwarded-For", from) }).status
		}
		slow := false
		for range 31 {
			slow = slow || try("192.0.2.1") == http.StatusTooManyRequests
		}
		if !slow || try("192.0.2.2") == http.StatusTooManyRequests {
			t.Fatalf("slowed down %v", slow)
		}
	})
	t.Run("[DOOR] a body that sign-in has no use for is not read to its end", func(t *testing.T) {
		big := `{"identity":"` + strings.Repeat("x", 1<<17) + `"}`
		a := knock(t, http.MethodPost, r.URL+"/api/collections/users/auth-refresh", "", big)
		b := knock(t, http.MethodPost, r.URL+"/api/collections/users/request-otp", "", big)
		if a.status < 400 || b.status != http.StatusBadRequest && b.status != http.StatusRequestEntityTooLarge && b.status != http.StatusForbidden && b.status != http.StatusTooManyRequests {
			t.Fatal(a.status, b.status, b.raw)
		}
	})
}

func TestSettingsThatAreKept(t *testing.T) {
	r := rig.New(t)
	r.Settings = records.SettingsChoice{}
	r.Stop()
	r.Start()
	_, token := root(t, r)
	wrong := map[string]map[string]any{
		"logs.logIP":                 {"logs": map[string]any{"logIP": true}},
		"logs.logAuthId":             {"logs": map[string]any{"logAuthId": true}},
		"logs.minLevel":              {"logs": map[string]any{"minLevel": -4}},
		"smtp.enabled":               {"smtp": map[string]any{"enabled": true, "host": "127.0.0.1", "port": 25}},
		"rateLimits.enabled":         {"rateLimits": map[string]any{"enabled": false}},
		"rateLimits.rules":           {"rateLimits": map[string]any{"rules": []any{map[string]any{"label": "/api/", "maxRequests": 100000, "duration": 1}}}},
		"rateLimits.excludedIPs":     {"rateLimits": map[string]any{"excludedIPs": []string{"127.0.0.1"}}},
		"batch.enabled":              {"batch": map[string]any{"enabled": false}},
		"trustedProxy.headers":       {"trustedProxy": map[string]any{"headers": []string{"X-Forwarded-For"}}},
		"trustedProxy.useLeftmostIP": {"trustedProxy": map[string]any{"useLeftmostIP": true}},
	}
	t.Run("[DOOR] [R22] a setting that requirements fix is not changed in the dashboard", func(t *testing.T) {
		for name, change := range wrong {
			var answer struct {
				Message string `json:"message"`
			}
			if status := r.Send(http.MethodPatch, token, "/api/settings", change, &answer); status != http.StatusBadRequest || !strings.Contains(answer.Message, name) {
				t.Errorf("%s: %d %s", name, status, answer.Message)
			}
		}
		rig.Want(t, r.Send(http.MethodPatch, token, "/api/settings", map[string]any{"meta": map[string]any{"appName": "Rounds"}}, nil), http.StatusOK)
	})
	t.Run("[DOOR] one that was changed past the dashboard is put right by the next start", func(t *testing.T) {
		s, err := r.App.Settings().Clone()
		if err != nil {
			t.Fatal(err)
		}
		s.Logs.LogIP, s.Logs.LogAuthId, s.Logs.MinLevel, s.SMTP.Enabled, s.RateLimits.Enabled = true, true, -4, true, false
		s.TrustedProxy.Headers, s.TrustedProxy.UseLeftmostIP = []string{"X-Real-Ip"}, true
		if err := r.App.Save(s); err != nil {
			t.Fatal(err)
		}
		choice := records.SettingsChoice{Proxies: []string{}}
		if drift := records.SettingsDrift(r.App.Settings(), choice); len(drift) != 7 {
			t.Fatal(drift)
		}
		r.Stop()
		r.Settings = choice
		r.Start()
		if drift := records.SettingsDrift(r.App.Settings(), choice); len(drift) != 0 {
			t.Fatal(drift)
		}
		rig.Want(t, r.App.Settings().Meta.AppName, "Rounds")
	})
	t.Run("[DOOR] a command beside the server leaves the choice of a proxy as it is", func(t *testing.T) {
		r.Stop()
		r.Settings = records.SettingsChoice{Proxies: []string{"X-Forwarded-For"}}
		r.Start()
		r.Stop()
		r.Settings = records.SettingsChoice{}
		r.Start()
		rig.Want(t, r.App.Settings().TrustedProxy.Headers, []string{"X-Forwarded-For"})
	})
}

func TestFiles(t *testing.T) {
	r := rig.New(t)
	_, token := root(t, r)
	c := core.NewBaseCollection("uploads")
	c.Fields.Add(&core.FileField{Name: "file", MaxSelect: 1, MaxSize: 1 << 20})
	anybody := ""
	c.ViewRule, c.CreateRule = &anybody, &anybody
	if err := r.App.Save(c); err != nil {
		t.Fatal(err)
	}
	upload := func(t *testing.T, name, content string) string {
		t.Helper()
		body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/html\r\n\r\n" + content + "\r\n--b--\r\n"
		a := knock(t, http.MethodPost, r.Admin+"/api/collections/uploads/records", token, body, func(q *http.Request) { q.Header.Set("Content-Type", "multipart/form-data; boundary=b") })
		var made struct{ ID, File string }
		if err := json.Unmarshal([]byte(a.raw), &made); err != nil || made.File == "" {
			t.Fatal(a.status, a.raw)
		}
		return "/api/files/uploads/" + made.ID + "/" + url.PathEscape(made.File)
	}
	for name, content := range map[string]string{"page.html": "<!doctype html><script>1</script>", "drawing.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`,
		"photo.png": "\x89PNG\r\n\x1a\n0000", "sheet.pdf": "%PDF-1.4", "sound.mp3": "ID3"} {
		t.Run("[DOOR] a stored "+name+" is saved and not shown, guessed at, run or kept", func(t *testing.T) {
			path := upload(t, name, content)
			for _, at := range []string{r.URL, r.Admin} {
				for _, query := range []string{"", "?download=0", "?thumb=100x100"} {
					a := knock(t, http.MethodGet, at+path+query, "", "")
					h := a.header
					if a.status != http.StatusOK || !strings.HasPrefix(h.Get("Content-Disposition"), "attachment; filename=") || h.Get("X-Content-Type-Options") != "nosniff" ||
						!strings.Contains(h.Get("Content-Security-Policy"), "; sandbox") || strings.Contains(h.Get("Content-Security-Policy"), "allow-") ||
						h.Get("Cache-Control") != "private, no-store" || h.Get("X-Frame-Options") != "DENY" {
						t.Errorf("%s: %d %v", query, a.status, h)
					}
				}
			}
		})
	}
	t.Run("[DOOR] a superuser's access to files opens none at the public listener", func(t *testing.T) {
		path := upload(t, "page.html", "x")
		c.Fields.GetByName("file").(*core.FileField).Protected = true
		c.ViewRule = nil
		if err := r.App.Save(c); err != nil {
			t.Fatal(err)
		}
		var files struct{ Token string }
		rig.Want(t, r.Send(http.MethodPost, token, "/api/files/token", nil, &files), http.StatusOK)
		rig.Want(t, knock(t, http.MethodGet, r.Admin+path+"?token="+files.Token, "", "").status, http.StatusOK)
		rig.Want(t, knock(t, http.MethodGet, r.URL+path+"?token="+files.Token, "", "").status, http.StatusNotFound)
	})
}

func TestSuperusersTokens(t *testing.T) {
	t.Run("[DOOR] a superuser's token ends with the shift", func(t *testing.T) {
		r := rig.New(t)
		super, token := root(t, r)
		rig.Want(t, super.Collection().AuthToken.Duration, int64(8*60*60))
		if _, over := records.ReadClaims(token, time.Now().Add(7*time.Hour)); over {
			t.Error("it has ended after 7 hours")
		}
		if _, over := records.ReadClaims(token, time.Now().Add(9*time.Hour)); !over {
			t.Error("it has not ended after 9 hours")
		}
	})
	t.Run("[RATES] one address has its limit on enrolments, and is told to wait", func(t *testing.T) {
		r := rig.New(t)
		r.Stop()
		r.Settings = records.SettingsChoice{}
		r.Start()
		var last reply
		for range 601 {
			if last = knock(t, http.MethodPost, r.URL+"/api/sync/enroll", "", "{}"); last.status == http.StatusTooManyRequests {
				break
			}
		}
		if last.code != "slow_down" || last.header.Get("Retry-After") == "" {
			t.Fatal(last.status, last.raw)
		}
	})
}
