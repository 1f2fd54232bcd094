package web

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path, encoding string) (*http.Response, string, bool) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	there := Serve(w, r)
	res := w.Result()
	var body io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	data, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(data), there
}

func TestServe(t *testing.T) {
	t.Run("[HOUSE] the field app is at /, neutral by name, and finds its files", func(t *testing.T) {
		res, page, there := get(t, "/", "")
		if !there || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.Header.Get("Cache-Control") != "no-cache" {
			t.Fatalf("%v %v", there, res.Header)
		}
		if !strings.Contains(page, "<title>Daybook</title>") || strings.Contains(strings.ToLower(page), "fieldpost") || strings.Contains(strings.ToLower(page), "traffick") {
			t.Fatal("R11: the page before unlock is not neutral")
		}
		files := regexp.MustCompile(`["\s](/[\w./-]+)`).FindAllStringSubmatch(regexp.MustCompile(`(?s)<style>.*?</style>|>\(.*?</script>`).ReplaceAllString(page, ""), -1)
		if len(files) < 6 {
			t.Fatalf("%d files in the page", len(files))
		}
		for _, f := range files {
			if _, _, there := get(t, f[1], "gzip"); !there {
				t.Errorf("%s is missing", f[1])
			}
		}
	})
	t.Run("[R22] what a page brings in itself is let run by its hash, and nothing else that stands in it", func(t *testing.T) {
		const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'"
		for path, within := range map[string]int{"/": 2, "/board": 0, "/sw.js": 0} {
			w := httptest.NewRecorder()
			w.Header().Set("Content-Security-Policy", policy)
			if !Serve(w, httptest.NewRequest(http.MethodGet, path, nil)) {
				t.Fatalf("%s is not there", path)
			}
			got, page := w.Header().Get("Content-Security-Policy"), w.Body.String()
			want := policy
			for kind, is := range map[string]string{"script": `(?s)<script[^>]*>([^<].*?)</script>`, "style": `(?s)<style[^>]*>(.*?)</style>`} {
				for _, m := range regexp.MustCompile(is).FindAllStringSubmatch(page, -1) {
					sum := sha256.Sum256([]byte(m[1]))
					want = strings.Replace(want, kind+"-src 'self'", kind+"-src 'self' 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", 1)
					within--
				}
			}
			if got != want || within != 0 || strings.Contains(got, "unsafe-inline") {
				t.Errorf("%s: %s\n%d more were thought to be in it\nwant %s", path, got, within, want)
			}
		}
	})
	t.Run("[HOUSE] a name with a hash is kept for ever, compressed where the browser can, and is the same", func(t *testing.T) {
		names, err := fs.Glob(built, "dist/assets/field-*.js")
		if err != nil || len(names) != 1 {
			t.Fatalf("%v %v", names, err)
		}
		path := strings.TrimPrefix(names[0], "dist")
		plain, raw, _ := get(t, path, "")
		small, unpacked, _ := get(t, path, "br, gzip")
		if plain.Header.Get("Content-Encoding") != "" || small.Header.Get("Content-Encoding") != "gzip" || raw != unpacked || raw == "" {
			t.Fatalf("%q %q", plain.Header, small.Header)
		}
		if !strings.Contains(plain.Header.Get("Cache-Control"), "immutable") {
			t.Fatal(plain.Header)
		}
	})
	t.Run("[HOUSE] what is not there is not there: no page for a script, no listing, nothing above", func(t *testing.T) {
		for _, path := range []string{"/assets/none.js", "/index.html", "/field/index.html", "/assets/", "/../embed.go", "/none", "/api/none", "/sw.js.gz"} {
			if res, _, there := get(t, path, ""); there {
				t.Errorf("%s: %d", path, res.StatusCode)
			}
		}
	})
	t.Run("[HOUSE] the service worker precaches what the page needs and never the board", func(t *testing.T) {
		_, worker, there := get(t, "/sw.js", "")
		if !there {
			t.Fatal("there is no service worker")
		}
		list := regexp.MustCompile(`const FILES = \[(.*)\];`).FindStringSubmatch(worker)
		if list == nil || strings.Contains(worker, "__FILES__") || strings.Contains(worker, "__VERSION__") {
			t.Fatal("the build has not filled it in")
		}
		files := regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list[1], -1)
		for _, f := range files {
			if _, _, there := get(t, f[1], ""); !there {
				t.Errorf("%s is missing", f[1])
			}
			if strings.Contains(f[1], "board") {
				t.Errorf("%s is the board's", f[1])
			}
		}
		if len(files) < 8 {
			t.Errorf("%d files", len(files))
		}
	})
}
