package seal

import (
	"strconv"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Site staff are sealed (R9): what is stored of two reports of one person must
// not say that it is one person. So the pseudonyms of staff are bound to what
// they stand in: to a record in its journal entries and clocks, to a number in
// receipts. Who has the key and knows the persons and devices computes them
// again; who has the database alone sees unrelated texts.

// DeviceOn is the pseudonym of a device of staff in what is stored of one
// record (JOURNAL-4).
func (in *Installation) DeviceOn(device, record string) string {
	return wire.Base32(in.MAC("device\n" + device + "\n" + record))
}

// PersonOn is the pseudonym of a person of staff in what is stored of one
// record (JOURNAL-4).
func (in *Installation) PersonOn(person, record string) string {
	return wire.Base32(in.MAC("person\n" + person + "\n" + record))
}

// Receipt is under what the receipt of (device, n) of a device of staff is
// stored: the number itself would put its reports in a row.
func (in *Installation) Receipt(device string, n int64) string {
	return wire.Base32(in.MAC("receipt\n" + device + "\n" + strconv.FormatInt(n, 10)))
}

// Stamp is what is stored of the stamp of a mutation of staff, to know it
// again: the stamp's own time would tell the device's clock, and so the device.
// stamp is the text as the device made it.
func (in *Installation) Stamp(stamp string) string { return wire.Base32(in.MAC("stamp\n" + stamp)) }

// HeldBy marks a refused mutation of staff, stored under receipt, as its
// device's, for the device's share of the quarantine.
func (in *Installation) HeldBy(device, receipt string) string {
	return wire.Base32(in.MAC("held\n" + device + "\n" + receipt))
}

// Unnamed is under what a mutation is stored that nobody is named with, by the
// hash of what it says (R9): nothing of its device, number or stamp is in it.
func (in *Installation) Unnamed(ops [32]byte) string {
	return wire.Base32(in.MAC("unnamed\n" + string(ops[:])))
}

// Nobody is what stands for the device in the entries of a mutation that
// nobody is named with.
func (in *Installation) Nobody() string { return in.Rest("nobody") }
