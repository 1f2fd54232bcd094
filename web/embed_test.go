package web

import (
	"compress/gzip"
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
		files := regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page, -1)
		if len(files) < 4 {
			t.Fatalf("%d files in the page", len(files))
		}
		for _, f := range files {
			if _, _, there := get(t, f[1], "gzip"); !there {
				t.Errorf("%s is missing", f[1])
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
