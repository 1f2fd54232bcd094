// Package httpapi is the edge: it decodes a request, calls one function and
// encodes the answer. Faults become answers here and nowhere else.
package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/exchange"
	"github.com/fieldpost/fieldpost/internal/export"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/signin"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// API holds what the handlers call.
type API struct {
	Exchange *exchange.Service
	Devices  *devices.Service
	SignIn   *signin.Service
	Store    *records.Store
	Export   *export.Service
	Media    *media.Service
	Alerts   bool // mail is sent about emergencies that nobody opens (R23)
}

// Handle makes a handler of a function that gives an answer or an error.
func Handle[T any](fn func(e *core.RequestEvent) (T, error)) func(e *core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		answer, err := guarded(e, fn)
		if err != nil {
			return Fail(e, err)
		}
		return send(e, http.StatusOK, answer)
	}
}

// guarded turns a panic into an error: whatever breaks, a device gets an
// answer that it can act on.
func guarded[T any](e *core.RequestEvent, fn func(e *core.RequestEvent) (T, error)) (answer T, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return fn(e)
}

// NotFound answers for every path of the protocol that is none.
func (a *API) NotFound(e *core.RequestEvent) error {
	return Fail(e, fault.New(fault.NotFound, "There is nothing at this address."))
}

// Fail writes an error as the protocol's error body.
func Fail(e *core.RequestEvent, err error) error {
	f := fault.Of(err)
	if f.Code == fault.Internal {
		e.App.Logger().Error("request failed", "path", e.Request.URL.Path, "error", err)
	}
	if f.RetryAfter > 0 {
		e.Response.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	return send(e, f.Status, f.Body())
}

// Hello is GET /api/sync/hello.
func (a *API) Hello(*core.RequestEvent) (*wire.Hello, error) { return a.Exchange.Hello() }

// Enroll is POST /api/sync/enroll.
func (a *API) Enroll(e *core.RequestEvent) (*wire.EnrollAnswer, error) {
	var req wire.EnrollRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	person := ""
	if e.Auth != nil && !e.Auth.IsSuperuser() {
		person = e.Auth.Id
	}
	if req.Invite == "" && person == "" && e.Request.Header.Get("Authorization") != "" {
		return nil, a.notSignedIn(e)
	}
	answer, err := a.Devices.Enroll(req, person, caller(e))
	if err == nil {
		err = a.enrolledFrom(e, req.Device.ID)
	}
	return answer, err
}

// Challenge is POST /api/sync/challenge.
func (a *API) Challenge(e *core.RequestEvent) (*wire.ChallengeAnswer, error) {
	var req struct {
		Device string `json:"device"`
	}
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	if req.Device == "" || len(req.Device) > 100 {
		return nil, fault.New(fault.BadRequest, "`device` is missing.")
	}
	return a.Devices.Challenge(req.Device)
}

// Renew is POST /api/sync/renew.
func (a *API) Renew(e *core.RequestEvent) (*wire.RenewAnswer, error) {
	var req wire.RenewRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.Devices.Renew(req)
}

// Push is POST /api/sync/push.
func (a *API) Push(e *core.RequestEvent) (*wire.PushAnswer, error) {
	device, err := a.device(e)
	if err != nil {
		return nil, err
	}
	push, err := large(a, e, wire.DecodePush)
	if err != nil {
		return nil, err
	}
	answer, err := a.Exchange.Push(e.Request.Context(), device.ID, push)
	if err != nil {
		return nil, err
	}
	answer.Wipe, err = a.order(e)
	return answer, err
}

// Recover is POST /api/sync/recovery. Anybody who is signed in may hand in the
// file of any device: the signature in it is that device's word.
func (a *API) Recover(e *core.RequestEvent) (*wire.RecoveryAnswer, error) {
	if e.Auth == nil {
		return nil, a.notSignedIn(e)
	}
	file, err := large(a, e, wire.DecodeRecovery)
	if err != nil {
		return nil, err
	}
	// Phones carry for each other by themselves, and an entry of that would say
	// who held a shared tablet when a staff report came (R9). A desk is a person.
	var audited func() error
	if by := records.PersonOf(e.Auth); by.Role == access.Coordinator || by.Role == access.Admin {
		audited = func() error {
			return a.Store.AuditTakeIn(by.ID, by.Organization, records.FromFile, 1, len(file.Mutations))
		}
	}
	return a.Exchange.Recover(e.Request.Context(), file, audited)
}

// Pull is POST /api/sync/pull.
func (a *API) Pull(e *core.RequestEvent) (*wire.PullAnswer, error) {
	device, err := a.device(e)
	if err != nil {
		return nil, err
	}
	raw, err := body(e, a.Exchange.Limits)
	if err != nil {
		return nil, err
	}
	pull, err := wire.DecodePull(raw, a.Exchange.Limits)
	if err != nil {
		return nil, err
	}
	answer, err := a.Exchange.Pull(e.Request.Context(), device, pull)
	if err != nil {
		return nil, err
	}
	answer.Wipe, err = a.order(e)
	return answer, err
}

// device is the device of a request's token, as RefuseRevoked found it. Push and
// pull take device tokens only (ENROL-3).
func (a *API) device(e *core.RequestEvent) (*records.Device, error) {
	if e.Auth == nil {
		return nil, a.notSignedIn(e)
	}
	d, _ := e.Get(deviceOf).(*records.Device)
	if d == nil {
		return nil, fault.New(fault.NotAllowed, "This takes the access of an enrolled device.")
	}
	return d, nil
}

func (a *API) notSignedIn(e *core.RequestEvent) error {
	if _, expired := records.ReadClaims(e.Request.Header.Get("Authorization"), a.Exchange.Now()); expired {
		return fault.New(fault.TokenExpired, "The access has expired.")
	}
	return fault.New(fault.Unauthenticated, "This needs an enrolled device.")
}

// Known is a middleware for the paths of devices, before PocketBase reads who
// asks: it finds the token's person and device in one look. What it does not
// take is left to PocketBase, and to RefuseRevoked.
func (a *API) Known(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.URL.Path, "/api/sync/") || e.Request.Header.Get("Authorization") == "" {
		return e.Next()
	}
	admitted, err := a.Store.Admit(e.Request.Header.Get("Authorization"))
	if err != nil {
		return Fail(e, err)
	}
	if admitted != nil {
		e.Auth = admitted.User
		e.Set(admissionOf, admitted)
	}
	return e.Next()
}

// admissionOf is under what Known keeps what it found.
const admissionOf = "@fieldpost.admission"

// RefuseRevoked is a middleware for every route: a revoked device's token is
// refused everywhere, stock REST and realtime included (ENROL-3). Only the
// token that it gets by renewing opens push, and nothing else (PUSH-10).
func (a *API) RefuseRevoked(e *core.RequestEvent) error {
	if e.Auth == nil || e.Auth.IsSuperuser() {
		return e.Next()
	}
	admitted, _ := e.Get(admissionOf).(*records.Admission)
	if admitted == nil {
		admitted = &records.Admission{Claims: records.ReadToken(e.Request.Header.Get("Authorization"))}
		id := admitted.Claims.Device()
		if id == "" {
			if err := a.refuseEnded(e); err != nil {
				return Fail(e, err)
			}
			return e.Next()
		}
		var err error
		if admitted.Device, err = a.Store.FindDevice(id); err != nil {
			return Fail(e, err)
		}
	}
	d, claims := admitted.Device, admitted.Claims
	if d == nil || d.Person.ID != e.Auth.Id {
		return Fail(e, fault.New(fault.Unauthenticated, "The device is not known here."))
	}
	if !a.Store.Bound(claims, e.Auth.Id) {
		// Before its turn is noted: a made-up one would end the device's own.
		return Fail(e, fault.New(fault.TokenExpired, "The access was not made with this installation's key."))
	}
	stands, err := a.Store.TokenStands(d.ID, claims.Turn())
	if err != nil {
		return Fail(e, err)
	}
	if !stands {
		return Fail(e, fault.New(fault.TokenExpired, "The device has a newer access than this."))
	}
	e.Set(deviceOf, d)
	only := claims.PushOnly()
	switch {
	case d.Revoked && only && (e.Request.URL.Path == PushPath || e.Request.URL.Path == WipePath):
		return e.Next() // what it holds is taken, and kept (PUSH-10)
	case d.Revoked:
		return Fail(e, fault.New(fault.DeviceRevoked, "The device was signed out."))
	case only:
		// It was signed out once and is not any more: it renews, and is in.
		return Fail(e, fault.New(fault.TokenExpired, "This access was for handing in only."))
	}
	return e.Next()
}

// PushPath is the one path that takes a token for push only.
const PushPath = "/api/sync/push"

// maxSmall is the cap, in bytes as sent and inflated, of what is answered to
// anybody without a device's access: enroll, challenge and renew.
const maxSmall = 64 << 10

// decoding holds a place for each push that is inflated and decoded: a body
// may be many times its size meanwhile. decodeWait is how long one waits for a
// place before the answer is `busy`.
var (
	decoding   = make(chan struct{}, 3)
	decodeWait = 10 * time.Second
)

// large reads a push or a recovery file. Only when all of it has come does it
// take one of the places: a phone on a slow link holds up nobody.
func large[T any](a *API, e *core.RequestEvent, decode func([]byte, wire.Limits) (*T, error)) (*T, error) {
	limits := a.Exchange.Limits
	raw, err := received(e, limits)
	if err != nil {
		return nil, err
	}
	timeout := time.NewTimer(decodeWait)
	defer timeout.Stop()
	select {
	case decoding <- struct{}{}:
		defer func() { <-decoding }()
	case <-timeout.C:
		return nil, fault.New(fault.Busy, "The server is busy.")
	case <-e.Request.Context().Done():
		return nil, fault.New(fault.Busy, "The request broke off.")
	}
	body, err := inflate(e, raw, limits)
	if err != nil {
		return nil, err
	}
	return decode(body, limits)
}

// body reads a request, inflated, never beyond the limits (PUSH-13).
func body(e *core.RequestEvent, limits wire.Limits) ([]byte, error) {
	raw, err := received(e, limits)
	if err != nil {
		return nil, err
	}
	return inflate(e, raw, limits)
}

// received reads a request as it was sent.
func received(e *core.RequestEvent, limits wire.Limits) ([]byte, error) {
	if e.Request.ContentLength > limits.Bytes {
		return nil, wire.TooMany(limits)
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(e.Request.Body, limits.Bytes+1))
	var tooLarge *http.MaxBytesError
	if n > limits.Bytes || errors.As(err, &tooLarge) {
		return nil, wire.TooMany(limits)
	}
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The request broke off.").Because(err)
	}
	return buf.Bytes(), nil
}

func inflate(e *core.RequestEvent, raw []byte, limits wire.Limits) ([]byte, error) {
	switch strings.ToLower(e.Request.Header.Get("Content-Encoding")) {
	case "", "identity":
		if int64(len(raw)) > limits.Inflated {
			return nil, wire.TooMany(limits)
		}
		return raw, nil
	case "gzip":
	default:
		return nil, fault.New(fault.BadRequest, "The request's encoding is not gzip.")
	}
	in := bytes.NewReader(raw)
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The request is not gzip.").Because(err)
	}
	defer z.Close()
	var buf bytes.Buffer
	// Member by member: left to itself, the reader takes one whose head is cut
	// for the end.
	for {
		z.Multistream(false)
		_, err := io.Copy(&buf, io.LimitReader(z, limits.Inflated+1-int64(buf.Len())))
		if int64(buf.Len()) > limits.Inflated {
			return nil, wire.TooMany(limits)
		}
		if err == nil && in.Len() > 0 {
			if err = z.Reset(in); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, fault.New(fault.BadRequest, "The request broke off.").Because(err)
		}
		break
	}
	return buf.Bytes(), nil
}

// decode reads a small request.
func (a *API) decode(e *core.RequestEvent, into any) error {
	limits := a.Exchange.Limits
	limits.Bytes, limits.Inflated = min(limits.Bytes, maxSmall), min(limits.Inflated, maxSmall)
	raw, err := body(e, limits)
	if fault.Is(err, fault.TooLarge) {
		// Not to be split: too_large would have the device try for ever.
		return fault.New(fault.BadRequest, "The request is larger than 64 KB.")
	}
	if err != nil {
		return err
	}
	return decodeInto(raw, into)
}

func decodeInto(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.New(fault.BadRequest, "The request is not the JSON object it should be.").Because(err)
	}
	return nil
}

var writers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, 2) // 2 is a level
	return z
}}

// worthGzip is the size, in bytes, from which compressing pays.
const worthGzip = 600

// send writes an answer as JSON, gzipped where the client takes it.
func send(e *core.RequestEvent, status int, v any) error {
	var raw []byte
	var err error
	if own, ok := v.(interface {
		AppendJSON([]byte) ([]byte, error)
	}); ok {
		raw, err = own.AppendJSON(nil)
	} else {
		raw, err = json.Marshal(v)
	}
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	h := e.Response.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Encoding")
	if len(raw) < worthGzip || !takesGzip(e.Request.Header) {
		e.Response.WriteHeader(status)
		_, err = e.Response.Write(raw)
		return err
	}
	h.Set("Content-Encoding", "gzip")
	e.Response.WriteHeader(status)
	z := writers.Get().(*gzip.Writer)
	defer writers.Put(z)
	z.Reset(e.Response)
	if _, err := z.Write(raw); err != nil {
		return err
	}
	return z.Close()
}
