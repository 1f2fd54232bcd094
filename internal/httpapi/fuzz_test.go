package httpapi

import (
	"bytes"
	stdgzip "compress/gzip"
	"io"
	"net/http"
	"testing"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func FuzzInflate(f *testing.F) {
	const rule = "[PUSH-13] any body is read within the caps and as the standard library reads it, or gets a permanent code"
	press := func(raw []byte) []byte {
		var b bytes.Buffer
		z := stdgzip.NewWriter(&b)
		if _, err := z.Write(raw); err != nil {
			f.Fatal(err)
		}
		if err := z.Close(); err != nil {
			f.Fatal(err)
		}
		return b.Bytes()
	}
	one := press([]byte(`{"protocol":1}`))
	for _, body := range [][]byte{nil, one, append(append([]byte{}, one...), one...), one[:len(one)-3], append(append([]byte{}, one...), 'x'),
		press(bytes.Repeat([]byte("ab"), 5000)), press(nil), press(one), {0x1f, 0x8b}, []byte("plain")} {
		f.Add("gzip", body, 4096)
		f.Add("", body, 64)
	}
	f.Add("br", one, 10)
	f.Add("GZIP, gzip", one, 10)
	f.Fuzz(func(t *testing.T, encoding string, body []byte, limit int) {
		t.Log(rule)
		if limit < 0 || limit > 1<<20 {
			return // no installation has such a cap
		}
		limits := wire.Limits{Bytes: 1 << 16, Inflated: int64(limit)}
		e := &core.RequestEvent{Event: router.Event{Request: &http.Request{
			Header: http.Header{"Content-Encoding": {encoding}}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1}}}
		raw, err := received(e, limits)
		if err == nil {
			raw, err = inflate(e, raw, limits)
		}
		if err != nil {
			if c := fault.Of(err).Code; c != fault.BadRequest && c != fault.TooLarge {
				t.Fatalf("%v", err)
			}
			if int64(len(body)) <= limits.Bytes && int64(len(body)) <= limits.Inflated && (encoding == "" || encoding == "identity") {
				t.Fatalf("a plain body of %d was refused: %v", len(body), err)
			}
			return
		}
		if int64(len(raw)) > limits.Inflated {
			t.Fatalf("%d bytes of at most %d", len(raw), limits.Inflated)
		}
		want := body
		if encoding != "" && encoding != "identity" && len(encoding) == 4 {
			z, err := stdgzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatalf("taken as gzip: %v", err)
			}
			if want, err = io.ReadAll(z); err != nil {
				t.Fatalf("taken as gzip: %v", err)
			}
		}
		if !bytes.Equal(raw, want) {
			t.Fatalf("%q was read as %q, want %q", body, raw, want)
		}
	})
}
