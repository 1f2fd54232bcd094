package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the field app may weigh in script, in bytes after gzip: an old phone on a
// bad link waits for each of them.
const scriptBound = 110_000

// What hands in photos, beside that: a phone whose organization allows none
// never loads it, and the service worker keeps it on none (decision 0030).
const photoBound = 8_000

// gzipped is how many bytes a script has on the wire.
func gzipped(t *testing.T, script []byte) int {
	t.Helper()
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(script); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Len()
}

// weigh sums the scripts that a service worker lists: every one that its page
// loads, at once or later.
func weigh(t *testing.T, files fs.FS, worker string) (sum, n int) {
	t.Helper()
	list := regexp.MustCompile(`const FILES = \[([^\]]*)\]`).FindStringSubmatch(worker)
	if list == nil {
		t.Fatal("the service worker has no list")
	}
	for _, m := range regexp.MustCompile(`"/([^"]+\.m?js)"`).FindAllStringSubmatch(list[1], -1) {
		data, err := fs.ReadFile(files, m[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += gzipped(t, data)
		n++
	}
	return sum, n
}

func TestScript(t *testing.T) {
	t.Run("[HOUSE] the field app's script is 110 kB gzip at most, all that its page loads at once or later", func(t *testing.T) {
		files, err := fs.Sub(built, "dist")
		if err != nil {
			t.Fatal(err)
		}
		worker, err := fs.ReadFile(files, "sw.js")
		if err != nil {
			t.Fatal(err)
		}
		sum, n := weigh(t, files, string(worker))
		if n == 0 || !strings.Contains(string(worker), "/assets/field-") {
			t.Fatalf("%d scripts in the list, and the app's own must be one", n)
		}
		// And what stands in the page itself.
		page, err := fs.ReadFile(files, "field/index.html")
		if err != nil {
			t.Fatal(err)
		}
		within := regexp.MustCompile(`(?s)<script[^>]*>(.+?)</script>`).FindAllSubmatch(page, -1)
		for _, m := range within {
			sum += gzipped(t, m[1])
		}
		if len(within) != 1 {
			t.Errorf("%d scripts in the page, and what draws first must be the one", len(within))
		}
		// What hands in photos is not loaded before there is one: it is weighed by itself.
		hands, err := fs.Glob(files, "assets/hand-*.js")
		if err != nil || len(hands) > 1 {
			t.Fatal(hands, err)
		}
		for _, name := range hands {
			apart, _ := weigh(t, files, `const FILES = ["/`+name+`"]`)
			if apart > photoBound {
				t.Errorf("%s: %d bytes, and %d are the most", name, apart, photoBound)
			}
			t.Logf("%s: %d bytes, apart", name, apart)
		}
		// What a script asks for and the list has not would not be weighed.
		for _, m := range regexp.MustCompile(`"/(assets/[^"]+\.js)"`).FindAllStringSubmatch(string(worker), -1) {
			data, err := fs.ReadFile(files, m[1])
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range regexp.MustCompile(`(?:from|import)\s*\(?\s*["'\x60]\./([\w.-]+\.js)`).FindAllStringSubmatch(string(data), -1) {
				if !strings.Contains(string(worker), `"/assets/`+i[1]+`"`) && !slices.Contains(hands, "assets/"+i[1]) {
					t.Errorf("%s loads %s, which is not in the service worker's list", m[1], i[1])
				}
			}
		}
		if sum > scriptBound {
			t.Errorf("%d bytes in %d scripts, and %d are the most", sum, n, scriptBound)
		}
		t.Logf("%d bytes in %d scripts", sum, n)
	})
}
