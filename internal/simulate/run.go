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
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// Result is what a run ended with.
type Result struct {
	Trace    string   // hash of everything that happened, by which a seed repeats (INV-28)
	Failures []string // each begins with the invariant that does not hold, such as "[INV-9]"
	Requests int      // requests that reached the server
	Saved    int      // mutations that phones acknowledged as saved
	Letters  Letters  // what became of the edits of a site's industry
	Log      []string // what happened, one line each; kept only when asked for
}

// Letters counts the mutations with an edit of a site's industry by their first
// verdicts: no text of a person's own making tells that one had an effect.
type Letters struct {
	Applied, Conflicts, Refused int
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
	given   *Tamper // nil: none
	tamper  *Tamper // never nil
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

	content map[string]map[string]map[string]any // see listed
	shown   listsOf
	strain  strain

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
	alone   bool            // no other phone's request is under way
	within  context.Context // what the server waits with, nil: for ever

	receipts map[int64]bool // of a push: the numbers that had receipts before
	admitted admitted       // of a newcomer's enrolment: what its invite had led to before
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

// newRun makes a run with a folder of its own.
func newRun(script *Script, tamper *Tamper, keepLog bool) (*run, error) {
	r := &run{script: script, given: tamper, tamper: tamper, keepLog: keepLog, trace: sha256.New(), names: map[string]string{}, content: map[string]map[string]map[string]any{}}
	if r.tamper == nil {
		r.tamper = &Tamper{}
	}
	var err error
	if r.folder, err = os.MkdirTemp(workplace(), "fieldpost-run-"); err != nil {
		return nil, err
	}
	r.model = newModel(r)
	r.home = filepath.Join(r.folder, "server")
	return r, nil
}

// Run runs a script in a bubble of its own, which the caller has made
// (synctest.Test); what Prepare makes has to be there. The error is of the
// simulation itself.
func Run(script *Script, tamper *Tamper, keepLog bool) (res Result, err error) {
	r, err := newRun(script, tamper, keepLog)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(); err != nil {
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
	r.res.Trace = r.hash()
	return r.res, nil
}

// hash stands for all that has happened so far.
func (r *run) hash() string { return hex.EncodeToString(r.trace.Sum(nil))[:24] }

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
	r.bear()
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
