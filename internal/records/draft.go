package records

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
)

// draft is a record on its way to be written, as what its checks need of it:
// values as the list API shows them. A push has no more than that; a record of
// PocketBase's costs more than its row.
type draft struct {
	collection string
	id         string // "": PocketBase gives one later
	values     access.Values
	before     access.Values // of an update: what stood
	completed  []string      // the fields that the server has set
}

func draftOf(record *core.Record) *draft {
	return &draft{collection: record.Collection().Name, id: record.Id, values: Values(record)}
}

// into puts what the server has set into the record.
func (d *draft) into(record *core.Record) {
	for _, f := range d.completed {
		setPlain(record, f, d.values[f])
	}
}

func (d *draft) set(field string, value any) {
	d.values[field] = value
	d.completed = append(d.completed, field)
}

func (d *draft) text(field string) string { return textOf(d.values[field]) }

func (d *draft) whole(field string) int {
	n, _ := d.values[field].(float64)
	return int(n)
}

// recordOf makes a record of PocketBase's.
func recordOf(c *core.Collection, id string, values access.Values) *core.Record {
	record := core.NewRecord(c)
	record.Id = id
	for f, v := range values {
		if f != "id" {
			setPlain(record, f, v)
		}
	}
	return record
}
