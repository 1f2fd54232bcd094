// Package merge decides: a record's fields, their clocks and an edit go in,
// what becomes of each field and what a person must be told comes out. It is
// pure. The rules are MERGE-1 to MERGE-6 of docs/protocol/SPEC.md; the vectors
// in docs/protocol/vectors hold it together with other languages. DESIGN.md says
// why the result does not depend on the order of arrival (MERGE-3).
//
// MERGE-5 (deleted records) is the caller's: what is gone has no fields to merge.
package merge

import "github.com/fieldpost/fieldpost/internal/hlc"

// Policy says how a field that a client may write behaves (MERGE-4).
type Policy string

// The five policies.
const (
	Latest Policy = "latest" // the greater effective stamp wins, the other value is kept
	Set    Policy = "set"    // element by element
	First  Policy = "first"  // accepted only on the value that stood at base, else refused taken
	Once   Policy = "once"   // fixed at creation
	Server Policy = "server" // never sent by a client
)

// Clock is what is kept of a field's writes, beside its value. Stored names
// the winning write: its stored stamp (pseudonym inside).
type Clock struct {
	Seq      int64              `json:"s"`           // entry that last changed the field
	Eff      hlc.Time           `json:"e"`           // its effective stamp
	Stored   string             `json:"w,omitempty"` // its stored stamp
	Lost     map[string]Lost    `json:"l,omitempty"` // by device pseudonym: its newest write that made no entry
	Elements map[string]Element `json:"m,omitempty"` // of a set: by Hash of the element
}

// Lost is the newest write of a device that made no entry: it lost against
// another, or wrote what stood already with a greater stamp. A later write of
// the same device has seen it (MERGE-1, MERGE-2). Seq is the clock's Seq when
// it was decided.
type Lost struct {
	Eff   hlc.Time `json:"e"`
	Value string   `json:"v"` // Hash of the value
	Seq   int64    `json:"s"`
}

// Element is the state of an element of a set, present or removed. An element
// carries its own history, so that its state as of any base can be told: a
// field's history shows lists, and a list does not show a stamp that was raised.
type Element struct {
	Eff     hlc.Time           `json:"e"`
	Stored  string             `json:"w,omitempty"`
	Present bool               `json:"p"`
	Seq     int64              `json:"s,omitempty"` // entry that made this state; 0: the clock's Seq
	Before  []Element          `json:"b,omitempty"` // the states before, by ascending Seq, without Before and Lost
	Lost    map[string]Element `json:"l,omitempty"` // by device pseudonym: its newest write that made no state
}

// Past is one write of a field as the journal holds it.
type Past struct {
	Seq    int64
	Device string // pseudonym
	Eff    hlc.Time
	Value  any
}

// Field is the state of one field that an edit touches. Values are decoded
// JSON in the form that the record stores them (normalised by the caller).
//
// History holds every journalled write of the field by ascending Seq. It is
// needed only when Clock.Seq is greater than the base, and never for a set. It
// begins with the create, also for a field that the create did not name: with
// the value that the record stores for it then and the create's stamp, which is
// what Clock says until the first change. A history that ends before Clock.Seq
// counts as holding somebody else's write.
//
// Later holds the seqs of those writes in History that the device itself, or its
// lineage, made after the edit, and which the edit so did not know of.
type Field struct {
	Policy  Policy
	Value   any
	Clock   Clock
	History []Past
	Later   map[int64]bool
}

// Edit is an update of one record. Own are the pseudonyms of the device and
// of those it descends from; that of Stored counts as one of them. Fields holds the new values, normalised; a set's
// value is {"add": [...], "remove": [...]}.
type Edit struct {
	Record    string
	Base      int64
	Stored    hlc.Stamp // the stored stamp: pseudonym inside
	Corrected hlc.Time  // the corrected stamp (PUSH-12)
	Own       map[string]bool
	Fields    map[string]any
}

// Change is a field that gets a journal entry: its value after the edit (which
// may be the one that stood) and its effective stamp.
type Change struct {
	Value any
	Eff   hlc.Time
}

// Conflict is a pair of values of which one had to give way (MERGE-2).
type Conflict struct {
	Field string
	Kept  any
	Other any
	Lost  bool // the edit's own value is the Other
}

// Outcome is what becomes of an edit. When Refused is set nothing else but
// Field is. An edit that changes nothing has an empty outcome.
type Outcome struct {
	Refused   string // "", or a code of wire: taken, not_allowed, invalid
	Field     string // the field that Refused is about
	Changes   map[string]Change
	Clocks    map[string]Clock // new clocks, of changed fields and of those whose Lost grew; Seq of changed ones is set by the caller
	Conflicts []Conflict       // sorted by field
}
