package client

import (
	"bytes"
	"context"
)

// Carried tells what Carry did: what was written on the locked store, and what
// the server said about each mutation.
type Carried struct {
	Exported
	Delivered
}

// Carry hands in what waits on another store of this machine with this device's
// own access: the tablet of six people is six stores, and the one that is open
// takes up what lies in the others. What waits there goes up sealed for the
// installation and signed by its own device; this device stores nothing of it
// and learns what became of each mutation, not what it says. The other store
// notes nothing and stays waiting: it is answered from the receipts when its
// person syncs (RECOVERY). Nothing is sent when nothing waits.
//
// A program whose stores are encrypted keeps the sealed parts outside of the
// encryption, or writes the recovery file before it locks: this library's store
// is no vault. Errors: as ExportRecovery of the other, and DeliverRecovery.
func (d *Device) Carry(ctx context.Context, other *Device) (Carried, error) {
	var c Carried
	var file bytes.Buffer
	var err error
	if c.Exported, err = other.ExportRecovery(&file, false); err != nil || file.Len() == 0 {
		return c, err
	}
	c.Delivered, err = d.DeliverRecovery(ctx, &file)
	return c, err
}
