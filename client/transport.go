package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/klauspost/compress/gzip"
)

// maxAnswer bounds an answer's size, inflated: a stranger's endless page must
// not fill the memory.
const maxAnswer = 64 << 20

// request is one exchange with the server.
type request struct {
	method string
	base   string // address of the server
	path   string
	token  string
	body   []byte
	wait   time.Duration // how long the server may hold it
	within time.Duration // how long the rest may take; 0: Options.Timeout
}

// timing is when, by the device's clock, a request left and its answer was read.
type timing struct {
	sent, got time.Time
	held      bool // the server may have held the request
}

// offset is server minus device in ms. The server read its clock somewhere
// between sending and receiving; of a held request it is known to be late.
func (t timing) offset(server time.Time) int64 {
	at := t.got
	if !t.held {
		at = t.sent.Add(t.got.Sub(t.sent) / 2)
	}
	return server.Sub(at).Milliseconds()
}

// exchange sends r and decodes the answer into out. The error is the caller's
// own ctx.Err(), or an *Error: ErrOffline when no answer came, ErrNotFieldpost
// when it was not ours (DEV-7), otherwise what the error body says.
func (d *Device) exchange(ctx context.Context, r request, out any) (timing, error) {
	t := timing{held: r.wait > 0}
	if r.within == 0 {
		r.within = d.opt.Timeout
	}
	limited, cancel := context.WithTimeout(ctx, r.within+r.wait)
	defer cancel()
	req, err := d.newRequest(limited, r)
	if err != nil {
		return t, err
	}
	t.sent, _ = d.now()
	res, err := d.opt.HTTP.Do(req)
	if err != nil {
		return t, noAnswer(ctx, err)
	}
	defer res.Body.Close()
	body, err := readBody(res)
	t.got, _ = d.now()
	if err != nil {
		var own *Error
		if err = noAnswer(ctx, err); errors.As(err, &own) {
			own.begun = true
		}
		return t, err
	}
	return t, decodeAnswer(res, body, out)
}

func (d *Device) newRequest(ctx context.Context, r request) (*http.Request, error) {
	body, zipped := r.body, false
	if len(body) > 512 {
		var err error
		if body, err = pack(body); err != nil {
			return nil, fmt.Errorf("pack request: %w", err)
		}
		zipped = true
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, badInput("bad_url", "The server's address cannot be used.", "Give an address such as https://example.org.")
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if zipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Accept-Encoding", "gzip")
	// What the installed program is called is nobody's business on the way (R11).
	req.Header.Set("User-Agent", "device/1")
	if r.token != "" {
		req.Header.Set("Authorization", r.token)
	}
	// Sending any of these requests twice is harmless; with this Go retries
	// on a kept connection that died meanwhile. A nil value is not sent.
	req.Header["X-Idempotency-Key"] = nil
	return req, nil
}

// noAnswer keeps the caller's own cancelling apart from a dead network.
func noAnswer(ctx context.Context, err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return offline(err)
}

// packers and unpackers are used again: to make one costs more than what a pull
// has it do.
var packers, unpackers sync.Pool

func pack(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, ok := packers.Get().(*gzip.Writer)
	if ok {
		z.Reset(&buf)
	} else {
		z = gzip.NewWriter(&buf)
	}
	defer packers.Put(z)
	if _, err := z.Write(body); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func unpacker(from io.Reader) (*gzip.Reader, error) {
	z, ok := unpackers.Get().(*gzip.Reader)
	if !ok {
		return gzip.NewReader(from)
	}
	return z, z.Reset(from)
}

func readBody(res *http.Response) ([]byte, error) {
	var from io.Reader = res.Body
	if strings.EqualFold(res.Header.Get("Content-Encoding"), "gzip") {
		z, err := unpacker(res.Body)
		if z != nil {
			defer unpackers.Put(z)
		}
		if err != nil {
			if errors.Is(err, gzip.ErrHeader) {
				return nil, notOurs("The answer cannot be unpacked.", res.StatusCode, err)
			}
			return nil, err
		}
		from = z
	}
	body, err := io.ReadAll(io.LimitReader(from, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, notOurs("The answer has no end.", res.StatusCode, nil)
	}
	return body, nil
}

// complete is an answer that can tell whether all its members were there.
type complete interface{ missing() string }

func decodeAnswer(res *http.Response, body []byte, out any) error {
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return notOurs("The address answers with a redirect.", res.StatusCode, nil)
	}
	kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return notOurs("Something else than the server answered.", res.StatusCode, nil)
	}
	if res.StatusCode != http.StatusOK {
		return decodeFault(res, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return notOurs("The answer cannot be read.", res.StatusCode, err)
	}
	if c, ok := out.(complete); ok {
		if m := c.missing(); m != "" {
			return notOurs("The answer is not a server's of ours: "+m+" is missing.", res.StatusCode, nil)
		}
	}
	return nil
}

// decodeFault reads an error body. One in PocketBase's shape but without a
// code is not ours either, but push may have to look who is at fault.
func decodeFault(res *http.Response, body []byte) error {
	var b struct {
		wire.ErrorBody
		Data *json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &b); err != nil || b.Status != res.StatusCode {
		return notOurs("Something else than the server answered.", res.StatusCode, err)
	}
	if b.Code == "" {
		switch {
		case b.Data == nil:
			return notOurs("Something else than the server answered.", res.StatusCode, nil)
		case b.Status == http.StatusTooManyRequests:
			b.Code, b.Retry = string(fault.SlowDown), string(fault.Later)
		case b.Status == http.StatusRequestEntityTooLarge:
			b.Code, b.Retry = string(fault.TooLarge), string(fault.Split)
		default:
			e := notOurs("The server does not have what this device needs.", b.Status, nil)
			e.Code = "no_code"
			return e
		}
	}
	e := &Error{Kind: ErrRefused, Code: b.Code, Message: b.Message, Hint: b.Hint, status: b.Status, limits: b.Limits}
	if b.Retry == string(fault.Later) || b.Status >= 500 {
		e.Kind, e.RetryAfter = ErrLater, retryAfter(res)
	}
	if e.Hint == "" {
		e.Hint = "What you saved is kept on this device."
	}
	return e
}

// retryAfter reads the header in its form of seconds, at most an hour.
func retryAfter(res *http.Response) time.Duration {
	s, err := strconv.Atoi(strings.TrimSpace(res.Header.Get("Retry-After")))
	if err != nil || s < 0 {
		return 0
	}
	return min(time.Duration(s)*time.Second, time.Hour)
}

// cleanURL brings a server's address into the one form that is stored.
func cleanURL(text string) (string, error) {
	bad := badInput("bad_url", "The server's address cannot be used.", "Give an address such as https://example.org or http://127.0.0.1:8090.")
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", bad
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// helloAnswer, and the answers of push and pull below, tell a missing member
// from an empty one.
type helloAnswer struct {
	Protocol  []int        `json:"protocol"`
	Schema    int          `json:"schema"`
	MinSchema int          `json:"minSchema"`
	Epoch     *string      `json:"epoch"`
	Now       serverTime   `json:"now"`
	Limits    *wire.Limits `json:"limits"`
}

func (a *helloAnswer) missing() string {
	switch {
	case len(a.Protocol) == 0:
		return "protocol"
	case a.Epoch == nil:
		return "epoch"
	case a.Now.IsZero():
		return "now"
	case a.Limits == nil || a.Limits.Mutations < 1 || a.Limits.Bytes < 1 || a.Limits.Inflated < 1:
		return "limits"
	}
	return ""
}

// serverTime is an envelope time.
type serverTime struct{ time.Time }

// UnmarshalJSON leaves the time zero when it is no RFC 3339 text.
func (t *serverTime) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			t.Time = at
		}
	}
	return nil
}

// place is what the answers of push and pull have in common: where the server
// stands in its history.
type place struct {
	Epoch      string     `json:"epoch"`
	Now        serverTime `json:"now"`
	Mark       string     `json:"mark"`
	DurableSeq *int64     `json:"durableSeq"`
	Rewound    bool       `json:"rewound"`
	Wipe       string     `json:"wipe"` // an order to wipe itself
}

func (p *place) missing() string {
	switch {
	case p.Epoch == "":
		return "epoch"
	case p.Now.IsZero():
		return "now"
	case p.Mark == "":
		return "mark"
	case p.DurableSeq == nil:
		return "durableSeq"
	}
	return ""
}
