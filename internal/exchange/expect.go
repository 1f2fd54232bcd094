package exchange

import (
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/journal"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// expect tells the journal what the next mutations of a job, those that share
// the transaction, are about to ask for.
func (s *Service) expect(tx *records.Tx, j *job) error {
	c := journal.Coming{Device: j.ctx.pseudonym, IDs: map[string][]string{}}
	for i := j.next; i < len(j.push.Mutations); i++ {
		m := &j.push.Mutations[i]
		if len(m.Ops) > 1 {
			break
		}
		if !j.ctx.staff { // theirs are stored one by one, under other names
			c.N = append(c.N, m.N)
		}
		if p := j.ctx.lineage[m.Stamp.Device]; m.HasTime && p != "" && !j.ctx.staff {
			c.Stamps = append(c.Stamps, m.Stamp.WithDevice(p).String())
		}
		for _, op := range m.Ops {
			if _, ok := access.Table[op.Collection]; ok && op.Op.Op == wire.OpCreate {
				c.IDs[op.Collection] = append(c.IDs[op.Collection], op.ID)
			}
		}
	}
	return tx.Expect(c)
}
