package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fieldpost/fieldpost/client"
)

// A device with no coverage: what is saved is on its disk, and waits.
func Example() {
	dir, err := os.MkdirTemp("", "device")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "device.db")

	d, err := client.Open(store, client.Options{})
	if err != nil {
		fmt.Println(client.Explain(err).Hint)
		return
	}
	saved, err := d.Observe(client.Observation{
		EventTime:  time.Date(2026, 1, 11, 4, 55, 0, 0, time.UTC),
		Indicators: []client.Indicator{{ID: "core.01", Basis: "saw"}},
		Details: client.Details{
			Note:     "silver van, cab to cab",
			Vehicles: []client.Vehicle{{Kind: "van", Color: "silver"}},
		},
	})
	if err != nil {
		fmt.Println(client.Explain(err).Hint)
		return
	}
	fmt.Println("number", saved.N, client.SavedHere)

	// There is no server yet. Nothing is lost by trying.
	_, err = d.Sync(context.Background())
	fmt.Println(errors.Is(err, client.ErrNotEnrolled), client.Explain(err).Code)

	// The battery goes. The next start finds everything.
	d.Close()
	if d, err = client.Open(store, client.Options{}); err != nil {
		fmt.Println(client.Explain(err).Hint)
		return
	}
	defer d.Close()
	status, err := d.Status()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status.Waiting, client.IsWaiting)
	reports, err := d.Records("observations")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range reports {
		fmt.Println(r.Time("event_time").Format(time.RFC3339), r.Text("note"), "-", r.State)
	}

	// A second process does not get in between.
	_, err = client.Open(store, client.Options{})
	fmt.Println(errors.Is(err, client.ErrLocked))

	// Output:
	// number 1 saved on this phone
	// true not_enrolled
	// 1 waiting
	// 2026-01-11T04:55:00Z silver van, cab to cab - waiting
	// true
}
