package exchange

import (
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// behind tells that the next mutation of a push changes a record which an
// earlier one of the push, that has to wait, changes too: it then waits with
// it, so that a device's changes of a record take effect in the order in which
// they were made (INV-6). Whoever made it had the earlier one before their eyes.
// Nil when it depends on nothing of the kind.
func (j *job) behind() *records.Refusal {
	next := &j.push.Mutations[j.next]
	for i := range j.verdicts {
		if j.verdicts[i].Verdict != wire.Deferred {
			continue
		}
		for _, waits := range j.push.Mutations[i].Ops {
			for _, op := range next.Ops {
				if op.Op.Op != wire.OpCreate && op.ID == waits.ID && op.Collection == waits.Collection {
					return refuse(wire.CodeMissingDependency, "An earlier change of the same record waits.")
				}
			}
		}
	}
	return nil
}
