package simulate

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pocketbase/dbx"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// query reads from the server's database.
func (v *server) query(text string, args ...any) [][]any {
	rows, err := v.app.ConcurrentDB().(*dbx.DB).DB().Query(text, args...)
	if err != nil {
		panic(fmt.Errorf("simulation: %s: %w", text, err))
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		panic(err)
	}
	var all [][]any
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			panic(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil && err != sql.ErrNoRows {
		panic(err)
	}
	return all
}

// head is the newest seq.
func (v *server) head() (int64, error) {
	seq, _, err := v.s.Store.Journal().Head()
	return seq, err
}

// ids gives the living records of a collection, oldest first.
func (v *server) ids(collection string) []string {
	var ids []string
	for _, row := range v.query("SELECT record FROM journal_clock WHERE collection = ? AND gone = 0 ORDER BY created", collection) {
		ids = append(ids, row[0].(string))
	}
	return ids
}

var collections = sync.OnceValue(func() []string { return sortedKeys(access.Table) })

// shipped tells of content: nobody writes it in a run, and one role sees one
// list of it.
func shipped(collection string) bool {
	return collection == "checklists" || slices.Contains(checklist.EntryCollections, collection)
}

// plainBody is a request's body without its packing.
func (l *letter) plainBody() []byte {
	if l.header.Get("Content-Encoding") != "gzip" {
		return l.body
	}
	z, err := gzip.NewReader(bytes.NewReader(l.body))
	if err != nil {
		return nil
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return raw
}

// checkBodies: each body that is pulled is what the list API shows its person
// at this moment (INV-11).
func (r *run) checkBodies(l *letter, got *wire.PullAnswer) {
	if l.p.person == "" {
		return
	}
	var asked struct {
		Device string `json:"device"`
	}
	if json.Unmarshal(l.plainBody(), &asked) != nil {
		return
	}
	lists := r.shown.at(fmt.Sprint(l.p.person, " ", asked.Device, " ", r.at, " ", r.boots, " ", r.headNow()))
	token := ""
	for _, c := range got.Changes {
		if c.Record == nil || string(c.Record) == "null" || shipped(c.Collection) && l.p.i > 2 && r.at == 0 {
			continue // the same for all of a role
		}
		if lists[c.Collection] == nil {
			var err error
			if token == "" {
				token, err = r.server.s.Store.Token(r.server.app, l.p.person, asked.Device)
			}
			if err == nil {
				lists[c.Collection], err = r.list(l.p, token, c.Collection)
			}
			if err != nil {
				r.fail(11, "%s: what the list API shows cannot be read: %v", l.p.name, err)
				return
			}
		}
		var body map[string]any
		if json.Unmarshal(c.Record, &body) != nil {
			r.fail(11, "%s got a body that is no object", l.p.name)
			continue
		}
		delete(body, "collectionId")
		delete(body, "collectionName")
		shown, ok := lists[c.Collection][c.ID]
		switch {
		case !ok:
			r.fail(11, "%s got %s %s, which the list API does not show", l.p.name, c.Collection, c.ID)
		case !reflect.DeepEqual(shown, body):
			r.fail(11, "%s got %s %s as\n%v\nand the list API shows\n%v", l.p.name, c.Collection, c.ID, body, shown)
		}
	}
}

var markShape = regexp.MustCompile(`mk(?:[0-9]{2}|rest)-[0-9]+(?:-[0-9]+)?;`)

// checkLeak: what somebody wrote in a report reaches its author and the
// coordinators of the organization it belongs to, and nobody else, in whatever
// part of whatever answer (INV-11). The rule here is not the product's.
func (r *run) checkLeak(l *letter, body []byte) {
	if !bytes.Contains(body, []byte("mk")) {
		return // the pattern costs more than all else here
	}
	marks := map[string]bool{}
	for _, m := range markShape.FindAll(body, -1) {
		marks[string(m)] = true
	}
	if len(marks) == 0 || r.server == nil {
		return
	}
	for _, row := range r.server.query(`SELECT note, organization, author FROM observations UNION ALL
		SELECT note, organization, author FROM submissions UNION ALL SELECT text, organization, author FROM addenda`) {
		text, _ := row[0].(string)
		m := markShape.FindString(text)
		if !marks[m] {
			continue
		}
		organization, author := row[1], row[2]
		if author == l.p.person && author != "" || l.p.role == access.Coordinator && organization == l.p.org {
			continue
		}
		// Adopted it has no author; who wrote it has it still, as it was refused.
		if len(r.server.query("SELECT 1 FROM quarantine WHERE author = ? AND author != '' AND instr(mutation, ?)", l.p.person, m)) > 0 {
			continue
		}
		r.fail(11, "%s (%s) got %q of a report of %v", l.p.name, l.p.role, m, organization)
	}
}

// checkView compares what a phone was shown with what the list API shows its
// person: extra and missing are the invariants that fail.
func (r *run) checkView(p *phone, extra, missing int) error {
	_, err := r.compareView(p, extra, missing)
	return err
}

func (r *run) compareView(p *phone, extra, missing int) (shown map[string]map[string]map[string]any, err error) {
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	// Records with own changes that wait stay until these have a verdict (PULL-4).
	waiting, err := p.d.Outbox(client.Waiting)
	if err != nil {
		return nil, err
	}
	held := map[string]bool{}
	for _, e := range waiting {
		for _, ref := range e.Records {
			held[ref.Collection+"/"+ref.ID] = true
		}
	}
	shown = map[string]map[string]map[string]any{}
	views, err := p.d.AllConfirmed()
	if err != nil {
		return nil, err
	}
	for c := range views {
		if !slices.Contains(collections(), c) {
			r.fail(extra, "%s (%s) holds records of %s, which is no collection", p.name, p.role, c)
		}
	}
	filled := r.server.filled()
	for _, c := range collections() {
		if shown[c], err = r.listed(p, token, c, filled); err != nil {
			return nil, err
		}
		view := views[c]
		for _, id := range sortedKeys(view) {
			if shown[c][id] == nil && !held[c+"/"+id] {
				r.fail(extra, "%s (%s) still has %s %s", p.name, p.role, c, r.recordName(c, id))
			}
		}
		for _, id := range sortedKeys(shown[c]) {
			if _, ok := view[id]; !ok {
				r.fail(missing, "%s (%s) lacks %s %s", p.name, p.role, c, r.recordName(c, id))
			}
		}
	}
	return shown, nil
}

// checkAll checks what must hold when all is quiet.
func (r *run) checkAll() error {
	r.checkServer()
	r.forgetContent()
	for _, p := range r.living() {
		if p.person == "" || !r.ready(p) {
			continue
		}
		if err := r.checkRest(p); err != nil {
			return err
		}
	}
	r.checkSaves()
	r.checkOnce()
	r.checkOrder()
	r.checkValues()
	r.checkReplay()
	r.checkClocks()
	r.checkQuarantine()
	r.checkNewcomers()
	if err := r.checkTwins(); err != nil {
		return err
	}
	return r.checkQuiet()
}

// checkQuiet: when all is quiet a phone's own check finds its view equal to the
// server's (INV-10), and one more sync brings nothing: no reset (INV-24), no
// record that it has, no own change come back as new.
func (r *run) checkQuiet() error {
	for _, p := range r.living() {
		if p.d == nil || p.person == "" || p.shut() || len(r.script.Steps) > 15 && (uint64(p.i)+r.script.Seed)%3 > 0 {
			continue // in the runs of seeds a third of the phones, another third with the next seed
		}
		var report client.PullReport
		r.drive(&Step{}, act{p, func() (err error) { report, err = p.d.CheckView(context.Background()); return err }})
		switch {
		case p.err != nil:
			r.fail(10, "%s cannot check its view: %v", p.name, p.err)
		case report.Check == nil || !report.Check.Agrees || report.Check.Resets > 0:
			r.fail(10, "%s: the digests differ: %+v", p.name, report.Check)
		}
		if p.err == nil && (report.Reset || len(report.Changes) > 0) {
			r.fail(24, "%s pulls once more when all is quiet: reset %v, %d changes", p.name, report.Reset, len(report.Changes))
		}
	}
	return nil
}

// checkRest: at rest a phone's view is what the list API shows (INV-9), and
// nothing waits (INV-4).
func (r *run) checkRest(p *phone) error {
	entries, err := p.d.Outbox()
	if err != nil {
		return err
	}
	r.checkHeld(p, entries)
	if p.shut() {
		return nil
	}
	for _, e := range entries {
		if e.Phase == client.Waiting {
			r.fail(4, "%s: number %d still waits when all is quiet: %s", p.name, e.N, e.Code)
		}
	}
	shown, err := r.compareView(p, 9, 9)
	if err != nil {
		return err
	}
	held, err := p.d.Collections() // the view of any other is empty
	if err != nil {
		return err
	}
	for _, c := range held {
		all, err := p.d.Records(c)
		if err != nil {
			return err
		}
		for _, rec := range all {
			if rec.Seq == 0 { // only here: parked, or in the own vault of staff
				if rec.State != client.NeedsAttention && p.role != access.Staff {
					r.fail(9, "%s shows %s %s, which is %q and not confirmed", p.name, c, rec.ID, rec.State)
				}
				continue
			}
			fields := rec.Fields
			delete(fields, "collectionId")
			delete(fields, "collectionName")
			if want := shown[c][rec.ID]; want != nil && !reflect.DeepEqual(fields, want) {
				r.fail(9, "%s shows %s %s as\n%v\nand the list API as\n%v", p.name, c, r.recordName(c, rec.ID), fields, want)
			}
		}
	}
	return nil
}

// afterBoot: a crash at any point leaves a legal state (INV-8).
func (r *run) afterBoot() error {
	r.checkServer()
	return nil
}

// checkServer looks at the server's files: the chain, the file itself, a record
// for each clock and a clock for each record, and triage for each report.
func (r *run) checkServer() {
	v := r.server
	if _, err := v.s.Store.Journal().Verify(); err != nil {
		r.fail(8, "the journal does not verify: %v", err)
	}
	for _, row := range v.query("PRAGMA quick_check") {
		if row[0] != "ok" {
			r.fail(8, "the database is damaged: %v", row[0])
		}
	}
	for _, c := range collections() {
		for _, row := range v.query(`SELECT id, 'row without a clock' FROM ` + c + ` WHERE id NOT IN
			(SELECT record FROM journal_clock WHERE collection = '` + c + `' AND gone = 0)
			UNION ALL SELECT record, 'clock without a row' FROM journal_clock WHERE collection = '` + c + `' AND gone = 0
			AND record NOT IN (SELECT id FROM ` + c + `)`) {
			r.fail(8, "%s %s: %v", c, r.recordName(c, row[0].(string)), row[1])
		}
	}
	for _, c := range access.Reports {
		for _, row := range v.query("SELECT id FROM " + c) {
			if len(v.query("SELECT 1 FROM triage WHERE id = ?", wire.TriageID(c, row[0].(string)))) == 0 {
				r.fail(7, "%s %v has no triage", c, row[0])
			}
		}
	}
	for _, row := range v.query(`SELECT e.collection, e.record, count(*) FROM journal_entry e WHERE e.op = 'create'
		GROUP BY e.collection, e.record HAVING count(*) > 1`) {
		r.fail(2, "%v %v was created %v times", row[0], row[1], row[2])
	}
	for _, row := range v.query(`SELECT d.collection, d.record FROM journal_entry d JOIN journal_entry e
		ON e.record = d.record AND e.collection = d.collection AND e.seq > d.seq WHERE d.op = 'delete'`) {
		r.fail(17, "%v %v lives again", row[0], row[1])
	}
}

// stored is a stamp as the server stores it of all but staff, of whom it stores
// a keyed text (R9).
func (r *run) stored(stamp string) string {
	s, err := hlc.Parse(stamp)
	if err != nil {
		return ""
	}
	return s.WithDevice(r.server.s.Key.Device(s.Device)).String()
}

// checkSaves looks for each mutation that anybody saved, where its phone says it is.
func (r *run) checkSaves() {
	v := r.server
	for _, p := range r.living() {
		if p.d == nil {
			continue
		}
		entries, err := p.d.Outbox()
		if err != nil {
			r.fail(1, "%s cannot read its outbox: %v", p.name, err)
			continue
		}
		byStamp := map[string]client.Entry{}
		for _, e := range entries {
			byStamp[e.Stamp] = e
		}
		for _, s := range r.model.saves[p] {
			e, ok := byStamp[s.stamp]
			if !ok || e.Phase != client.Acknowledged && e.Phase != client.Settled {
				continue
			}
			rows := v.query("SELECT verdict, seq FROM journal_receipt WHERE stamp IN (?, ?)", r.stored(s.stamp), r.server.s.Key.Stamp(s.stamp))
			if len(rows) == 0 && r.model.backs > 0 && e.Phase == client.Settled {
				continue // long since held off the machine; the backup is older than that
			}
			if len(rows) == 0 && r.model.backs > 0 && e.Verdict != nil && e.Verdict.Seq > 0 && e.Verdict.Seq <= r.model.least {
				continue // it changed nothing (MERGE-6): what its verdict names is in every backup, and no history tells that it was here
			}
			if len(rows) == 0 && r.model.backs > 0 {
				r.fail(19, "%s: %s (%s) was received before the server went back, and did not come again", p.name, s.stamp, s.what)
				continue
			}
			if len(rows) == 0 {
				r.fail(1, "%s takes %s (%s) for received, and the server does not know it", p.name, s.stamp, s.what)
				continue
			}
			r.checkEffect(p, s)
		}
	}
}

// checkEffect: all ops of a mutation had their effect, and with its own content.
func (r *run) checkEffect(p *phone, s *saveOf) {
	for _, op := range s.ops {
		if op.Op != wire.OpCreate {
			continue
		}
		rows := r.server.query(`SELECT c.body FROM journal_entry e JOIN journal_content c ON c.seq = e.seq
			WHERE e.collection = ? AND e.record = ? AND e.op = 'create'`, op.Collection, op.ID)
		switch {
		case len(rows) == 0:
			r.fail(7, "%s: %s of %s was applied without its %s %s", p.name, s.stamp, s.what, op.Collection, op.ID)
		case !strings.Contains(text(rows[0][0]), s.mark):
			r.fail(22, "%s: %s stands for somebody else's %s %s", p.name, s.stamp, op.Collection, op.ID)
		}
	}
}

func text(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case []byte:
		return string(x)
	}
	return ""
}
