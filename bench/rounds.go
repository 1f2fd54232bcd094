package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// meter counts the bytes of bodies and headers that cross the connection.
type meter struct{ up, down atomic.Int64 }

type metered struct {
	net.Conn
	m *meter
}

func (c metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.m.down.Add(int64(n))
	return n, err
}

func (c metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.m.up.Add(int64(n))
	return n, err
}

func (m *meter) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		return metered{conn, m}, err
	}}}
}

func (m *meter) reset() { m.up.Store(0); m.down.Store(0) }

func post(client *http.Client, url, token string, body []byte, zipped bool) ([]byte, error) {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return send(client, req, token, zipped)
}

func send(client *http.Client, req *http.Request, token string, zipped bool) ([]byte, error) {
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	if zipped {
		req.Header.Set("Accept-Encoding", "gzip")
		if req.Method == http.MethodPost {
			req.Header.Set("Content-Encoding", "gzip")
		}
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var in io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		if in, err = gzip.NewReader(res.Body); err != nil {
			return nil, err
		}
	}
	out, err := io.ReadAll(in)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %.300s", req.URL.Path, res.StatusCode, out)
	}
	return out, err
}

func pack(v any) ([]byte, error) {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, 6)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// pushSize is how many mutations a request carries, as from the client library.
const pushSize = 500

// roundFieldpost pushes n observations, writes the same rows raw, and pulls the
// observations fresh. Making the records is not timed; encoding,
// compressing and decoding are, as for stock.
func roundFieldpost(n int, push, pull, raw *result) error {
	server, stop, err := startServer("fieldpost")
	if err != nil {
		return err
	}
	defer stop()
	m := &meter{}
	client := m.client()
	r := mathrand.New(mathrand.NewSource(1))
	device, token, err := enroll(client, server, r)
	if err != nil {
		return err
	}
	made := observations(n, r, device, server.Site)
	f := &floor{}
	if err := f.before(server.Dir); err != nil {
		return err
	}
	defer f.remove()
	m.reset()
	start := time.Now()
	if err := pushAll(client, server, device, token, made); err != nil {
		return err
	}
	push.add(time.Since(start).Seconds(), m.up.Load(), m.down.Load())
	if err := f.read(server.Dir, pushSize); err != nil {
		return err
	}
	if err := f.run(raw); err != nil {
		return err
	}

	m.reset()
	start = time.Now()
	got, cursor := 0, any(nil)
	for more := true; more; {
		body, err := pack(map[string]any{"protocol": 1, "schema": 1, "device": device, "mark": nil, "cursor": cursor, "limit": 500})
		if err != nil {
			return err
		}
		out, err := post(client, server.URL+"/api/sync/pull", token, body, true)
		if err != nil {
			return err
		}
		var answer struct {
			Cursor  string `json:"cursor"`
			More    bool   `json:"more"`
			Changes []struct {
				Collection string         `json:"collection"`
				Record     map[string]any `json:"record"`
			} `json:"changes"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err
		}
		for _, c := range answer.Changes {
			if c.Collection == "observations" {
				got++
			}
		}
		cursor, more = answer.Cursor, answer.More
	}
	pull.add(time.Since(start).Seconds(), m.up.Load(), m.down.Load())
	if got != n {
		return fmt.Errorf("pulled %d of %d", got, n)
	}
	return nil
}

// observations makes n mutations, each a create.
func observations(n int, r *mathrand.Rand, device, site string) []wire.Mutation {
	made := make([]wire.Mutation, n)
	now, zero := time.Now().UnixMilli()-int64(n), int64(0)
	for i := range made {
		made[i] = wire.Mutation{N: int64(i + 1), Stamp: hlc.Stamp{Time: hlc.Time{Ms: now + int64(i)}, Device: device}.String(),
			Offset: &zero, Schema: 1, Ops: []wire.Op{{Op: wire.OpCreate, Collection: "observations", ID: recordID(r), Fields: observation(r, site)}}}
	}
	return made
}

// pushAll pushes mutations, pushSize a request, packed as the client library
// packs them.
func pushAll(client *http.Client, server *ready, device, token string, made []wire.Mutation) error {
	for i := 0; i < len(made); i += pushSize {
		body, err := pack(map[string]any{"protocol": 1, "device": device, "epoch": nil, "mark": nil,
			"now": time.Now().UTC().Format(wire.TimeFormat), "mutations": made[i:min(i+pushSize, len(made))]})
		if err != nil {
			return err
		}
		out, err := post(client, server.URL+"/api/sync/push", token, body, true)
		if err != nil {
			return err
		}
		var answer wire.PushAnswer
		if err := json.Unmarshal(out, &answer); err != nil {
			return err
		}
		for _, v := range answer.Verdicts {
			if v.Verdict != wire.Applied {
				return fmt.Errorf("push: %+v", v)
			}
		}
	}
	return nil
}

func enroll(client *http.Client, server *ready, r *mathrand.Rand) (device, token string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	raw, err := key.PublicKey.Bytes()
	if err != nil {
		return "", "", err
	}
	device = recordID(r)
	b64 := base64.RawURLEncoding
	body, err := json.Marshal(wire.EnrollRequest{Invite: server.Invite, Device: wire.EnrollDevice{ID: device, Name: "bench", Platform: "bench",
		Key: wire.Key{Kty: "EC", Crv: "P-256", X: b64.EncodeToString(raw[1:33]), Y: b64.EncodeToString(raw[33:])}}})
	if err != nil {
		return "", "", err
	}
	out, err := post(client, server.URL+"/api/sync/enroll", "", body, false)
	if err != nil {
		return "", "", err
	}
	var answer wire.EnrollAnswer
	err = json.Unmarshal(out, &answer)
	return device, answer.Token, err
}

// roundStock creates n records through the batch API, 50 a request, and lists
// them, 500 a page.
func roundStock(n int, batch, list *result) error {
	server, stop, err := startServer("stock")
	if err != nil {
		return err
	}
	defer stop()
	m := &meter{}
	client := m.client()
	r := mathrand.New(mathrand.NewSource(1))
	docs := make([]map[string]any, n)
	for i := range docs {
		id := recordID(r)
		docs[i] = observation(r, server.Site)
		docs[i]["id"] = id
		// What our server sets by itself.
		docs[i]["received"], docs[i]["clock_off"], docs[i]["organization"] = docs[i]["event_time"], "ok", server.Site
	}
	m.reset()
	start := time.Now()
	for i := 0; i < n; i += 50 {
		var requests []any
		for _, d := range docs[i:min(i+50, n)] {
			requests = append(requests, map[string]any{"method": "POST", "url": "/api/collections/observations/records", "body": d})
		}
		body, err := json.Marshal(map[string]any{"requests": requests})
		if err != nil {
			return err
		}
		out, err := post(client, server.URL+"/api/batch", server.Token, body, false)
		if err != nil {
			return err
		}
		var answer []map[string]any
		if err := json.Unmarshal(out, &answer); err != nil {
			return err
		}
	}
	batch.add(time.Since(start).Seconds(), m.up.Load(), m.down.Load())

	m.reset()
	start = time.Now()
	got := 0
	for page := 1; ; page++ {
		url := fmt.Sprintf("%s/api/collections/observations/records?perPage=500&skipTotal=1&sort=id&page=%d", server.URL, page)
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		out, err := send(client, req, server.Token, false)
		if err != nil {
			return err
		}
		var answer struct {
			Items []map[string]any `json:"items"`
		}
		if err := json.Unmarshal(out, &answer); err != nil {
			return err
		}
		got += len(answer.Items)
		if len(answer.Items) < 500 {
			break
		}
	}
	list.add(time.Since(start).Seconds(), m.up.Load(), m.down.Load())
	if got != n {
		return fmt.Errorf("listed %d of %d", got, n)
	}
	return nil
}
