package records

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// EntryName names an entry of content beside checklists.
type EntryName struct {
	Collection string `json:"collection"`
	Key        string `json:"key"`
}

func (n EntryName) String() string { return n.Collection + "/" + n.Key }

// States of an entry that differs from what is shipped.
const (
	EntryNew     = "new"     // not here yet
	EntryNewer   = "newer"   // here as an older version shipped it
	EntryEdited  = "edited"  // somebody changed it here, and the shipped one is as it was
	EntryHeld    = "held"    // somebody changed it here, and a newer one is shipped
	EntryLocal   = "local"   // never shipped
	EntryRetired = "retired" // shipped once, and not any more
)

// EntryDiff is an entry that differs from what is shipped; Fields are those
// that were changed here.
type EntryDiff struct {
	EntryName
	State  string   `json:"state"`
	Fields []string `json:"fields,omitempty"`
}

// LoadEntries makes a record for each shipped entry that has none, and brings
// those up to date that nobody changed here. One that somebody changed is left
// as it is; held names those of which a newer one is shipped: see ApplyEntries.
func (s *Store) LoadEntries(entries []checklist.Entry) (held []EntryName, err error) {
	same, err := s.asShipped(entries)
	if err != nil || same {
		return nil, err
	}
	err = s.App.RunInTransaction(func(app core.App) error {
		_, held, err = takeEntries(app, entries, nil)
		return err
	})
	return held, err
}

// asShipped tells whether every entry was taken as it is shipped now, without
// reading what the records say: it runs at every start of every command.
func (s *Store) asShipped(entries []checklist.Entry) (bool, error) {
	taken := map[EntryName]string{}
	for _, c := range checklist.EntryCollections {
		var rows []struct {
			Key     string `db:"key"`
			Shipped string `db:"shipped"`
		}
		if err := s.App.DB().Select("key", "shipped").From(c).All(&rows); err != nil {
			return false, fmt.Errorf("load %s: %w", c, err)
		}
		for _, r := range rows {
			taken[EntryName{c, r.Key}] = r.Shipped
		}
	}
	for _, e := range entries {
		if taken[EntryName{e.Collection, e.Key}] != e.Mark {
			return false, nil
		}
	}
	return true, nil
}

// DiffEntries compares what is shipped with what the database holds.
func (s *Store) DiffEntries(entries []checklist.Entry) ([]EntryDiff, error) {
	return diffEntries(s.App, entries)
}

func diffEntries(app core.App, entries []checklist.Entry) ([]EntryDiff, error) {
	var diff []EntryDiff
	records, err := entryRecords(app)
	if err != nil {
		return nil, err
	}
	shipped := map[EntryName]bool{}
	for _, e := range entries {
		d := EntryDiff{EntryName: EntryName{e.Collection, e.Key}}
		shipped[d.EntryName] = true
		r := records[d.EntryName]
		if r == nil {
			d.State = EntryNew
			diff = append(diff, d)
			continue
		}
		if d.Fields, err = changedHere(r, e.Mark); err != nil {
			return nil, err
		}
		newer := r.GetString("shipped") != e.Mark
		switch edited := slices.Contains(d.Fields, "body"); {
		case newer && edited:
			d.State = EntryHeld
		case newer:
			d.State = EntryNewer
		case len(d.Fields) > 0:
			d.State = EntryEdited
		default:
			continue
		}
		diff = append(diff, d)
	}
	for name, r := range records {
		if shipped[name] {
			continue
		}
		state := EntryLocal
		if r.GetString("shipped") != "" {
			state = EntryRetired
		}
		diff = append(diff, EntryDiff{EntryName: name, State: state})
	}
	slices.SortStableFunc(diff, func(a, b EntryDiff) int {
		return cmp.Or(slices.Index(checklist.EntryCollections, a.Collection)-slices.Index(checklist.EntryCollections, b.Collection), cmp.Compare(a.Key, b.Key))
	})
	return diff, nil
}

func entryRecords(app core.App) (map[EntryName]*core.Record, error) {
	records := map[EntryName]*core.Record{}
	for _, c := range checklist.EntryCollections {
		found, err := app.FindAllRecords(c)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", c, err)
		}
		for _, r := range found {
			records[EntryName{c, r.GetString("key")}] = r
		}
	}
	return records, nil
}

// changedHere names what a person changed of a record. What says what is
// shipped now was not changed, whatever it was taken as.
func changedHere(r *core.Record, now string) ([]string, error) {
	var fields []string
	var body any
	if err := r.UnmarshalJSONField("body", &body); err != nil {
		return nil, fmt.Errorf("read %s %s: %w", r.Collection().Name, r.Id, err)
	}
	mark, err := checklist.MarkOf(body)
	if err != nil {
		return nil, err
	}
	if mark != r.GetString("shipped") && mark != now {
		fields = append(fields, "body")
	}
	if !r.GetBool("published") {
		fields = append(fields, "published")
	}
	return fields, nil
}

// ApplyEntries takes what is new and newer, and puts the shipped words back
// over the changes of those in replace, in one transaction. It tells what it
// took: new, newer, and what it replaced as edited or held.
func (s *Store) ApplyEntries(entries []checklist.Entry, replace []EntryName) (taken []EntryDiff, err error) {
	err = s.App.RunInTransaction(func(app core.App) error {
		taken, _, err = takeEntries(app, entries, replace)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func takeEntries(app core.App, entries []checklist.Entry, replace []EntryName) (taken []EntryDiff, held []EntryName, err error) {
	diff, err := diffEntries(app, entries)
	if err != nil {
		return nil, nil, err
	}
	records, err := entryRecords(app)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range diff {
		replaced := slices.Contains(replace, d.EntryName)
		switch {
		case d.State == EntryLocal || d.State == EntryRetired, d.State == EntryEdited && !replaced:
			continue
		case d.State == EntryHeld && !replaced:
			held = append(held, d.EntryName)
			continue
		}
		at := slices.IndexFunc(entries, func(e checklist.Entry) bool { return EntryName{e.Collection, e.Key} == d.EntryName })
		if err := saveEntry(app, records[d.EntryName], entries[at], replaced); err != nil {
			return nil, nil, err
		}
		taken = append(taken, d)
	}
	return taken, held, nil
}

// saveEntry writes an entry into a record, a new one if it is nil. What was
// taken off the screens here stays off, unless it is to be as shipped.
func saveEntry(app core.App, r *core.Record, e checklist.Entry, publish bool) error {
	if r == nil {
		collection, err := app.FindCollectionByNameOrId(e.Collection)
		if err != nil {
			return fmt.Errorf("load %s/%s: %w", e.Collection, e.Key, err)
		}
		r, publish = core.NewRecord(collection), true
		r.Set("key", e.Key)
		r.Set("verified_on", e.VerifiedOn) // of hotlines; the others have no such field
	}
	r.Set("body", e.Body)
	r.Set("shipped", e.Mark)
	if publish {
		r.Set("published", true)
	}
	if err := app.Save(r); err != nil {
		return fmt.Errorf("load %s/%s: %w", e.Collection, e.Key, err)
	}
	return nil
}

// checkEntry holds the record of an entry to what a screen can show. A line
// whose numbers or other ways to reach it changed is not verified any more.
func checkEntry(r *core.Record) error {
	name := r.Collection().Name
	var body any
	if err := r.UnmarshalJSONField("body", &body); err != nil {
		return invalid("body is no JSON.")
	}
	if err := checklist.CheckEntry(name, r.GetString("key"), body); err != nil {
		return problem(err)
	}
	if name != checklist.HotlineCollection {
		return nil
	}
	if on := r.GetString("verified_on"); on != "" {
		if _, err := time.Parse(time.DateOnly, on); err != nil {
			return invalid("verified_on is no day, such as 2026-05-01.")
		}
	}
	if r.IsNew() {
		return nil
	}
	var before map[string]any
	if err := r.Original().UnmarshalJSONField("body", &before); err != nil {
		return fmt.Errorf("read hotline %s: %w", r.Id, err)
	}
	now, _ := body.(map[string]any)
	if !wire.EqualJSON(before["channels"], now["channels"]) && r.GetString("verified_on") == r.Original().GetString("verified_on") {
		r.Set("verified_on", "")
	}
	return nil
}

// Verified is what is known of a line after somebody verified it.
type Verified struct {
	ID         string `json:"id"` // of the line, as in content
	VerifiedOn string `json:"verified_on"`
}

// VerifyHotline says that somebody called a line today and heard who answers.
// by is a coordinator or an admin, or nil for whoever sits at the server, who
// gives a label. The error is a *fault.Fault where there is no such line or the
// person may not.
func (s *Store) VerifyHotline(by *access.Person, label, id string) (*Verified, error) {
	row := access.Table[checklist.HotlineCollection]
	audit := Audit{Act: ActSettings, Actor: ActorOperator, Collection: row.Name}
	if by != nil {
		if !row.Manage.Holds(*by, nil) {
			return nil, fault.New(fault.NotAllowed, "This is for coordinators and admins.")
		}
		audit.Actor = by.ID
		if by.Role == access.Coordinator {
			audit.Organization = by.Organization
		}
	}
	out := &Verified{ID: id, VerifiedOn: s.Now().UTC().Format(time.DateOnly)}
	err := s.TransactPeople(func(tx *People) error {
		r, err := tx.app.FindFirstRecordByData(row.Name, "key", id)
		if errors.Is(err, sql.ErrNoRows) {
			return fault.New(fault.NotFound, "There is no such line.").WithHint("Look at the list of lines again.")
		}
		if err != nil {
			return fmt.Errorf("verify hotline %s: %w", id, err)
		}
		audit.Record = r.Id
		audit.Detail = map[string]any{"setting": "hotline_verified", "line": id, "from": r.GetString("verified_on"), "to": out.VerifiedOn}
		if label != "" {
			audit.Detail["by"] = label
		}
		r.Set("verified_on", out.VerifiedOn)
		if err := tx.app.Save(r); err != nil {
			return fmt.Errorf("verify hotline %s: %w", id, err)
		}
		return tx.Audit(audit)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
