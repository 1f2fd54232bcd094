package seal

import (
	"bytes"
	"testing"
)

func FuzzOpenSealed(f *testing.F) {
	const rule = "[SEALED] no text opens but what was sealed for this key and these words"
	in, other := FromSeed([]byte("one")), FromSeed([]byte("two"))
	for _, aad := range []string{"", "k3v9x0c2m4q8w1z:1:1768108200000-0000-k3v9x0c2m4q8w1z"} {
		good, err := SealFor(in.SealKey(), aad, []byte(`{"ops":[]}`))
		if err != nil {
			f.Fatal(err)
		}
		foreign, err := SealFor(other.SealKey(), aad, []byte(`{"ops":[]}`))
		if err != nil {
			f.Fatal(err)
		}
		for _, text := range []string{good, foreign, good[:len(good)-4], good + "AAAA", good[:86], "", "AA", "=="} {
			f.Add(text, aad, []byte("plain"))
		}
	}
	f.Fuzz(func(t *testing.T, text, aad string, plain []byte) {
		t.Log(rule)
		opened, err := in.OpenSealed(text, aad)
		if err == nil {
			// Only a seed of ours, spelt in one of base64's ways, opens.
			if !bytes.Equal(opened, []byte(`{"ops":[]}`)) {
				t.Fatalf("%q opened as %q", text, opened)
			}
			if _, err := in.OpenSealed(text, aad+"x"); err == nil {
				t.Fatal("the words do not count")
			}
		}
		sealed, err := SealFor(in.SealKey(), aad, plain)
		if err != nil {
			t.Fatal(err)
		}
		back, err := in.OpenSealed(sealed, aad)
		if err != nil || !bytes.Equal(back, plain) {
			t.Fatalf("%q came back as %q: %v", plain, back, err)
		}
		if _, err := other.OpenSealed(sealed, aad); err == nil {
			t.Fatal("another installation's key opened it")
		}
	})
}
