package httpapi

import (
	"net/http"
	"strconv"
	"strings"
)

// takesGzip tells whether a client takes gzip: it names it, or all encodings,
// with a weight above 0.
func takesGzip(h http.Header) bool {
	any := false
	for _, part := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, rest, _ := strings.Cut(part, ";")
		wanted := true
		if q, ok := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(rest), " ", ""), "q="); ok {
			weight, err := strconv.ParseFloat(q, 64)
			wanted = err == nil && weight > 0
		}
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return wanted
		case "*":
			any = wanted
		}
	}
	return any
}
