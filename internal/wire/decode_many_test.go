package wire

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/fault"
)

func TestDecodeMany(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	request := func(change func(i int, m string) string) []byte {
		var list []string
		for i := 1; i <= 300; i++ {
			m := fmt.Sprintf(`{"n":%d,"stamp":"1768108200000-0000-k3v9x0c2m4q8w1z","schema":1,"ops":[{"op":"create","collection":"sites","id":"a1b2c3d4e5f6g7h","fields":{"name":"%d"}}]}`, i, i)
			list = append(list, change(i, m))
		}
		return []byte(`{"protocol":1,"device":"k3v9x0c2m4q8w1z","mutations":[` + strings.Join(list, ",") + `]}`)
	}
	t.Run("[PUSH-5] mutations stand in the order of the request, however many cores decode them", func(t *testing.T) {
		p, err := DecodePush(request(func(_ int, m string) string { return m }), DefaultLimits)
		if err != nil || len(p.Mutations) != 300 {
			t.Fatalf("%v, %+v", err, p)
		}
		for i, m := range p.Mutations {
			if m.N != int64(i+1) || m.Problem != nil || m.Ops[0].Fields["name"] != fmt.Sprint(i+1) {
				t.Fatalf("at %d: %+v", i, m)
			}
		}
	})
	t.Run("[PUSH-4] one that is no object fails the request wherever it stands", func(t *testing.T) {
		for _, at := range []int{1, 74, 75, 76, 299, 300} {
			_, err := DecodePush(request(func(i int, m string) string {
				if i == at {
					return "7"
				}
				return m
			}), DefaultLimits)
			if !fault.Is(err, fault.BadRequest) {
				t.Errorf("at %d: %v", at, err)
			}
		}
	})
}
