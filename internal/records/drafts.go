package records

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/fault"
)

// draftCollection holds checklists of the installation's own: those that are
// being written, and what was published of them.
const draftCollection = "checklist_drafts"

// States of a draft.
const (
	DraftOpen      = "draft"
	DraftPublished = "published"
)

// MaxDraft is how large a draft's form may be, in bytes of JSON; the longest
// that ships has a sixth of it.
const MaxDraft = 256 << 10

// DraftView is a draft as whoever may write it sees it.
type DraftView struct {
	ID        string          `json:"id"`
	Key       string          `json:"key"`
	Version   int             `json:"version"`
	Revision  int             `json:"revision"` // what a save or a publication must name
	State     string          `json:"state"`
	ChangedBy string          `json:"changed_by"`
	Changed   string          `json:"changed"`
	Form      *checklist.Form `json:"form"`
	// Faults are what keeps it from being published, Changes what sets it apart
	// from InForce, the version that is in force; 0 is none.
	Faults  []checklist.Fault  `json:"faults"`
	Changes []checklist.Change `json:"changes"`
	InForce int                `json:"in_force"`
}

// stale is the answer to whoever writes over what somebody else saved.
func stale() error {
	return fault.New(fault.NotHeld, "Somebody changed or published this draft meanwhile.").WithHint("Open it again, and change it there.")
}

func mayWrite(by *access.Person) error {
	if by.Role != access.Coordinator && by.Role != access.Admin {
		return fault.New(fault.NotAllowed, "This is for coordinators and admins.")
	}
	return nil
}

// BeginDraft makes a draft of what is published under a key: under the same key
// its next version, under another a checklist of its own. A key is that of the
// organization that first published it. The error is a *fault.Fault where it
// cannot be.
func (s *Store) BeginDraft(by *access.Person, from, key string) (view *DraftView, err error) {
	if err := mayWrite(by); err != nil {
		return nil, err
	}
	if key == "" {
		key = from
	}
	err = s.TransactPeople(func(tx *People) error {
		form, err := tx.formOf(from)
		if err != nil {
			return err
		}
		view, err = tx.begin(by, form, key)
		return err
	})
	return view, err
}

// BeginDraftWith makes a draft of a form that somebody brings.
func (s *Store) BeginDraftWith(by *access.Person, form *checklist.Form) (view *DraftView, err error) {
	if err := mayWrite(by); err != nil {
		return nil, err
	}
	err = s.TransactPeople(func(tx *People) error {
		view, err = tx.begin(by, form, form.Key)
		return err
	})
	return view, err
}

func (p *People) begin(by *access.Person, form *checklist.Form, key string) (*DraftView, error) {
	if !checklist.IsKey(key) {
		return nil, fault.Newf(fault.BadRequest, "The key is no short lower-case word.").WithHint("Use letters a to z, digits and _, a letter first, at most 40.")
	}
	if p.store.isShipped(key) {
		return nil, fault.Newf(fault.BadRequest, "The checklist %s comes with the program.", key).WithHint("Give yours a key of its own.")
	}
	if err := p.ownKey(by, key); err != nil {
		return nil, err
	}
	open, err := p.app.FindRecordsByFilter(draftCollection, "key = {:k} && state = 'draft'", "", 1, 0, dbx.Params{"k": key})
	if err != nil {
		return nil, fmt.Errorf("find drafts of %s: %w", key, err)
	}
	if len(open) > 0 {
		return nil, fault.Newf(fault.BadRequest, "There is a draft of %s already.", key).WithHint("Go on with that one, or drop it.")
	}
	newest, err := p.newestVersion(key)
	if err != nil {
		return nil, err
	}
	form = form.Under(key, newest+1)
	form.MarkReviews()
	r, err := p.keepDraft(by, nil, form, DraftOpen)
	if err != nil {
		return nil, err
	}
	return p.viewDraft(r)
}

// ownKey refuses a key that another organization published.
func (p *People) ownKey(by *access.Person, key string) error {
	if by.Role == access.Admin {
		return nil
	}
	first, err := p.app.FindRecordsByFilter(draftCollection, "key = {:k} && organization != ''", "version", 1, 0, dbx.Params{"k": key})
	if err != nil {
		return fmt.Errorf("find who published %s: %w", key, err)
	}
	if len(first) > 0 && first[0].GetString("organization") != by.Organization {
		return fault.Newf(fault.NotAllowed, "The checklist %s is another organization's.", key).WithHint("Make one of it under a key of your own.")
	}
	return nil
}

func (p *People) newestVersion(key string) (int, error) {
	var n int
	err := p.app.DB().NewQuery("SELECT COALESCE(MAX(version), 0) FROM {{checklists}} WHERE [[key]]={:k}").Bind(dbx.Params{"k": key}).Row(&n)
	if err != nil {
		return 0, fmt.Errorf("find versions of %s: %w", key, err)
	}
	return n, nil
}

// formOf gives what is in force under a key, as a form.
func (p *People) formOf(key string) (*checklist.Form, error) {
	if p.store.isShipped(key) {
		form, err := checklist.Newest(p.store.Content, key)
		if err != nil || form != nil {
			return form, err
		}
	}
	form, err := p.published(key)
	if err != nil || form != nil {
		return form, err
	}
	version, err := p.newestVersion(key)
	if err != nil {
		return nil, err
	}
	found, err := p.app.FindRecordsByFilter("checklists", "key = {:k} && version = {:v}", "", 0, 0, dbx.Params{"k": key, "v": version})
	if err != nil {
		return nil, fmt.Errorf("find checklist %s: %w", key, err)
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "There is no such checklist.").WithHint("Look at the list again.")
	}
	var lists []checklist.Checklist
	for _, r := range found {
		l := checklist.Checklist{Key: key, Version: version, Locale: r.GetString("locale"), Title: r.GetString("title")}
		if err := r.UnmarshalJSONField("items", &l.Items); err != nil {
			return nil, fmt.Errorf("read checklist %s: %w", r.Id, err)
		}
		lists = append(lists, l)
	}
	form, err = checklist.FormOf(lists)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The checklist is not whole in both languages.").WithHint("Import it from a workbook.").Because(err)
	}
	return form, nil
}

// published gives the newest form of a key that was published from here, nil
// when there is none.
func (p *People) published(key string) (*checklist.Form, error) {
	found, err := p.app.FindRecordsByFilter(draftCollection, "key = {:k} && state = 'published'", "-version", 1, 0, dbx.Params{"k": key})
	if err != nil {
		return nil, fmt.Errorf("find what was published of %s: %w", key, err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return draftForm(found[0])
}

func draftForm(r *core.Record) (*checklist.Form, error) {
	form, err := checklist.DecodeDraft([]byte(r.GetString("form")))
	if err != nil {
		return nil, fmt.Errorf("read draft %s: %w", r.Id, err)
	}
	return form, nil
}

// keepDraft writes a form into a record, a new one if it is nil. by nil is the
// server's operator.
func (p *People) keepDraft(by *access.Person, r *core.Record, form *checklist.Form, state string) (*core.Record, error) {
	raw, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("keep draft of %s: %w", form.Key, err)
	}
	if len(raw) > MaxDraft {
		return nil, fault.New(fault.BadRequest, "The checklist is larger than 256 KB.").WithHint("Make two of it.")
	}
	if r == nil {
		c, err := p.app.FindCachedCollectionByNameOrId(draftCollection)
		if err != nil {
			return nil, fmt.Errorf("keep draft of %s: %w", form.Key, err)
		}
		r = core.NewRecord(c)
		if by != nil {
			r.Set("organization", by.Organization)
		}
	}
	r.Set("key", form.Key)
	r.Set("version", form.Version)
	r.Set("title", cut(form.TitleEN, 300))
	r.Set("form", string(raw))
	r.Set("revision", r.GetInt("revision")+1)
	r.Set("state", state)
	r.Set("changed_by", ActorOperator)
	if by != nil {
		r.Set("changed_by", by.ID)
	}
	r.Set("changed", p.store.Now().UTC().Format(types.DefaultDateLayout))
	if err := p.app.Save(r); err != nil {
		return nil, fmt.Errorf("keep draft of %s: %w", form.Key, err)
	}
	return r, nil
}

// findDraft finds a draft that a person may write; others' are not there for
// them.
func (p *People) findDraft(by *access.Person, id string) (*core.Record, error) {
	r, err := p.app.FindRecordById(draftCollection, id)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("find draft %s: %w", id, err)
	}
	if err != nil || !access.Table[draftCollection].Manage.Holds(*by, Values(r)) {
		return nil, fault.New(fault.NotFound, "There is no such draft.").WithHint("Look at the list again.")
	}
	return r, nil
}

func (p *People) viewDraft(r *core.Record) (*DraftView, error) {
	form, err := draftForm(r)
	if err != nil {
		return nil, err
	}
	v := &DraftView{ID: r.Id, Key: r.GetString("key"), Version: r.GetInt("version"), Revision: r.GetInt("revision"), State: r.GetString("state"),
		ChangedBy: r.GetString("changed_by"), Changed: r.GetString("changed"), Form: form}
	if v.Faults, err = p.lint(form); err != nil {
		return nil, err
	}
	if v.InForce, err = p.newestVersion(v.Key); err != nil {
		return nil, err
	}
	var before *checklist.Form
	if v.InForce > 0 && v.State == DraftOpen {
		if before, err = p.formOf(v.Key); err != nil {
			return nil, err
		}
	}
	v.Changes = form.Changes(before)
	return v, nil
}

// lint gives what keeps a form from being published.
func (p *People) lint(form *checklist.Form) ([]checklist.Fault, error) {
	raw, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("lint draft of %s: %w", form.Key, err)
	}
	_, faults, err := checklist.LintForm(p.store.Content, form.Key, raw)
	if err != nil {
		return nil, err
	}
	if faults == nil {
		faults = []checklist.Fault{}
	}
	return faults, nil
}

// inDraft runs do on a draft that a person may write.
func (s *Store) inDraft(by *access.Person, id string, do func(tx *People, r *core.Record) (*core.Record, error)) (view *DraftView, err error) {
	if err := mayWrite(by); err != nil {
		return nil, err
	}
	err = s.TransactPeople(func(tx *People) error {
		r, err := tx.findDraft(by, id)
		if err != nil {
			return err
		}
		if r, err = do(tx, r); err != nil || r == nil {
			return err
		}
		view, err = tx.viewDraft(r)
		return err
	})
	return view, err
}

// Draft shows a draft.
func (s *Store) Draft(by *access.Person, id string) (*DraftView, error) {
	return s.inDraft(by, id, func(_ *People, r *core.Record) (*core.Record, error) { return r, nil })
}

// SaveDraft keeps a form, faulty or not, in the place of the one of a revision.
func (s *Store) SaveDraft(by *access.Person, id string, revision int, form *checklist.Form) (*DraftView, error) {
	return s.inDraft(by, id, func(tx *People, r *core.Record) (*core.Record, error) {
		if r.GetInt("revision") != revision || r.GetString("state") != DraftOpen {
			return nil, stale()
		}
		if form.Key != r.GetString("key") {
			return nil, fault.New(fault.BadRequest, "A draft keeps its key.").WithHint("Make another draft under the other key.")
		}
		newest, err := tx.newestVersion(form.Key)
		if err != nil {
			return nil, err
		}
		form.Version = newest + 1
		form.MarkReviews()
		return tx.keepDraft(by, r, form, DraftOpen)
	})
}

// DropDraft takes a draft away that was not published.
func (s *Store) DropDraft(by *access.Person, id string, revision int) error {
	_, err := s.inDraft(by, id, func(tx *People, r *core.Record) (*core.Record, error) {
		if r.GetInt("revision") != revision || r.GetString("state") != DraftOpen {
			return nil, stale()
		}
		a := auditBy(by)
		a.Act, a.Collection, a.Record = ActSettings, draftCollection, r.Id
		a.Detail = map[string]any{"setting": "checklist_draft_dropped", "key": r.GetString("key"), "version": r.GetInt("version")}
		if err := tx.app.Delete(r); err != nil {
			return nil, fmt.Errorf("drop draft %s: %w", id, err)
		}
		return nil, tx.Audit(a)
	})
	return err
}

// PublishDraft puts the form of a revision into force as a new version, which
// never changes: a report names the version that its author saw. A form with a
// fault is refused, with the faults.
func (s *Store) PublishDraft(by *access.Person, id string, revision int, reason string) (*DraftView, error) {
	return s.inDraft(by, id, func(tx *People, r *core.Record) (*core.Record, error) {
		if r.GetInt("revision") != revision || r.GetString("state") != DraftOpen {
			return nil, stale()
		}
		form, err := draftForm(r)
		if err != nil {
			return nil, err
		}
		faults, err := tx.lint(form)
		if err != nil {
			return nil, err
		}
		if len(faults) > 0 {
			f := fault.Newf(fault.BadRequest, "The draft has %d faults, the first: %s.", len(faults), strings.TrimSuffix(faults[0].String(), ".")).WithHint("Each fault names its item and language.")
			f.Extra = map[string]any{"faults": faults}
			return nil, f
		}
		if err := tx.ownKey(by, form.Key); err != nil {
			return nil, err
		}
		published, err := tx.publish(form)
		if err != nil {
			return nil, err
		}
		if !published {
			return nil, stale()
		}
		a := auditBy(by)
		a.Record, a.Reason = r.Id, reason
		if err := tx.Audit(publication(form, a)); err != nil {
			return nil, err
		}
		return tx.keepDraft(by, r, form, DraftPublished)
	})
}
