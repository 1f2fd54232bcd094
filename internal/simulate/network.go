package simulate

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"github.com/fieldpost/fieldpost/internal/records"
)

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
			l.ordinal, l.alone = ordinal, len(mail) == 1
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
	if l.alone && slices.ContainsFunc(faults, func(f Fault) bool { return f.Kind == Stall }) {
		r.stall(l)
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
	return r.turnedAway(l, faults)
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
		l.p.lastBatch = l.mutations()
	}
	if l.enrols() {
		l.admitted = r.admitted(l.p.invite)
	}
	body, header := l.body, l.header
	if r.tamper.Request != nil {
		if other := r.tamper.Request(r, l.p, l.path, l.plainBody()); other != nil {
			body, header = other, header.Clone()
			header.Del("Content-Encoding")
		}
	}
	token := l.token
	// PocketBase reads the system's clock for this.
	if _, expired := records.ReadClaims(token, r.now()); expired {
		token += "x"
	}
	ctx := l.within
	if ctx == nil {
		ctx = context.Background()
	}
	return r.server.handleWithin(ctx, l.method, l.path, token, header, body)
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
	var back reply
	select {
	case back = <-l.done:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
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
