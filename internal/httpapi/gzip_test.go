package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/testrig"
)

func TestGzip(t *testing.T) {
	r := testrig.New(t)
	d := r.Enroll(access.Worker, r.Organization("Night Outreach"))

	t.Run("[WIRE] an answer is gzip only for a client that takes it", func(t *testing.T) {
		for accept, want := range map[string]bool{
			"": false, "identity": false, "gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "gzip; q=0.000, br": false, "*": true, "*;q=0": false, "gzip;q=0, *": false, "xgzip": false,
		} {
			req, err := http.NewRequest(http.MethodPost, r.URL+"/api/sync/pull", strings.NewReader(fmt.Sprintf(`{"protocol":1,"schema":1,"device":%q,"mark":null,"cursor":null}`, d.ID)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", d.Token)
			req.Header.Set("Accept-Encoding", accept)
			answer, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if got := answer.Header.Get("Content-Encoding") == "gzip"; answer.StatusCode != 200 || got != want {
				t.Errorf("Accept-Encoding %q: %d, gzip %v", accept, answer.StatusCode, got)
			}
		}
	})
}
