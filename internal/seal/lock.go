package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
)

// Lock encrypts a text for a purpose under a key that only the installation
// key gives (AES-256-GCM, a random nonce before the text). about binds it to
// whom it belongs: moved to another row it does not open.
func (in *Installation) Lock(purpose, about string, text []byte) ([]byte, error) {
	box, err := in.box(purpose)
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", purpose, err)
	}
	nonce := make([]byte, box.NonceSize(), box.NonceSize()+len(text)+box.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("lock %s: %w", purpose, err)
	}
	return box.Seal(nonce, nonce, text, []byte(about)), nil
}

// Unlock opens what Lock made with the same purpose and about.
func (in *Installation) Unlock(purpose, about string, locked []byte) ([]byte, error) {
	box, err := in.box(purpose)
	if err != nil {
		return nil, fmt.Errorf("unlock %s: %w", purpose, err)
	}
	if len(locked) < box.NonceSize() {
		return nil, errors.New("unlock " + purpose + ": too short")
	}
	text, err := box.Open(nil, locked[:box.NonceSize()], locked[box.NonceSize():], []byte(about))
	if err != nil {
		return nil, fmt.Errorf("unlock %s: %w", purpose, err)
	}
	return text, nil
}

func (in *Installation) box(purpose string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(in.Derive("lock " + purpose))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Name is what stands for a text of a purpose where the text itself must not: a
// keyed hash, 43 characters of base64url.
func (in *Installation) Name(purpose, text string) string {
	return base64.RawURLEncoding.EncodeToString(in.MAC("name\n" + purpose + "\n" + text))
}
