// Package client is the device library: what a phone, a script or a simulated
// worker needs to speak the sync protocol (docs/protocol/SPEC.md). It needs no
// server to save, and no PocketBase.
//
// A [Device] is one installation and one person, with a store: one SQLite file
// that it alone has open. Saving is local and returns when it is on disk:
//
//	d, err := client.Open("rounds.db", client.Options{})
//	if err != nil { ... }                   // locked, damaged, disk full
//	defer d.Close()
//
//	_, err = d.Enroll(ctx, "https://sync.example.org", invite, "Pixel 4a") // once
//
//	saved, err := d.Observe(client.Observation{
//		EventTime:  seenAt,
//		Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}},
//	})                                      // saved on this phone
//
// What was saved waits in the outbox until the server has answered it:
//
//	report, err := d.Sync(ctx)              // sends what waits, then pulls
//	switch {
//	case errors.Is(err, client.ErrOffline): // later; nothing is lost
//	case err != nil: ...                    // client.Explain(err): code, message, hint
//	}
//	for _, v := range report.Push.Verdicts { ... }
//
// [Device.Keep] does that by itself, resting longer after each failure.
// [Device.Watch] keeps the view fresh and tells of each change. The view is
// what was pulled with own changes laid over it: [Device.Records]. How things
// stand, in the words that people are shown: [Device.Status].
//
// # What may be relied on
//
// A crash at any point, of this process or of the machine, leaves a store that
// goes on: each step is one transaction, committed with an fsync. A mutation is
// sent until it has a verdict; one that is sent twice takes effect once. What
// the server refuses is parked: it is never deleted by the program, can be read
// with [Device.Outbox], sent again with [Device.Retry], and corrected with
// [Device.CorrectAs]. The failures are the Err variables, and each comes with a
// permanent code, a sentence and the next step, in an [*Error].
//
// The store holds the device's key and what the person wrote, unencrypted; it
// is made readable for its owner alone. Reports of staff stay in it in clear
// until the sealed vault is built.
package client
