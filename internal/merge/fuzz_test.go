package merge

import (
	"math/rand/v2"
	"testing"

	"github.com/fieldpost/fieldpost/internal/hlc"
)

// readScript makes a script of bytes: the first picks the policy, each four
// more are an act (a block ends where a device byte says so). Any bytes will do.
func readScript(data []byte) script {
	policy := []Policy{Latest, Set, First}[0]
	if len(data) > 0 {
		policy = []Policy{Latest, Set, First}[data[0]%3]
		data = data[1:]
	}
	s := script{policies: map[string]Policy{"f": policy}, create: map[string]any{"f": ""}, blocks: [][]act{nil}}
	values := []any{"", "a", 0.0, nil}
	if policy == Set {
		s.create["f"] = []any{"a"}
	}
	seenCut := [4]int{}
	for n := 0; len(data) >= 4 && n < 24; n, data = n+1, data[4:] {
		last := len(s.blocks) - 1
		if data[0]&0x80 != 0 && len(s.blocks[last]) > 0 {
			s.blocks = append(s.blocks, nil)
			last++
		}
		d := int(data[0] & 3)
		seenCut[d] += int(data[1]) % (last - seenCut[d] + 1)
		value := values[data[2]&3]
		if policy == Set {
			ops := map[string]any{}
			for i, v := range []any{"a", "b"} {
				if key := []string{"add", "remove", "", ""}[data[2]>>(2*i)&3]; key != "" {
					list, _ := ops[key].([]any)
					ops[key] = append(list, v)
				}
			}
			value = ops
		}
		s.blocks[last] = append(s.blocks[last], act{d, seenCut[d], Edit{
			Stored:    stamp(int64(1000+n), 0, device(d)),
			Corrected: hlc.Time{Ms: int64(data[3] >> 4), Counter: int(data[3] & 1)},
			Fields:    map[string]any{"f": value},
		}})
	}
	return s
}

func FuzzUpdate(f *testing.F) {
	const rule = "[MERGE-3] no order of any script gives another result"
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 0x61, 1, 0, 2, 0x60, 2, 0, 1, 0x60, 0, 0, 2, 0x50})
	f.Add([]byte{1, 0, 0, 0x01, 0x61, 1, 0, 0x04, 0x60, 0x82, 1, 0x05, 0x40, 1, 0, 0x00, 0x50})
	f.Add([]byte{2, 0, 0, 1, 0x61, 0, 0, 0, 0x60, 1, 0, 1, 0x60, 1, 0, 0, 0x50})
	f.Fuzz(func(t *testing.T, data []byte) {
		t.Log(rule)
		sameInEveryOrder(t, readScript(data), rand.New(rand.NewPCG(uint64(len(data)), 1)), 6)
	})
}
