package wire

import (
	"encoding/json"
	"runtime"
	"sync"
)

// share is how many mutations are worth a goroutine of their own.
const share = 32

// decodeMany decodes the mutations of a request on all cores, in their order:
// to decode costs more than all else that a push does outside of the database.
// The error is that of the first that fails.
func decodeMany(list json.RawMessage, count int) ([]*Received, error) {
	type element struct {
		raw   json.RawMessage
		depth int
	}
	elems := make([]element, 0, count)
	for m, depth := range elements(list) {
		elems = append(elems, element{m, depth})
	}
	out, errs := make([]*Received, len(elems)), make([]error, len(elems))
	part := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i], errs[i] = decodeMutation(elems[i].raw, elems[i].depth); errs[i] != nil {
				return
			}
		}
	}
	parts := max(1, min(runtime.GOMAXPROCS(0), len(elems)/share))
	var wait sync.WaitGroup
	panics := make([]any, parts)
	for p := 1; p < parts; p++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			// Whoever answers the request catches a panic; here nobody would.
			defer func() { panics[p] = recover() }()
			part(p*len(elems)/parts, (p+1)*len(elems)/parts)
		}()
	}
	func() {
		defer wait.Wait()
		part(0, len(elems)/parts)
	}()
	for _, r := range panics {
		if r != nil {
			panic(r)
		}
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
