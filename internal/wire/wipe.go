package wire

import "encoding/json"

// RenewAnswer is the answer of POST /api/sync/renew. Wipe is the order to wipe
// itself that stands for the device, absent without one; push and pull tell it
// too.
type RenewAnswer struct {
	Token string `json:"token"`
	Wipe  string `json:"wipe,omitempty"`
}

// WipeRequest is the body of POST /api/sync/wipe: a device's word that it has
// handed everything in, and wipes itself once it has the answer. Leftovers is a
// recovery file of what has no verdict; with More another request follows, and
// nothing is granted yet.
type WipeRequest struct {
	Device    string          `json:"device"`
	Order     string          `json:"order"`
	Leftovers json.RawMessage `json:"leftovers,omitempty"`
	More      bool            `json:"more,omitempty"`
	Signature string          `json:"signature"`
}

// WipeAnswer is the answer. The device wipes itself if Granted is true, and
// not otherwise.
type WipeAnswer struct {
	Now     string `json:"now"`
	Granted bool   `json:"granted"`
}

// WipeText is what a device signs: ECDSA P-256, SHA-256, r and s as 64 bytes.
// leftovers is the signature within the recovery file, "" without one, so that
// nobody on the way can leave the file out.
func WipeText(device, order, leftovers string, more bool) string {
	end := "done"
	if more {
		end = "more"
	}
	return "fieldpost-wipe-v1\n" + device + "\n" + order + "\n" + leftovers + "\n" + end
}

// LossRequest is the body of the endpoints that revoke or wipe a device. Reason
// is for the audit.
type LossRequest struct {
	Reason string `json:"reason"`
}

// OffboardRequest is the body of POST /api/fieldpost/people/{id}/offboard. Wipe
// tells the person's devices to wipe themselves as well; DryRun changes nothing.
type OffboardRequest struct {
	Reason string `json:"reason"`
	Wipe   bool   `json:"wipe,omitempty"`
	DryRun bool   `json:"dryRun,omitempty"`
}

// DeviceState is what who looks after a device is told of it. Wiped is a day
// for staff, and Handed absent.
type DeviceState struct {
	Device  string           `json:"device"`
	Revoked bool             `json:"revoked"`
	Ordered string           `json:"ordered,omitempty"` // when it was told to wipe itself
	Wiped   string           `json:"wiped,omitempty"`   // when it confirmed
	Handed  map[string]int64 `json:"handed,omitempty"`  // mutations: answered, and sealed without a verdict
}

// LostRequest is the body of POST /api/fieldpost/devices/lost.
type LostRequest struct {
	Site string `json:"site"`
	What string `json:"what"`
	Note string `json:"note,omitempty"`
}

// LostAnswer names the record that coordinators see.
type LostAnswer struct {
	ID string `json:"id"`
}

// Offboarded tells what offboarding a person touched; of a dry run, what it
// would have.
type Offboarded struct {
	Person   string   `json:"person"`
	Label    string   `json:"label"`
	Role     string   `json:"role"`
	DryRun   bool     `json:"dryRun"`
	Already  bool     `json:"already"`  // had left before; what follows is what was still open
	Devices  []string `json:"devices"`  // signed out now
	Wipes    []string `json:"wipes"`    // told to wipe themselves now
	Sessions int      `json:"sessions"` // ended now
	Invites  int      `json:"invites"`  // ended now
	Claims   []string `json:"claims"`   // triage records that go back to the queue
	Rosters  int      `json:"rosters"`  // of operations, that they were taken off now
}
