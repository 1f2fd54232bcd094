package client_test

import (
	"testing"

	"github.com/fieldpost/fieldpost/client"
)

func TestParseInvite(t *testing.T) {
	t.Run("[ENROL-2] an invite is read as a link or as a code, and nothing else passes for a link", func(t *testing.T) {
		for text, want := range map[string][2]string{
			"https://example.org/#invite=K7QM-2XWP-9DTR":   {"https://example.org", "K7QM-2XWP-9DTR"},
			" http://127.0.0.1:8090#invite=K7QM2XWP9DTR\n": {"http://127.0.0.1:8090", "K7QM2XWP9DTR"},
			"https://example.org/sub/#invite=K7QM&lang=es": {"https://example.org/sub", "K7QM"},
			"k7qm 2xwp 9dtr": {"", "k7qm 2xwp 9dtr"}, "": {"", ""},
		} {
			address, code, err := client.ParseInvite(text)
			if err != nil || address != want[0] || code != want[1] {
				t.Errorf("%q: %q %q %v", text, address, code, err)
			}
		}
		for _, text := range []string{"https://example.org/", "https://example.org/?invite=K7QM", "ftp://example.org/#invite=K7QM", "https://me@example.org/#invite=K7QM",
			"https://example.org/?x=1#invite=K7QM", "https://#invite=K7QM", "https://example.org/#invite=", "javascript://x/#invite=K7QM"} {
			if address, code, err := client.ParseInvite(text); err == nil {
				t.Errorf("%q: %q %q", text, address, code)
			}
		}
	})
}
