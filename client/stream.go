package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

const (
	connectTime = 10 * time.Second // until the stream's first event: a proxy that buffers never shows one
	maxLine     = 64 << 10
)

// errNoStream: the server's realtime stream is not to be had here.
var errNoStream = errors.New("no realtime stream")

// stream is an open realtime stream subscribed to the topic sync. pokes holds
// at most one; it is closed when the stream has ended.
type stream struct {
	pokes chan struct{}
	close context.CancelFunc
	began time.Time
}

func newStream(now time.Time) *stream { return &stream{pokes: make(chan struct{}, 1), began: now} }

// openStream connects and subscribes. It fails with ctx.Err(), or errNoStream
// with the cause.
func (d *Device) openStream(ctx context.Context) (*stream, error) {
	st, err := d.enrolled()
	if err != nil {
		return nil, err
	}
	streaming, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(connectTime, cancel)
	s, err := d.connectStream(streaming, st)
	if !timer.Stop() && err == nil {
		err = errNoStream
	}
	if err != nil {
		cancel()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", errNoStream, err)
	}
	s.close = cancel
	return s, nil
}

func (d *Device) connectStream(ctx context.Context, st *state) (*stream, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, st.url+"/api/realtime", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", "device/1")
	endless := *d.opt.HTTP
	endless.Timeout = 0
	res, err := endless.Do(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode != http.StatusOK || kind != "text/event-stream" {
		res.Body.Close()
		return nil, fmt.Errorf("stream answers %d %s", res.StatusCode, kind)
	}
	r := &eventReader{from: bufio.NewReaderSize(res.Body, maxLine)}
	first, err := r.next()
	var hello struct {
		ClientID string `json:"clientId"`
	}
	if err == nil && (first.name != "PB_CONNECT" || json.Unmarshal(first.data, &hello) != nil || hello.ClientID == "") {
		err = errors.New("stream does not begin with PB_CONNECT")
	}
	if err == nil {
		err = d.subscribe(ctx, st, hello.ClientID)
	}
	if err != nil {
		res.Body.Close()
		return nil, err
	}
	now, _ := d.now()
	s := newStream(now)
	go s.read(r, res.Body)
	return s, nil
}

func (d *Device) subscribe(ctx context.Context, st *state, clientID string) error {
	body, err := encode(map[string]any{"clientId": clientID, "subscriptions": []string{"sync"}})
	if err != nil {
		return err
	}
	req, err := d.newRequest(ctx, request{method: http.MethodPost, base: st.url, path: "/api/realtime", token: st.token, body: body})
	if err != nil {
		return err
	}
	res, err := d.opt.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxLine)); err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("subscription answers %d", res.StatusCode)
	}
	return nil
}

// read turns events into pokes until the stream ends. A poke that finds one
// waiting is dropped: one pull serves both.
func (s *stream) read(r *eventReader, body io.Closer) {
	defer body.Close()
	defer close(s.pokes)
	for {
		e, err := r.next()
		if err != nil {
			return
		}
		if e.name != "sync" {
			continue
		}
		select {
		case s.pokes <- struct{}{}:
		default:
		}
	}
}

// event is one server-sent event.
type event struct {
	name string
	data []byte
}

// eventReader reads server-sent events. Lines have a bound.
type eventReader struct{ from *bufio.Reader }

func (r *eventReader) next() (event, error) {
	var e event
	for {
		line, err := r.from.ReadSlice('\n')
		if err != nil {
			return event{}, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			if e.name != "" || e.data != nil {
				return e, nil
			}
			continue
		}
		field, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.name = value
		case "data":
			if len(e.data)+len(value) > maxLine {
				return event{}, bufio.ErrTooLong
			}
			e.data = append(e.data, value...)
		}
	}
}
