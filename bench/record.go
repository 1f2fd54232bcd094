package main

import (
	"fmt"
	"math/rand"
	"time"
)

// words make notes that compress about as well as what people write.
var words = []string{"van", "silver", "door", "cab", "waited", "near", "pump", "two", "adults", "left", "with", "the", "driver", "after",
	"talking", "for", "some", "minutes", "young", "woman", "looked", "down", "did", "not", "speak", "asked", "clerk", "room", "paid",
	"cash", "bag", "plastic", "lot", "north", "side", "light", "out", "truck", "moved", "twice", "phone", "taken", "returned", "alone"}

// observation makes the record that all ways move: about 1,150 bytes of JSON
// with 17 fields once it is stored.
func observation(r *rand.Rand, site string) map[string]any {
	note := ""
	for len(note) < 420 {
		note += words[r.Intn(len(words))] + " "
	}
	at := time.Date(2026, 1, 11, 4, 55, 0, 0, time.UTC).Add(time.Duration(r.Intn(1_000_000)) * time.Second)
	return map[string]any{
		"event_time": at.Format("2006-01-02T15:04:05.000Z"),
		"event_end":  at.Add(20 * time.Minute).Format("2006-01-02T15:04:05.000Z"),
		"indicators": []any{map[string]any{"indicator": fmt.Sprintf("core.%02d", 1+r.Intn(17)), "basis": "saw"},
			map[string]any{"indicator": fmt.Sprintf("truck_lot.%02d", 1+r.Intn(12)), "basis": "told"}},
		"site": site, "grid": fmt.Sprintf("9yum%d", r.Intn(10)), "people": 1 + r.Intn(4),
		"persons":        []any{map[string]any{"age": "teen", "description": []any{"hoodie", "backpack"}}},
		"vehicles":       []any{map[string]any{"kind": "van", "color": "silver", "plate_state": "KS", "plate_end": fmt.Sprint(10 + r.Intn(90))}},
		"outreach":       []any{"kit", "card"},
		"note":           note,
		"minor_possible": r.Intn(2) == 0, "manager_involved": false,
	}
}

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

func recordID(r *rand.Rand) string {
	b := make([]byte, 15)
	for i := range b {
		b[i] = alphabet[r.Intn(len(alphabet))]
	}
	return string(b)
}
