package records

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// The acts that are audited (R16). The words are permanent: exports that lie
// with others use them.
const (
	ActUnseal         = "unseal"          // somebody learned who wrote a staff report; with a reason
	ActSealedRead     = "sealed_read"     // what is sealed, or may be, was read
	ActExport         = "export"          // data left the server: an export of reports, of the audit itself
	ActRoleChange     = "role_change"     // a person's role, organization or sites changed
	ActRevoke         = "revoke"          // a device was signed out
	ActWipe           = "wipe"            // a device was told to wipe itself
	ActOffboard       = "offboard"        // a person left: devices, sessions, invites, claims
	ActSettings       = "settings"        // a setting of the installation changed
	ActSuperuserWrite = "superuser_write" // a superuser wrote, beside the rules of the access table
	ActAdopt          = "adopt"           // a refused mutation became a coordinator's own
	ActRelease        = "release"         // a refused mutation ran after all
	ActDismiss        = "dismiss"         // a refused mutation was put aside as of no use; with a reason
	ActInvite         = "invite"          // an invite was made, or ended
	ActSignInLock     = "sign_in_lock"    // somebody was locked out of signing in, or let in again
	ActAlert          = "alert"           // an on-call list was alerted of an unopened emergency
	ActPhotoRemove    = "photo_remove"    // a photo was taken out of a report
	ActRoster         = "roster"          // a roster, or the times, sites or organizations of an operation changed
	ActTakeIn         = "take_in"         // a recovery file, or what wiped devices had left, was handed in
)

// Acts are all of them, in the order above.
var Acts = []string{ActUnseal, ActSealedRead, ActExport, ActRoleChange, ActRevoke, ActWipe, ActOffboard, ActSettings,
	ActSuperuserWrite, ActAdopt, ActRelease, ActDismiss, ActInvite, ActSignInLock, ActAlert, ActPhotoRemove, ActRoster, ActTakeIn}

// Actors that are no person.
const (
	// ActorSystem is the server by itself.
	ActorSystem = "system"
	// ActorOperator is whoever sits at the server's own command line.
	ActorOperator = "operator"
	// actorStaff is any person of staff.
	actorStaff = "staff"
	superuser  = "superuser:"
)

// AuditCollection is the name of the collection.
const AuditCollection = "audit"

// Audit is something that somebody did and that must not be forgotten. It is
// written in the transaction of the act: both stand, or neither.
type Audit struct {
	// Act is one of Acts.
	Act string
	// Actor is who did it: the id of a person, "superuser:<id>", ActorOperator,
	// or "" for the server itself. Staff are not told apart.
	Actor string
	// Organization is whose coordinators read it; "" is for admins alone. Of
	// staff it is who serves their site, never the site's owner (R8).
	Organization string
	// Collection and Record say what it was done to. Never a staff report
	// together with who wrote it, whatever the act.
	Collection, Record string
	// Reason is what the person gave as one, at most 1,000 characters.
	Reason string
	// Detail says more in words, ids and numbers: never content of a report,
	// never personal data. At most 4 KB of JSON.
	Detail map[string]any
}

// Audit writes an entry in this transaction, in the mutation in hand.
func (t *Tx) Audit(a Audit) error {
	_, err := t.auditSeq(a)
	return err
}

// Audit writes an entry in this transaction.
func (p *People) Audit(a Audit) error { return p.store.audit(p.app, p.store.System(), a) }

// Audit writes an entry in a transaction of its own: for what changes no
// record, such as a read. Call it before the act, so that none goes unsaid.
func (s *Store) Audit(a Audit) error {
	return s.patiently(func(tx *Tx) error { return tx.Audit(a) })
}

// patiently is Transact, patient with another process that writes at the same
// moment: a command stands beside a server. A transaction that has read before
// the other's commit can't go on, and begins anew.
func (s *Store) patiently(fn func(tx *Tx) error) error {
	for try := 0; ; try++ {
		err := s.Transact(fn)
		if err == nil || try == 8 || !strings.Contains(err.Error(), "database is locked") {
			return err
		}
		time.Sleep(20 * time.Millisecond << try)
	}
}

// audit writes an entry. Each names the one before, of all and of its
// organization, by the hash that the journal has of it: so an export can show
// that none was left out without showing what else happened here.
func (s *Store) audit(app core.App, w *Writer, a Audit) error {
	values, err := s.auditValues(app, a, w.At)
	if err != nil {
		return fmt.Errorf("audit %s: %w", a.Act, err)
	}
	w.Actor, w.auditing = textOf(values["actor"]), true
	id := security.RandomStringWithAlphabet(15, "abcdefghijklmnopqrstuvwxyz0123456789")
	if w.tx != nil {
		return w.tx.insert(w, thing{AuditCollection, id}, values)
	}
	c, err := app.FindCachedCollectionByNameOrId(AuditCollection)
	if err != nil {
		return fmt.Errorf("audit %s: %w", a.Act, err)
	}
	record := recordOf(c, id, values)
	Attach(record, w)
	if err := app.SaveNoValidate(record); err != nil {
		return fmt.Errorf("audit %s: %w", a.Act, err)
	}
	return nil
}

func (s *Store) auditValues(app core.App, a Audit, at int64) (access.Values, error) {
	if !slices.Contains(Acts, a.Act) {
		return nil, fmt.Errorf("there is no such act")
	}
	if utf8.RuneCountInString(a.Reason) > 1000 {
		return nil, invalid("reason is longer than 1,000 characters.")
	}
	actor, err := s.auditActor(app, a)
	if err != nil {
		return nil, err
	}
	v := access.Values{"at": time.UnixMilli(at).UTC().Format(types.DefaultDateLayout), "act": a.Act, "actor": actor,
		"organization": a.Organization, "collection": a.Collection, "record": a.Record, "reason": a.Reason}
	if len(a.Detail) > 0 {
		raw, err := json.Marshal(a.Detail)
		if err != nil {
			return nil, err
		}
		if len(raw) > 4<<10 {
			return nil, fmt.Errorf("the detail is longer than 4 KB")
		}
		v["detail"] = decode(raw)
	}
	if v["number"], v["before"], err = lastAudit(app, "number", "1=1", nil); err != nil {
		return nil, err
	}
	if a.Organization != "" {
		v["own"], v["own_before"], err = lastAudit(app, "own", "organization={:o}", dbx.Params{"o": a.Organization})
	}
	return v, err
}

// lastAudit gives the number that the next entry has, and the hash of the one
// before it: of zeros before the first, as in the journal.
func lastAudit(app core.App, count, where string, params dbx.Params) (next float64, hash string, err error) {
	var last struct {
		ID     string `db:"id"`
		Number int64  `db:"n"`
	}
	q := app.NonconcurrentDB().NewQuery("SELECT id, " + count + " AS n FROM {{audit}} WHERE " + where + " ORDER BY number DESC LIMIT 1")
	if err = q.Bind(params).One(&last); err != nil && !absent(err) {
		return 0, "", err
	}
	before := make([]byte, 32)
	if err == nil {
		if before, err = journal.NewReader(app.NonconcurrentDB()).HashOf(AuditCollection, last.ID); err != nil {
			return 0, "", err
		}
	}
	return float64(last.Number + 1), hex.EncodeToString(before), nil
}

// auditActor is how an entry names who did it. Staff are not told apart: by one
// pseudonym in two entries, or beside their own device, whoever reads the audit
// could join what nothing else stored in clear joins (R9, JOURNAL-4).
func (s *Store) auditActor(app core.App, a Audit) (string, error) {
	switch {
	case a.Actor == "":
		return ActorSystem, nil
	case a.Actor == ActorSystem, a.Actor == ActorOperator, strings.HasPrefix(a.Actor, superuser):
		return a.Actor, nil
	}
	user, err := app.FindRecordById("users", a.Actor)
	if err != nil && !absent(err) {
		return "", fmt.Errorf("find user: %w", err)
	}
	if err != nil || access.Role(user.GetString("role")) == access.Staff {
		return actorStaff, nil // or a pseudonym
	}
	return a.Actor, nil
}

// appendOnly is the answer to whoever would write the audit, whoever it is and
// whichever way.
func appendOnly() error {
	return refuse(wire.CodeNotAllowed, "The audit is written by the server alone, and never changed.")
}

// auditBeside writes the entry of a write that has to have one whichever way
// it came: what a superuser wrote, and a person's role.
func (s *Store) auditBeside(tx core.App, w *Writer, op string, it thing, before, now access.Values) error {
	bySuperuser := strings.HasPrefix(w.Actor, superuser)
	if w.auditing {
		return nil
	}
	if it.collection == dutyCollection && !bySuperuser {
		return s.auditFor(tx, w, Audit{Act: ActSettings, Actor: w.Actor, Organization: textOf(now["organization"]), Collection: it.collection, Record: it.id,
			Detail: map[string]any{"setting": dutyCollection, "fields": changedFields(before, now)}})
	}
	if it.collection == attachments && op == wire.OpDelete && w.Person != nil {
		_, report := reportOf(before)
		return s.auditFor(tx, w, Audit{Act: ActPhotoRemove, Actor: w.Actor, Organization: textOf(before["organization"]), Collection: attachments, Record: it.id,
			Detail: map[string]any{"report": report, "kind": before["kind"]}})
	}
	if (it.collection == operationsCollection || it.collection == rostersCollection) && !bySuperuser {
		return s.auditOperation(tx, w, op, it, before, now)
	}
	if !bySuperuser && (it.collection != "users" || op != wire.OpUpdate) {
		return nil
	}
	was := before
	if was == nil {
		was = now
	}
	about := Audit{Actor: w.Actor, Organization: auditOrganization(it, was), Collection: it.collection, Record: it.id}
	if bySuperuser {
		about.Act, about.Detail = ActSuperuserWrite, map[string]any{"op": op, "fields": changedFields(before, now)}
		if err := s.auditFor(tx, w, about); err != nil {
			return err
		}
	}
	if it.collection != "users" || op != wire.OpUpdate {
		return nil
	}
	detail := map[string]any{}
	for _, f := range []string{"role", "organization", "sites"} {
		if !wire.EqualJSON(before[f], now[f]) {
			detail[f] = map[string]any{"from": before[f], "to": now[f]}
		}
	}
	if len(detail) == 0 {
		return nil
	}
	about.Act, about.Detail = ActRoleChange, detail
	return s.auditFor(tx, w, about)
}

// auditFor writes an entry in the mutation of a write.
func (s *Store) auditFor(tx core.App, w *Writer, a Audit) error {
	own := s.server(w)
	err := s.audit(tx, own, a)
	w.seq = max(w.seq, own.seq)
	return err
}

// changedFields names what a write set or changed, sorted. Of a delete nothing.
func changedFields(before, now access.Values) []string {
	names := []string{}
	for f, v := range now {
		if f != "id" && !wire.EqualJSON(v, before[f]) && !(before == nil && IsZero(v)) {
			names = append(names, f)
		}
	}
	slices.Sort(names)
	return names
}

// auditOrganization is whose a record is, for its audit: of a staff person or
// their device never the site's owner (R8).
func auditOrganization(it thing, v access.Values) string {
	switch it.collection {
	case "organizations":
		return it.id
	case "users":
		p := access.Person{Role: access.Role(textOf(v["role"])), Organization: textOf(v["organization"])}
		if served, _ := v["served_by"].([]any); len(served) > 0 {
			p.ServedBy = []string{textOf(served[0])}
		}
		return deviceOrganization(p)
	case "sites":
		return textOf(v["served_by"])
	}
	return textOf(v["organization"])
}
