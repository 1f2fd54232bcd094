package records

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// attachments is the collection of what is known of photos; their bytes are
// media's.
const attachments = "attachments"

// MaxPhoto is the most that a photo may have, in bytes, and maxPhotos how many
// a report may have.
const (
	MaxPhoto  = 25 << 20
	maxPhotos = 12
)

// PhotoTypes are the forms that a photo may have, PhotoKinds what it may show.
var (
	PhotoTypes = []string{"image/jpeg", "image/webp"}
	PhotoKinds = []string{"place", "vehicle"}
)

// Attachment is what is known of a photo.
type Attachment struct {
	ID           string
	Organization string
	Type         string
	SHA256       string // lower-case hex
	Bytes        int64
	Stored       bool // the bytes were here whole
	values       access.Values
}

// prepareAttachment checks what is said of a photo before its bytes come: its
// author may add to the report, the organization takes photos, and it is one
// of a place or a vehicle (R13).
func (s *Store) prepareAttachment(app core.App, w *Writer, d *draft) error {
	d.set("stored", "")
	if err := s.besideReport(app, w, d, "A photo"); err != nil {
		return err
	}
	organization, err := s.find(app, w, "organizations", d.text("organization"))
	if err != nil {
		return err
	}
	if !allows(organization, wire.AllowPhotos) {
		return refuse(wire.CodeNotAllowed, "The organization takes no photos.")
	}
	switch size := d.whole("bytes"); {
	case !slices.Contains(PhotoKinds, d.text("kind")):
		return invalid("kind is neither place nor vehicle: no other photo is taken.")
	case !slices.Contains(PhotoTypes, d.text("type")):
		return invalid("type is no form of photo that is taken.")
	case size < 1 || size > MaxPhoto:
		return invalid("bytes: a photo has at most %d.", MaxPhoto)
	case !isSHA256(d.text("sha256")), d.text("raw_sha256") != "" && !isSHA256(d.text("raw_sha256")):
		return invalid("A SHA-256 is 64 characters 0-9a-f.")
	}
	collection, report := reportOf(d.values)
	var n int
	if err := app.DB().NewQuery("SELECT count(*) FROM {{attachments}} WHERE [[" + fieldOf(collection) + "]]={:id}").Bind(dbx.Params{"id": report}).Row(&n); err != nil {
		return fmt.Errorf("count photos of %s %s: %w", collection, report, err)
	}
	if n >= maxPhotos {
		return invalid("A report has at most %d photos.", maxPhotos)
	}
	return s.storedBefore(app, w, d)
}

func isSHA256(text string) bool {
	raw, err := hex.DecodeString(text)
	return err == nil && len(raw) == 32 && hex.EncodeToString(raw) == text
}

// storedBefore marks a photo as stored whose bytes are here, from the same
// person: they need not come twice. Never for staff: how soon it is done would
// tell who tries a picture that somebody has reported it (R9).
func (s *Store) storedBefore(app core.App, w *Writer, d *draft) error {
	author := d.text("author")
	if author == "" {
		return nil
	}
	var n int
	err := app.DB().NewQuery(`SELECT count(*) FROM {{attachments}} WHERE sha256={:h} AND author={:a} AND organization={:o} AND bytes={:b} AND type={:t} AND stored<>''`).
		Bind(dbx.Params{"h": d.text("sha256"), "a": author, "o": d.text("organization"), "b": d.whole("bytes"), "t": d.text("type")}).Row(&n)
	if err != nil {
		return fmt.Errorf("look for the bytes of a photo: %w", err)
	}
	if n > 0 {
		d.set("stored", time.UnixMilli(w.At).UTC().Format(types.DefaultDateLayout))
	}
	return nil
}

// letGo tells, once the transaction stands, that a photo's record is gone.
func (s *Store) letGo(tx core.App, attachment, sum string) {
	if s.Dropped == nil {
		return
	}
	tx.TxInfo().OnComplete(func(err error) error {
		if err == nil {
			s.Dropped(attachment, sum)
		}
		return nil
	})
}

// Attachment finds what is known of a photo, nil when there is nothing.
func (s *Store) Attachment(id string) (*Attachment, error) {
	r, err := s.App.FindRecordById(attachments, id)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find attachment %s: %w", id, err)
	}
	return &Attachment{ID: id, Organization: r.GetString("organization"), Type: r.GetString("type"), SHA256: r.GetString("sha256"),
		Bytes: int64(r.GetInt("bytes")), Stored: !r.GetDateTime("stored").IsZero(), values: Values(r)}, nil
}

// MayRead tells whether a person may have the bytes: who may see the record.
func (a *Attachment) MayRead(p access.Person) bool {
	return access.Table[attachments].List.Holds(p, a.values)
}

// MayHand tells whether a person hands in the bytes: who made the record. Of
// staff nothing in clear says so, but the actor of its create entry.
func (s *Store) MayHand(p access.Person, a *Attachment) (bool, error) {
	if !access.Table[attachments].Create.Holds(p, a.values) {
		return false, nil
	}
	if author := textOf(a.values["author"]); author != "" {
		return author == p.ID, nil
	}
	actor, _, err := s.Journal().Origin(attachments, a.ID)
	if err != nil {
		return false, err
	}
	return p.Role == access.Staff && actor == s.Key.PersonOn(p.ID, a.ID), nil
}

// PhotoBytes is how many bytes of photos an organization has here.
func (s *Store) PhotoBytes(organization string) (n int64, err error) {
	err = s.App.DB().NewQuery(`SELECT coalesce(sum(bytes), 0) FROM {{attachments}} WHERE organization={:o} AND stored<>''`).
		Bind(dbx.Params{"o": organization}).Row(&n)
	if err != nil {
		return 0, fmt.Errorf("count the photos of %s: %w", organization, err)
	}
	return n, nil
}

// PhotoKept tells whether a stored photo has these bytes.
func (s *Store) PhotoKept(sum string) (bool, error) {
	var n int
	err := s.App.DB().NewQuery(`SELECT count(*) FROM {{attachments}} WHERE sha256={:h} AND stored<>''`).Bind(dbx.Params{"h": sum}).Row(&n)
	if err != nil {
		return false, fmt.Errorf("look for a photo: %w", err)
	}
	return n > 0, nil
}

// Photo is what a stored photo's bytes are known by.
type Photo struct {
	ID     string `db:"id"`
	SHA256 string `db:"sha256"`
	Bytes  int64  `db:"bytes"`
}

// Photos lists the stored photos, in order of id.
func (s *Store) Photos() (all []Photo, err error) {
	if err := s.App.DB().NewQuery(`SELECT id, sha256, bytes FROM {{attachments}} WHERE stored<>'' ORDER BY id`).All(&all); err != nil {
		return nil, fmt.Errorf("list photos: %w", err)
	}
	return all, nil
}

// ErrNoRecord tells that a photo's record is gone.
var ErrNoRecord = errors.New("the record of the photo is gone")

// PhotoStored notes that a photo's bytes are here whole. ErrNoRecord.
func (s *Store) PhotoStored(id string) error {
	return s.patiently(func(tx *Tx) error {
		row, err := tx.Find(attachments, id)
		if err != nil {
			return err
		}
		if row == nil {
			return fmt.Errorf("note photo %s: %w", id, ErrNoRecord)
		}
		if textOf(row.Values["stored"]) != "" {
			return nil
		}
		w := s.System()
		return tx.change(w, row, map[string]any{"stored": time.UnixMilli(w.At).UTC().Format(types.DefaultDateLayout)})
	})
}
