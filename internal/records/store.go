// Package records is the one adapter between PocketBase's records and the
// values of the domain: it finds people and devices, checks and completes what
// is written, journals every write, and shows a person what the list API would.
package records

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/triage"
)

// Store is the adapter of one PocketBase app.
type Store struct {
	App core.App
	Key *seal.Installation
	Now func() time.Time
	// Sealing is how staff stand in what is stored. Only the tests of the attack
	// on it change it.
	Sealing Sealing
	// Unbound takes device tokens that were made without the installation key.
	// Only the test of that attack sets it, to see it succeed.
	Unbound bool
	// Notify is told, after each commit, the scopes that it mattered to.
	Notify func(scopes map[string]bool)
	// Dropped is told, after the commit, of each photo's record that is gone.
	Dropped func(attachment, sha256 string)
	// Catalog knows the shipped indicators.
	Catalog checklist.Catalog
	// Shipped are the checklists that the binary carries, and Content all that it
	// carries: what a draft is measured by. Nobody changes them.
	Shipped []checklist.Checklist
	Content fs.FS
	// Triage are the shipped rules of triage, by version; at least one.
	Triage []*triage.Rules
	// rules are those that were read from records, by their text.
	rules sync.Map

	statements journal.Statements // of the connection that writes
	tables     tables
	plans      sync.Map // collection -> *plan
	checklists sync.Map // id -> *checklist.Checklist
	operations operationClock
	daily      daily    // reports of unconfirmed people today
	turns      sync.Map // device -> the turn of its newest token that was used
	mutations  sync.Map // *core.TxAppInfo -> *journal.Tx: what is being written in a transaction
}

// Writer is who writes a record and how: it goes with the record through
// PocketBase's hooks, so that push and REST meet the same checks.
type Writer struct {
	Person    *access.Person // nil: the system or a superuser
	Actor     string         // journal actor: person id, staff pseudonym, superuser or system
	Device    string         // pseudonym
	Stored    hlc.Stamp      // stored stamp
	Corrected hlc.Time       // corrected stamp
	ClockOff  string         // of a report: how far the clock was off
	At        int64          // server time, ms
	Journal   *journal.Tx    // nil: a mutation of its own
	Merged    *merge.Outcome // of an update that push has merged; nil: diff and overwrite
	Extra     map[string]any // not understood, kept (PUSH-9)
	Adopted   bool           // another wrote it (PUSH-6): no author in clear
	Sealed    string         // the device of staff, in clear, to be stored as what it is on one record alone (R9)
	Unnamed   bool           // nobody is named with it, not even sealed: a report about oneself (R9)
	auditing  bool           // it is an entry of the audit: nothing else makes one
	standing  access.Values  // what push read before its update
	cache     map[string]*core.Record
	tx        *Tx   // of a push: its prepared statements
	seq       int64 // of the last entry written
}

const writerKey = "@fieldpost.writer"

// Attach sends a writer with a record through the hooks.
func Attach(record *core.Record, w *Writer) { record.SetRaw(writerKey, w) }

// writerOf gives the writer of a record; without one it is the system.
func (s *Store) writerOf(record *core.Record) *Writer {
	if w, ok := record.GetRaw(writerKey).(*Writer); ok && w != nil {
		return w
	}
	w := s.System()
	Attach(record, w)
	return w
}

// System is the writer for what nobody in particular writes.
func (s *Store) System() *Writer { return s.restWriter("system", "system", nil) }

// RestWriter is the writer for a request over REST or the dashboard.
func (s *Store) RestWriter(auth *core.Record) *Writer {
	switch {
	case auth == nil:
		return s.System()
	case auth.IsSuperuser():
		return s.restWriter(auth.Id, "superuser:"+auth.Id, nil)
	}
	p := PersonOf(auth)
	w := s.restWriter(auth.Id, s.Actor(p), &p)
	if s.Seals(p) {
		w.Sealed = "rest" // no device: the person alone is bound to the record
	}
	return w
}

func (s *Store) restWriter(user, actor string, p *access.Person) *Writer {
	at := s.Now().UnixMilli()
	device := s.Key.Rest(user)
	t := hlc.Time{Ms: at}
	return &Writer{Person: p, Actor: actor, Device: device, Stored: hlc.Stamp{Time: t, Device: device},
		Corrected: t, ClockOff: "ok", At: at}
}

// Actor is how a person is named in the journal: staff by pseudonym.
func (s *Store) Actor(p access.Person) string {
	if p.Role == access.Staff && s.Sealing != SealingOff {
		return s.Key.Person(p.ID)
	}
	return p.ID
}

// server is the writer for a record that the server makes beside another: in
// the same mutation, by the system.
func (s *Store) server(w *Writer) *Writer {
	own := s.System()
	own.At, own.Journal, own.tx, own.cache = w.At, w.Journal, w.tx, w.cache
	own.Stored.Time = hlc.Time{Ms: w.At}
	own.Corrected = own.Stored.Time
	return own
}

// PersonOf reads a user record.
func PersonOf(user *core.Record) access.Person {
	return access.Person{
		ID: user.Id, Role: access.Role(user.GetString("role")), Organization: user.GetString("organization"),
		Sites: user.GetStringSlice("sites"), ServedBy: user.GetStringSlice("served_by"), Locale: user.GetString("locale"),
		Label: user.GetString("label"), Unconfirmed: user.GetBool("unconfirmed"),
		Operations: user.GetStringSlice("operations"), OperationSites: strings.Fields(user.GetString("operation_sites")),
	}
}

// Person finds a person by id.
func (s *Store) Person(app core.App, id string) (*access.Person, error) {
	user, err := app.FindRecordById("users", id)
	if err != nil {
		return nil, fmt.Errorf("find user %s: %w", id, err)
	}
	p := PersonOf(user)
	return &p, nil
}

// Plain turns a field's value into decoded JSON: what the list API shows.
func Plain(v any) any {
	switch x := v.(type) {
	case nil, string, bool, float64:
		return x
	case int:
		return float64(x)
	case types.DateTime:
		return x.String()
	case []string:
		out := make([]any, len(x))
		for i, s := range x {
			out[i] = s
		}
		return out
	case types.JSONRaw:
		return decode(x)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return decode(raw)
}

func decode(raw []byte) any {
	if len(raw) == 0 {
		return nil
	}
	var out any
	if json.Unmarshal(raw, &out) != nil {
		return nil
	}
	return out
}

// Values gives the visible fields of a record, id included.
func Values(record *core.Record) access.Values {
	v := access.Values{"id": record.Id}
	for _, f := range record.Collection().Fields {
		if name := f.GetName(); !f.GetHidden() && name != "id" {
			v[name] = Plain(record.Get(name))
		}
	}
	return v
}

// IsZero tells whether a decoded value is what an unset field holds.
func IsZero(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case string:
		return x == ""
	case bool:
		return !x
	case float64:
		return x == 0
	case []any:
		return len(x) == 0
	}
	return false
}

// ZeroLike is what an unset field of the same type holds.
func ZeroLike(v any) any {
	switch v.(type) {
	case string:
		return ""
	case bool:
		return false
	case float64:
		return float64(0)
	}
	return nil
}
