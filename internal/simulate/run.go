// Package simulate is a seeded district: phones of every role and a server, all
// of them the real thing, over a network, disks and clocks that one seed
// decides about. What people do, what is cut, what dies and what is restored
// comes from a Script; after it everything heals, and the invariants of
// docs/protocol/SPEC.md are checked. docs/SIMULATION.md tells how to use it.
//
// One goroutine runs at a time as far as the trace can tell: a run lives in a
// bubble of testing/synctest, and the scheduler goes on only when all else
// waits for it. Only the scheduler moves the clock.
package simulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
)

// Result is what a run ended with.
type Result struct {
	Trace    string   // hash of everything that happened, by which a seed repeats (INV-28)
	Failures []string // each begins with the invariant that does not hold, such as "[INV-9]"
	Requests int      // requests that reached the server
	Saved    int      // mutations that phones acknowledged as saved
	Log      []string // what happened, one line each; kept only when asked for
}

// Tamper breaks a rule from outside, so that a checker can be seen to see it.
// Only tests set one.
type Tamper struct {
	Request   func(r *run, p *phone, path string, body []byte) []byte
	Answer    func(r *run, p *phone, path string, status int, body []byte) []byte
	ServerSQL func(r *run, query string, args []any) (instead string, skip bool)
	PhoneSQL  func(r *run, p *phone, query string, args []any) (instead string, skip bool)
	After     func(r *run, s *Step)
	Status    func(r *run, p *phone, path string, status int) (int, []byte) // another answer altogether
	Until     int                                                           // a run ends when this invariant was seen to fail
}

// seen tells that the fault which a run is about was caught.
func (r *run) seen() bool {
	return r.tamper.Until > 0 && slices.ContainsFunc(r.res.Failures, func(f string) bool {
		return strings.HasPrefix(f, fmt.Sprintf("[INV-%d] ", r.tamper.Until))
	})
}

// run is one run.
type run struct {
	script  *Script
	tamper  *Tamper
	folder  string
	keepLog bool
	verbose func(string)

	mu    sync.Mutex // the phones' goroutines hand letters in
	mail  []*letter
	naps  []*nap
	clock time.Duration // since begin

	home    string // the server's folder
	server  *server
	up      bool
	boots   int
	phones  []*phone
	backups []*backup
	ghosts  []ghost // requests that the network delivers once more, later
	healing bool

	model *model
	trace hash.Hash
	names map[string]string // ids that chance has made, by first appearance
	res   Result
	at    int // the step
}

// letter is a request that waits for the network.
type letter struct {
	p       *phone
	method  string
	path    string
	token   string
	header  http.Header
	body    []byte
	done    chan reply
	ordinal int

	receipts map[int64]bool // of a push: the numbers that had receipts before
}

// reply is what a phone gets: an answer, perhaps cut, or none.
type reply struct {
	answer answer
	cut    int // bytes of the body that come; -1: all
	err    error
}

type ghost struct {
	l     *letter
	after int // the step after which it comes
}

// nap is a phone that rests.
type nap struct {
	p    *phone
	d    time.Duration
	done chan struct{}
}

// Run runs a script in a bubble of its own, which the caller has made
// (synctest.Test). The error is of the simulation itself.
func Run(script *Script, tamper *Tamper, keepLog bool) (res Result, err error) {
	r := &run{script: script, tamper: tamper, keepLog: keepLog, trace: sha256.New(), names: map[string]string{}}
	if r.tamper == nil {
		r.tamper = &Tamper{}
	}
	if r.folder, err = os.MkdirTemp(workplace(), "fieldpost-run-"); err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.folder)) }()
	defer func() {
		if e := r.end(); e != nil {
			err = errors.Join(err, e)
		}
		synctest.Wait()
	}()
	r.model = newModel(r)
	r.home = filepath.Join(r.folder, "server")
	if err := unpack(r.home); err != nil {
		return res, err
	}
	if err := r.boot(); err != nil {
		return res, err
	}
	if err := r.settle(); err != nil {
		return res, err
	}
	for i := range script.Steps {
		r.at = i
		s := &script.Steps[i]
		if err := r.step(s); err != nil {
			return r.res, fmt.Errorf("step %d %s: %w", i, s.Do, err)
		}
		if r.tamper.After != nil {
			r.tamper.After(r, s)
		}
		if r.seen() {
			return r.res, nil
		}
	}
	r.healing = true
	if err := r.heal(); err != nil {
		return r.res, fmt.Errorf("heal: %w", err)
	}
	if err := r.checkAll(); err != nil {
		return r.res, fmt.Errorf("check: %w", err)
	}
	r.res.Trace = hex.EncodeToString(r.trace.Sum(nil))[:24]
	return r.res, nil
}

// end frees what the run holds.
func (r *run) end() error {
	var err error
	for _, p := range r.phones {
		err = errors.Join(err, p.off())
	}
	if r.server != nil {
		err = errors.Join(err, r.server.stop())
		r.server = nil
	}
	return err
}

// now is the true time.
func (r *run) now() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return begin.Add(r.clock) }

func (r *run) pass(d time.Duration) { r.mu.Lock(); r.clock += d; r.mu.Unlock() }

// note adds to the trace. Ids that chance made must be named by r.name.
func (r *run) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	fmt.Fprintf(r.trace, "%d %s\n", r.at, line)
	if r.keepLog {
		r.res.Log = append(r.res.Log, fmt.Sprintf("%3d %s", r.at, line))
	}
	if r.verbose != nil {
		r.verbose(fmt.Sprintf("%3d %s", r.at, line))
	}
}

// name gives an id that chance made a name that is the same in every run.
func (r *run) name(kind, id string) string {
	if id == "" {
		return "-"
	}
	if n, ok := r.names[id]; ok {
		return n
	}
	n := fmt.Sprintf("%s%d", kind, len(r.names))
	r.names[id] = n
	return n
}

// fail notes that an invariant does not hold.
func (r *run) fail(inv int, format string, args ...any) {
	line := fmt.Sprintf("[INV-%d] ", inv) + fmt.Sprintf(format, args...)
	if !slices.Contains(r.res.Failures, line) && len(r.res.Failures) < 40 {
		r.res.Failures = append(r.res.Failures, line)
		r.note("FAIL %s", strings.SplitN(line, "\n", 2)[0])
	}
}

// boot starts the server on its folder.
func (r *run) boot() error {
	r.boots++
	v, err := boot(r.home, r.now, r.serverTamper(), r.script.Limit, true)
	if err != nil {
		return errors.Join(err, v.stop())
	}
	r.server, r.up = v, true
	r.pass(3 * time.Second)
	return nil
}

func (r *run) serverTamper() func(string, []any) (string, bool) {
	if r.tamper.ServerSQL == nil {
		return nil
	}
	return func(q string, args []any) (string, bool) { return r.tamper.ServerSQL(r, q, args) }
}

// fallen deals with a server process that died meanwhile: what it leaves is
// its disk.
func (r *run) fallen() error {
	if !r.up || !r.server.disk.isDead() {
		return nil
	}
	r.up = false
	r.note("server dead")
	image := r.server.disk.image
	if err := r.server.stop(); err != nil {
		return err
	}
	r.server = nil
	synctest.Wait()
	if err := putBack(image, r.home); err != nil {
		return err
	}
	return os.RemoveAll(image)
}

// standing starts the server again if it is down.
func (r *run) standing() error {
	if err := r.fallen(); err != nil || r.up {
		return err
	}
	r.note("server boots")
	if err := r.boot(); err != nil {
		return err
	}
	return r.afterBoot()
}

// act is what a phone does in a step.
type act struct {
	p  *phone
	do func() error
}

// drive lets phones act, and is their network until all have done.
func (r *run) drive(s *Step, acts ...act) {
	left := len(acts)
	var mu sync.Mutex
	for _, a := range acts {
		go func() {
			defer func() { mu.Lock(); left--; mu.Unlock() }()
			a.p.err = a.do()
		}()
	}
	ordinal := 0
	random := rand.New(rand.NewPCG(s.Seed, 77))
	for {
		synctest.Wait()
		r.mu.Lock()
		mail, naps := r.mail, r.naps
		r.mail, r.naps = nil, nil
		r.mu.Unlock()
		slices.SortStableFunc(mail, func(a, b *letter) int { return a.p.i - b.p.i })
		slices.SortStableFunc(naps, func(a, b *nap) int { return a.p.i - b.p.i })
		for _, n := range naps {
			r.pass(n.d)
			close(n.done)
		}
		if len(mail) == 0 {
			if len(naps) > 0 {
				continue
			}
			mu.Lock()
			done := left == 0
			mu.Unlock()
			if !done {
				panic("simulation: a phone waits for nothing")
			}
			return
		}
		// Requests of different phones overtake each other.
		random.Shuffle(len(mail), func(i, j int) { mail[i], mail[j] = mail[j], mail[i] })
		for _, l := range mail {
			l.ordinal = ordinal
			ordinal++
		}
		if r.up && s.Together && len(mail) > 1 && !slices.ContainsFunc(mail, func(l *letter) bool { return l.path != "/api/sync/push" }) {
			r.deliverTogether(s, mail)
			continue
		}
		for _, l := range mail {
			r.deliver(s, l)
		}
	}
}

// faults gives the faults of a request.
func (s *Step) faults(l *letter) []Fault {
	var all []Fault
	for _, f := range s.Faults {
		if f.At == l.ordinal {
			all = append(all, f)
		}
	}
	return all
}

var errNoNetwork = errors.New("simulation: no network")

// deliver takes one request to the server and the answer back.
func (r *run) deliver(s *Step, l *letter) {
	faults := s.faults(l)
	r.pass(time.Duration(40+l.ordinal%5*35) * time.Millisecond)
	if back := r.outward(s, l, faults); back != nil {
		l.done <- *back
		return
	}
	a := r.handle(l)
	r.homeward(l, a, faults)
}

// outward applies what happens on the way to the server. An answer means that
// the request does not arrive.
func (r *run) outward(s *Step, l *letter, faults []Fault) *reply {
	for _, f := range faults {
		switch f.Kind {
		case CutBefore:
			r.note("%s %s cut before", l.p.name, l.path)
			return &reply{err: errNoNetwork}
		case Captive:
			r.note("%s %s captive portal %d", l.p.name, l.path, f.Arg)
			return &reply{answer: portal(f.Arg), cut: -1}
		case Delay:
			r.pass(time.Duration(f.Arg) * time.Second)
		case Kill, KillLate:
			if r.up {
				r.server.disk.arm(f.Arg, f.Kind == KillLate)
			}
		case Ghost:
			copied := *l
			copied.done = nil
			r.ghosts = append(r.ghosts, ghost{&copied, r.at + f.Arg})
		}
	}
	if !r.up {
		r.note("%s %s no server", l.p.name, l.path)
		return &reply{err: errNoNetwork}
	}
	return nil
}

// homeward applies what happens on the way back.
func (r *run) homeward(l *letter, a *answer, faults []Fault) {
	if a == nil {
		l.done <- reply{err: errNoNetwork}
		return
	}
	back := reply{answer: *a, cut: -1}
	for _, f := range faults {
		switch f.Kind {
		case CutAfter:
			r.note("%s %s answer lost", l.p.name, l.path)
			back = reply{err: errNoNetwork}
		case CutMiddle:
			r.note("%s %s answer cut", l.p.name, l.path)
			back.cut = len(a.body) * (f.Arg % 100) / 100
		case Double:
			r.note("%s %s twice", l.p.name, l.path)
			again := r.handle(l)
			if again == nil {
				back = reply{err: errNoNetwork}
			} else if f.Arg%2 == 1 {
				back.answer = *again
			}
		}
	}
	l.done <- back
}

// handle lets the server answer a request; nil when it dies meanwhile. It runs
// with nothing else going on.
func (r *run) handle(l *letter) *answer {
	var a answer
	go func() { a = r.ask(l) }()
	synctest.Wait()
	return r.handled(l, a)
}

// handled looks at an answer as it leaves the server.
func (r *run) handled(l *letter, a answer) *answer {
	r.res.Requests++
	if r.server.disk.isDead() {
		if err := r.fallen(); err != nil {
			panic(err)
		}
		return nil
	}
	r.server.disk.disarm()
	if r.tamper.Answer != nil {
		if body := r.tamper.Answer(r, l.p, l.path, a.status, a.plain()); body != nil {
			a.body = body
			a.status = http.StatusOK
			a.header = a.header.Clone()
			a.header.Del("Content-Encoding")
		}
	}
	if r.tamper.Status != nil {
		if status, body := r.tamper.Status(r, l.p, l.path, a.status); body != nil {
			a = answer{status, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}, body}
		}
	}
	r.model.answered(l, &a)
	return &a
}

// ask is the server's side of a request.
func (r *run) ask(l *letter) answer {
	if l.path == "/api/sync/push" {
		l.receipts = r.receiptsOf(l)
	}
	body := l.body
	if r.tamper.Request != nil {
		if other := r.tamper.Request(r, l.p, l.path, body); other != nil {
			body = other
		}
	}
	token := l.token
	// PocketBase reads the system's clock for this.
	if _, expired := records.ReadClaims(token, r.now()); expired {
		token += "x"
	}
	return r.server.handle(l.method, l.path, token, l.header, body)
}

// deliverTogether brings pushes of several phones at once: the writer is held
// at its first transaction until all of them wait for it, so that they share a
// group commit.
func (r *run) deliverTogether(s *Step, mail []*letter) {
	answers := make([]answer, len(mail))
	backs := make([]*reply, len(mail))
	r.pass(50 * time.Millisecond)
	r.server.disk.close()
	held := r.server.disk
	for i, l := range mail {
		if backs[i] = r.outward(s, l, s.faults(l)); backs[i] == nil {
			go func() { answers[i] = r.ask(l) }()
			synctest.Wait()
		}
	}
	r.note("%d pushes together", len(mail))
	held.release()
	synctest.Wait()
	for i, l := range mail {
		if backs[i] != nil {
			l.done <- *backs[i]
			continue
		}
		if !r.up {
			l.done <- reply{err: errNoNetwork}
			continue
		}
		r.homeward(l, r.handled(l, answers[i]), s.faults(l))
	}
}

// haunt delivers what the network has kept back.
func (r *run) haunt() {
	var left []ghost
	for _, g := range r.ghosts {
		if g.after > r.at && !r.healing || !r.up {
			left = append(left, g)
			continue
		}
		r.note("%s %s comes late", g.l.p.name, g.l.path)
		r.handle(g.l)
	}
	r.ghosts = left
}

// portal is what somebody else answers in the server's place.
func portal(kind int) answer {
	kinds := []answer{
		{200, http.Header{"Content-Type": {"text/html"}}, []byte("<html>Sign in to the wifi</html>")},
		{200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"ok":true}`)},
		{200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"verdicts":[]}`)},
		{302, http.Header{"Location": {"http://portal.invalid/"}}, nil},
		{502, http.Header{"Content-Type": {"text/html"}}, []byte("bad gateway")},
		{500, http.Header{"Content-Type": {"application/json"}}, []byte(`{"status":500,"message":"x","data":{},"code":"internal","hint":"x","retry":"later"}`)},
		{503, http.Header{"Content-Type": {"application/json"}, "Retry-After": {"5"}}, []byte(`{"status":503,"message":"x","data":{},"code":"busy","hint":"x","retry":"later"}`)},
		{404, http.Header{"Content-Type": {"text/plain"}}, []byte("404 page not found")},
	}
	return kinds[kind%len(kinds)]
}

// network is what a phone's HTTP client sends through.
type network struct {
	r *run
	p *phone
}

// RoundTrip hands the request to the scheduler and waits.
func (n network) RoundTrip(req *http.Request) (*http.Response, error) {
	l := &letter{p: n.p, method: req.Method, path: req.URL.Path, header: req.Header.Clone(), done: make(chan reply, 1)}
	l.token = l.header.Get("Authorization")
	l.header.Del("Authorization")
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		l.body = body
	}
	n.r.mu.Lock()
	n.r.mail = append(n.r.mail, l)
	n.r.mu.Unlock()
	back := <-l.done
	if back.err != nil {
		return nil, back.err
	}
	body := io.Reader(bytes.NewReader(back.answer.body))
	if back.cut >= 0 {
		body = io.MultiReader(bytes.NewReader(back.answer.body[:back.cut]), broken{})
	}
	return &http.Response{StatusCode: back.answer.status, Header: back.answer.header, Body: io.NopCloser(body), Request: req,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (r *run) sleep(p *phone) func(context.Context, time.Duration) error {
	return func(ctx context.Context, d time.Duration) error {
		n := &nap{p, d, make(chan struct{})}
		r.mu.Lock()
		r.naps = append(r.naps, n)
		r.mu.Unlock()
		<-n.done
		return ctx.Err()
	}
}
