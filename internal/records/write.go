package records

import (
	"errors"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/merge"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Journalled runs the execution of a save or delete and writes what belongs to
// it, in one transaction: the row, its entry, feed, clocks and the records
// that the server makes beside it, or none of it (JOURNAL-1). next is the rest
// of PocketBase's hook chain; setApp hands it the transaction.
func (s *Store) Journalled(op string, app core.App, record *core.Record, setApp func(core.App), next func() error) error {
	defer setApp(app)
	w := s.writerOf(record)
	defer record.SetRaw(writerKey, nil)
	return app.RunInTransaction(func(tx core.App) error {
		setApp(tx)
		return s.within(tx, w, func() error {
			before, err := s.before(op, tx, w, record)
			if err != nil {
				return err
			}
			if err := next(); err != nil {
				return err
			}
			var now access.Values
			if op != wire.OpDelete {
				now = Values(record)
			}
			return s.journalWith(tx, w, op, thing{record.Collection().Name, record.Id}, before, now, nil)
		})
	})
}

// within runs a write with the journal of the mutation that it belongs to: the
// push's, that of the delete that it is a cascade of, or one of its own. Two
// journals in one transaction would give out the same seq.
func (s *Store) within(tx core.App, w *Writer, fn func() error) error {
	if w.Journal != nil {
		return fn()
	}
	info := tx.TxInfo()
	defer func() { w.Journal = nil }()
	if outer, ok := s.mutations.Load(info); ok {
		w.Journal = outer.(*journal.Tx)
		return fn()
	}
	w.Journal = journal.Begin(tx.NonconcurrentDB())
	s.mutations.Store(info, w.Journal)
	defer s.mutations.Delete(info)
	err := fn()
	touched := w.Journal.Touched()
	if err = errors.Join(err, w.Journal.Close()); err != nil {
		return err
	}
	if s.Notify != nil {
		info.OnComplete(func(txErr error) error {
			if txErr == nil {
				s.Notify(touched)
			}
			return nil
		})
	}
	return nil
}

// before reads what stands, inside the transaction. A REST update was loaded
// before it: fields that it did not touch must not go back to what they were.
func (s *Store) before(op string, tx core.App, w *Writer, record *core.Record) (access.Values, error) {
	if op == wire.OpCreate {
		return nil, nil
	}
	if op == wire.OpUpdate && w.standing != nil {
		return w.standing, nil
	}
	fresh, err := tx.FindRecordById(record.Collection(), record.Id)
	if err != nil {
		return nil, fmt.Errorf("read %s %s: %w", record.Collection().Name, record.Id, err)
	}
	standing := Values(fresh)
	if op == wire.OpUpdate {
		loaded, now := Values(record.Original()), Values(record)
		for name, v := range standing {
			if name != "id" && wire.EqualJSON(loaded[name], now[name]) && !wire.EqualJSON(v, now[name]) {
				record.SetRaw(name, fresh.GetRaw(name))
			}
		}
	}
	return standing, nil
}

// anonymous are the collections whose entries name no actor (JOURNAL-4).
var anonymous = map[string]bool{"users": true, "devices": true, "invites": true}

// thing names a record.
type thing struct{ collection, id string }

// journalWith writes the entry of a write that was done, and what belongs to
// it. written holds the fields of a create as JSON where the caller has them so.
func (s *Store) journalWith(tx core.App, w *Writer, op string, it thing, before, now access.Values, written []byte) error {
	name := it.collection
	row := access.Table[name]
	e := journal.Entry{At: w.At, Collection: name, Record: it.id, Op: op, Actor: w.Actor,
		Device: w.Device, Stamp: w.Stored.String(), Extra: w.Extra, Written: written}
	if w.Unnamed || w.Sealed != "" {
		s.sealEntry(w, &e)
	}
	if anonymous[name] {
		// By the day: with the time of an enrolment or a renewal beside the id,
		// the next report would have its writer's name.
		e.Actor, e.Device = "system", s.Key.Rest("system")
		e.At = day(w.At)
		stored := w.Stored.WithDevice(e.Device)
		stored.Ms = day(stored.Ms)
		e.Stamp = stored.String()
	}
	if before != nil {
		e.Before = row.Audience(before)
	}
	if now != nil {
		e.After = row.Audience(now)
	}
	switch op {
	case wire.OpCreate:
		if written == nil {
			e.Fields = map[string]any{}
			for f, v := range now {
				if f != "id" && !IsZero(v) {
					e.Fields[f] = v
				}
			}
		}
		e.Default = &merge.Clock{Eff: s.corrected(w, name), Stored: e.Stamp}
	case wire.OpUpdate:
		if err := s.changes(w, &e, before, now); err != nil {
			return err
		}
		if len(e.Fields) == 0 && len(w.Extra) == 0 {
			if name == "users" { // a password is no field that is journalled
				return s.auditBeside(tx, w, op, it, before, now)
			}
			return nil
		}
	}
	seq, err := w.Journal.Append(e)
	if err != nil {
		return err
	}
	w.seq = seq
	if err := s.beside(tx, w, op, it, before, now, seq); err != nil {
		return err
	}
	return s.auditBeside(tx, w, op, it, before, now)
}

// day cuts a time in ms to the day, UTC.
func day(ms int64) int64 { return ms - ms%(24*60*60*1000) }

// corrected is the writer's corrected stamp, by the day where entries name no
// actor.
func (s *Store) corrected(w *Writer, collection string) hlc.Time {
	switch {
	case anonymous[collection]:
		return hlc.Time{Ms: day(w.Corrected.Ms)}
	case w.Unnamed || w.Sealed != "":
		return hlc.Time{Ms: w.At}
	}
	return w.Corrected
}

// changes fills an update's entry: what push has merged, or for every other
// way what differs, over the clocks that stand.
func (s *Store) changes(w *Writer, e *journal.Entry, before, now access.Values) error {
	e.Fields, e.Eff = map[string]any{}, map[string]hlc.Time{}
	if w.Merged != nil {
		for f, c := range w.Merged.Changes {
			e.Fields[f], e.Eff[f] = c.Value, c.Eff
		}
		e.Clocks = w.Merged.Clocks
		return nil
	}
	clock, err := w.Journal.Clock(e.Collection, e.Record)
	if err != nil {
		return err
	}
	policies := access.Table[e.Collection].Fields
	standing := map[string]merge.Field{}
	for f, v := range now {
		if f == "id" || wire.EqualJSON(v, before[f]) {
			continue
		}
		field := merge.Field{Policy: policies[f], Value: before[f]}
		if clock != nil {
			field.Clock = clock.Of(f)
		}
		e.Fields[f], standing[f] = v, field
	}
	stored, err := hlc.Parse(e.Stamp)
	if err != nil {
		return fmt.Errorf("journal %s %s: %w", e.Collection, e.Record, err)
	}
	e.Clocks = merge.Overwrite(stored, s.corrected(w, e.Collection), e.Fields, standing)
	for f, c := range e.Clocks {
		e.Eff[f] = c.Eff
	}
	return nil
}

// beside writes what the server makes of a change, in the same mutation.
func (s *Store) beside(tx core.App, w *Writer, op string, it thing, before, now access.Values, seq int64) error {
	name := it.collection
	changed := func(f string) bool {
		return op == wire.OpUpdate && !wire.EqualJSON(before[f], now[f])
	}
	switch {
	case access.IsReport(name) && op == wire.OpCreate:
		return s.makeTriage(tx, w, it, now)
	case access.IsReport(name) && changed("organization"):
		return s.moveChildren(tx, w, it, textOf(now["organization"]))
	case name == "sites" && changed("served_by"):
		if err := s.moveConflicts(tx, w, it, textOf(now["served_by"])); err != nil {
			return err
		}
		if to := textOf(now["served_by"]); to != "" {
			if err := s.moveAll(tx, w, "lost_devices", "site = {:id}", map[string]any{"id": it.id}, to); err != nil {
				return err
			}
		}
		return s.moveServedBy(tx, w, it.id)
	case name == "checklists":
		s.checklists.Delete(it.id)
	case name == operationsCollection, name == rostersCollection:
		return s.settleOperations(tx, w)
	case name == attachments && op == wire.OpDelete:
		s.letGo(tx, it.id, textOf(before["sha256"]))
	case name == "quarantine" && (op == wire.OpDelete || changed("state") && now["state"] != "held"):
		return w.Journal.Unhold(it.id)
	case name == "users" && op == wire.OpUpdate:
		return s.moveDevices(tx, w, it.id)
	case name == "devices" && changed("revoked") && now["revoked"] == true:
		return s.revokeHeirs(tx, w, it.id)
	case name == "triage":
		if changed("organization") {
			if err := s.moveConflicts(tx, w, it, textOf(now["organization"])); err != nil {
				return err
			}
		}
		if changed("opened") && textOf(now["opened"]) != "" {
			return s.markSeen(w, now, seq)
		}
	}
	return nil
}

// markSeen tells the device that wrote a report that it was opened.
func (s *Store) markSeen(w *Writer, triage access.Values, seq int64) error {
	collection, report := reportOf(triage)
	_, device, err := w.Journal.Origin(collection, report)
	if err != nil || device == "" || device == s.Key.Nobody() {
		return err
	}
	// If it is of staff nobody can say which device to wake: all that may be.
	w.Journal.Touch(journal.StaffScope(textOf(triage["organization"])))
	return w.Journal.MarkSeen(device, seq, report)
}

// makeTriage makes the one triage record of a report.
func (s *Store) makeTriage(tx core.App, w *Writer, it thing, report access.Values) error {
	t := access.Values{"status": "open", "organization": report["organization"]}
	if it.collection == "observations" {
		t["observation"] = it.id
	} else {
		t["submission"] = it.id
	}
	judged, err := s.judge(tx, w, it, report)
	if err != nil {
		return err
	}
	t["suggested"], t["urgency"] = judged.Urgency, judged.Urgency
	t["operation"] = textOf(report["operation"])
	t["fired"] = judged.Stored()
	return s.makeBeside(tx, w, thing{"triage", wire.TriageID(it.collection, it.id)}, t)
}

// makeBeside makes a record of the server's own in the mutation of another.
func (s *Store) makeBeside(tx core.App, w *Writer, it thing, values access.Values) error {
	if w.tx != nil {
		own := s.server(w)
		err := w.tx.insert(own, it, values)
		w.seq = max(w.seq, own.seq)
		return err
	}
	collection, err := tx.FindCachedCollectionByNameOrId(it.collection)
	if err != nil {
		return fmt.Errorf("make %s: %w", it.collection, err)
	}
	return s.saveBeside(tx, w, recordOf(collection, it.id, values))
}

// saveBeside saves a record that the server makes or changes in the mutation
// of another, through PocketBase and its hooks; nothing a person wrote is in it, so only the writes can fail.
func (s *Store) saveBeside(tx core.App, w *Writer, record *core.Record) error {
	own := s.server(w)
	Attach(record, own)
	if err := tx.SaveNoValidate(record); err != nil {
		return fmt.Errorf("save %s %s: %w", record.Collection().Name, record.Id, err)
	}
	w.seq = max(w.seq, own.seq)
	return nil
}

// revokeHeirs signs out what descends from a device that is signed out: who has
// found a phone could have made a successor of it beforehand, and go on. The
// person's own copy hands in what it holds and enrols anew.
func (s *Store) revokeHeirs(tx core.App, w *Writer, device string) error {
	heirs, err := tx.FindRecordsByFilter("devices", "parent = {:id} && revoked = false", "", 0, 0, map[string]any{"id": device})
	if err != nil {
		return fmt.Errorf("revoke what descends from device %s: %w", device, err)
	}
	for _, d := range heirs {
		d.Set("revoked", true)
		if err := s.saveBeside(tx, w, d); err != nil {
			return err
		}
	}
	return nil
}

// moveChildren rewrites the organization that triage, addenda, tips and photos
// carry when that of their report changes.
func (s *Store) moveChildren(tx core.App, w *Writer, report thing, organization string) error {
	field := "observation"
	if report.collection == "submissions" {
		field = "submission"
	}
	for _, c := range []string{"triage", "addenda", "tips", attachments} {
		if err := s.moveAll(tx, w, c, field+" = {:id}", map[string]any{"id": report.id}, organization); err != nil {
			return err
		}
	}
	return nil
}

// moveServedBy rewrites the people of a site when another organization serves
// it. Reports that were received stay where they were received.
func (s *Store) moveServedBy(tx core.App, w *Writer, site string) error {
	people, err := tx.FindRecordsByFilter("users", "sites.id ?= {:id}", "", 0, 0, map[string]any{"id": site})
	if err != nil {
		return fmt.Errorf("move people of site %s: %w", site, err)
	}
	for _, user := range people {
		if err := s.setServedBy(tx, user); err != nil {
			// Not a refusal: the site is written, so all of it must go back.
			return fmt.Errorf("move people of site %s: %s", site, err.Error())
		}
		if err := s.saveBeside(tx, w, user); err != nil {
			return err
		}
	}
	return s.moveInvites(tx, w, site)
}

// moveDevices rewrites the organization that a person's devices carry: it
// decides whose coordinators see them.
func (s *Store) moveDevices(tx core.App, w *Writer, person string) error {
	p, err := s.Person(tx, person)
	if err != nil {
		return err
	}
	return s.moveAll(tx, w, "devices", "user = {:id}", map[string]any{"id": person}, deviceOrganization(*p))
}

// moveConflicts does so for the values that gave way in a record.
func (s *Store) moveConflicts(tx core.App, w *Writer, it thing, organization string) error {
	return s.moveAll(tx, w, "conflicts", "collection = {:collection} && record = {:id}",
		map[string]any{"collection": it.collection, "id": it.id}, organization)
}

func (s *Store) moveAll(tx core.App, w *Writer, collection, filter string, params map[string]any, organization string) error {
	found, err := tx.FindRecordsByFilter(collection, filter, "", 0, 0, params)
	if err != nil {
		return fmt.Errorf("move %s of %s: %w", collection, params["id"], err)
	}
	for _, r := range found {
		if r.GetString("organization") == organization {
			continue
		}
		r.Set("organization", organization)
		if err := s.saveBeside(tx, w, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) reader(app core.App, w *Writer) *journal.Reader {
	if w.Journal != nil {
		return &w.Journal.Reader
	}
	return journal.NewReader(app.ConcurrentDB())
}
