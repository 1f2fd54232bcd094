// Package web holds the built apps and serves them: the field app at /, the
// board at /board. What is built lies in dist and is committed, so that Go
// alone runs everything.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed all:dist
var built embed.FS

// pages are the addresses that are a page, with its file.
var pages = map[string]string{"/": "field/index.html", "/board": "board/index.html", "/board/": "board/index.html"}

// own adds to a policy what each page brings in itself, by its hash: the field
// app's first picture waits for no file. Whatever else gets into a page is not run.
var own = func() map[string]*strings.Replacer {
	within := map[string]*regexp.Regexp{"script-src 'self'": regexp.MustCompile(`(?s)<script[^>]*>(.+?)</script>`), "style-src 'self'": regexp.MustCompile(`(?s)<style>(.+?)</style>`)}
	all := map[string]*strings.Replacer{}
	for _, name := range pages {
		data, err := built.ReadFile("dist/" + name)
		if err != nil {
			continue // not built: Serve says there is no page
		}
		var pairs []string
		for rule, is := range within {
			with := rule
			for _, m := range is.FindAllSubmatch(data, -1) {
				sum := sha256.Sum256(m[1])
				with += " 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			}
			pairs = append(pairs, rule, with)
		}
		all[name] = strings.NewReplacer(pairs...)
	}
	return all
}()

// types are those that a machine's own list may lack or name otherwise.
var types = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".json": "application/json",
	".svg": "image/svg+xml", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm", ".png": "image/png",
}

// Serve answers a request for a page or a file of the apps, and tells whether
// there is one; otherwise nothing is written, and the caller says so in its own
// words. Names with a hash in them never change; everything else is asked for
// again each time, the service worker too, so that an update is found. There
// are no redirects, which would break a precached page, and no page in the
// place of a missing script.
func Serve(w http.ResponseWriter, r *http.Request) bool {
	name, page := pages[r.URL.Path]
	if !page {
		name = strings.TrimPrefix(path.Clean(r.URL.Path), "/")
		if strings.HasSuffix(name, ".html") || strings.HasSuffix(name, ".gz") || strings.HasPrefix(path.Base(name), ".") {
			return false
		}
	}
	files, err := fs.Sub(built, "dist")
	if err != nil {
		return false
	}
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return false
	}
	h := w.Header()
	if page {
		h.Set("Content-Security-Policy", own[name].Replace(h.Get("Content-Security-Policy")))
	}
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Type", typeOf(name))
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if small, err := fs.ReadFile(files, name+".gz"); err == nil {
			h.Set("Content-Encoding", "gzip")
			data = small
		}
	}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // who asked has gone
	}
	return true
}

func typeOf(name string) string {
	ext := path.Ext(name)
	if t, ok := types[ext]; ok {
		return t
	}
	if t := mime.TypeByExtension(ext); t != "" {
		return t
	}
	return "application/octet-stream"
}
