package seal

import (
	"os"
	"strings"
	"testing"
)

func TestInstallationKey(t *testing.T) {
	t.Run("[JOURNAL-4] the key is made once, outside the database, readable by its owner only", func(t *testing.T) {
		dir := t.TempDir()
		a, made, err := Open(dir)
		if err != nil || !made {
			t.Fatal(err, made)
		}
		info, err := os.Stat(KeyPath(dir))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatal(info.Mode(), err)
		}
		b, made, err := Open(dir)
		if err != nil || made || a.Device("x") != b.Device("x") || a.SealKey() != b.SealKey() {
			t.Fatal("a second start reads another key", err)
		}
	})
	t.Run("[JOURNAL-4] a damaged or open key is refused with the mend, never replaced", func(t *testing.T) {
		dir := t.TempDir()
		if _, _, err := Open(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(KeyPath(dir), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Fatal(err)
		}
		if err := os.Chmod(KeyPath(dir), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(KeyPath(dir), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Fatal(err)
		}
	})
	t.Run("[JOURNAL-4] device, person and rest pseudonyms of one id differ", func(t *testing.T) {
		in := FromSeed([]byte("a"))
		id := "k3v9x0c2m4q8w1z"
		seen := map[string]bool{in.Device(id): true, in.Person(id): true, in.Rest(id): true, FromSeed([]byte("b")).Device(id): true}
		if len(seen) != 4 || len(in.Device(id)) != 15 {
			t.Fatal(seen)
		}
	})
	t.Run("[PULL-4] a cursor of another purpose or with one bit changed does not verify", func(t *testing.T) {
		in := FromSeed([]byte("a"))
		text := in.Sign("cursor", []byte("hello"))
		if p, ok := in.Verify("cursor", text); !ok || string(p) != "hello" {
			t.Fatal(p, ok)
		}
		if _, ok := in.Verify("mark", text); ok {
			t.Fatal("a cursor passed as a mark")
		}
		for i := range text {
			c := byte('A')
			if text[i] == c {
				c = 'B'
			}
			broken := text[:i] + string(c) + text[i+1:]
			if p, ok := in.Verify("cursor", broken); ok && string(p) != "hello" {
				t.Fatal("a changed cursor passed", i)
			}
		}
	})
	t.Run("[PUSH-3] what a device seals opens here and only with its own aad", func(t *testing.T) {
		in := FromSeed([]byte("a"))
		box, err := SealFor(in.SealKey(), "d:1:s", []byte("text"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := in.OpenSealed(box, "d:1:s"); err != nil || string(got) != "text" {
			t.Fatal(err)
		}
		if _, err := in.OpenSealed(box, "d:2:s"); err == nil {
			t.Fatal("opened under another aad")
		}
	})
}
