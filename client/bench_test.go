package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// canned is a server that costs nearly nothing: every pull brings 50 new
// reports, every push is taken.
type canned struct {
	b    *testing.B
	seq  int
	note string
}

func (c *canned) RoundTrip(req *http.Request) (*http.Response, error) {
	at := `"epoch":"e","now":"` + time.Now().UTC().Format(wire.TimeFormat) + `","mark":"m","durableSeq":0,"rewound":false,`
	var out bytes.Buffer
	switch {
	case strings.HasSuffix(req.URL.Path, "/pull"):
		fmt.Fprintf(&out, `{%s"reset":false,"more":false,"cursor":"c%d","seen":[],"unsealed":[],"changes":[`, at, c.seq)
		for i := range 50 {
			c.seq++
			if i > 0 {
				out.WriteByte(',')
			}
			fmt.Fprintf(&out, `{"collection":"observations","id":"%s","seq":%d,"record":{"id":"%s","author":"%s","indicators":["a_b_c","d_e_f"],"note":%q,"site":"%s"}}`,
				id15(c.seq), c.seq, id15(c.seq), id15(1), c.note, id15(2))
		}
		out.WriteString("]}")
	case strings.HasSuffix(req.URL.Path, "/push"):
		raw, err := readBody(&http.Response{Header: http.Header{"Content-Encoding": req.Header["Content-Encoding"]}, Body: req.Body})
		if err != nil {
			return nil, err
		}
		var push struct{ Mutations []struct{ N int } }
		if err := json.Unmarshal(raw, &push); err != nil {
			return nil, err
		}
		c.seq++
		fmt.Fprintf(&out, `{%s"verdicts":[{"n":%d,"verdict":"applied","seq":%d}]}`, at, push.Mutations[0].N, c.seq)
	}
	packed, err := pack(out.Bytes())
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(packed)),
		Header: http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}}, nil
}

// cannedDevice is one that has enrolled, with its store on the disk.
func cannedDevice(b *testing.B) *Device {
	c := &canned{b: b, note: strings.Repeat("a note of some words and more ", 10)}
	d, err := Open(filepath.Join(b.TempDir(), "s.db"), Options{HTTP: &http.Client{Transport: c}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = d.Close() })
	if _, err := d.store.db.Exec("UPDATE device SET url = 'http://canned', token = 't', person = '{}', cursor = 'c', checked = ?", time.Now().UnixMilli()); err != nil {
		b.Fatal(err)
	}
	return d
}

// worked tells the processor's time of an operation, which says more than the
// clock where others work on the machine.
func worked(b *testing.B, do func()) {
	var before, after syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
		b.Fatal(err)
	}
	do()
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
		b.Fatal(err)
	}
	used := func(r syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
	b.ReportMetric(float64(used(after)-used(before))/1000/float64(b.N), "cpu-us/op")
}

func BenchmarkPullOf50(b *testing.B) {
	d := cannedDevice(b)
	b.ReportAllocs()
	b.ResetTimer()
	worked(b, func() {
		for range b.N {
			if r, err := d.Pull(context.Background(), 0); err != nil || len(r.Changes) != 50 {
				b.Fatal(len(r.Changes), err)
			}
		}
	})
}

func BenchmarkPushOfOne(b *testing.B) {
	d := cannedDevice(b)
	for range b.N {
		if _, err := d.Do(Op{Op: wire.OpCreate, Collection: "observations", Fields: map[string]any{"note": "a note of some words"}}); err != nil {
			b.Fatal(err)
		}
	}
	d.batch = 1
	b.ReportAllocs()
	b.ResetTimer()
	worked(b, func() {
		for range b.N { // the first sends all that waits, one request each
			if _, err := d.Push(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
