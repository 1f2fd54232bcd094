// Package seal keeps the installation key: the HMAC key that makes pseudonyms,
// cursors, challenges and invite codes, and the HPKE key that opens sealed
// mutations. The key is a file outside the database and its backups: with it
// somebody can tell which device wrote what, without it nobody can.
package seal

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fieldpost/fieldpost/internal/wire"
)

// Installation is an opened installation key.
type Installation struct {
	hmacKey []byte
	hpkeKey *ecdh.PrivateKey
}

type keyFile struct {
	Version int    `json:"version"`
	HMAC    []byte `json:"hmac"`
	HPKE    []byte `json:"hpke"`
}

// KeyPath is where the key of a data folder lies.
func KeyPath(dir string) string { return filepath.Join(dir, "keys", "installation.key") }

// Exists tells whether a data folder has a key.
func Exists(dir string) bool {
	_, err := os.Stat(KeyPath(dir))
	return !errors.Is(err, fs.ErrNotExist)
}

// Open reads the key of a data folder, or makes it when there is none yet
// (made is true). A key file that others may read, or that does not parse, is
// refused: a new key in its place would orphan every pseudonym.
func Open(dir string) (in *Installation, made bool, err error) {
	path := KeyPath(dir)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		in, err = create(path)
		if errors.Is(err, fs.ErrExist) {
			return Open(dir) // another first start was quicker
		}
		return in, err == nil, err
	}
	if err != nil {
		return nil, false, fmt.Errorf("open installation key: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, fmt.Errorf("open installation key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, false, fmt.Errorf("open installation key: %s may be read by others; run: chmod 600 %s", path, path)
	}
	var f keyFile
	if err := json.Unmarshal(raw, &f); err != nil || f.Version != 1 || len(f.HMAC) != 32 {
		return nil, false, fmt.Errorf("open installation key: %s is damaged; put back your copy of it", path)
	}
	key, err := ecdh.P256().NewPrivateKey(f.HPKE)
	if err != nil {
		return nil, false, fmt.Errorf("open installation key: %s is damaged; put back your copy of it", path)
	}
	return &Installation{f.HMAC, key}, false, nil
}

func create(path string) (*Installation, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	in := &Installation{hmacKey: make([]byte, 32)}
	if _, err := rand.Read(in.hmacKey); err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	var err error
	if in.hpkeKey, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	raw, err := json.Marshal(keyFile{1, in.hmacKey, in.hpkeKey.Bytes()})
	if err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	// Whole or not at all, and never over another: two first starts must not
	// make two keys, a kill or a power cut must not leave half of one.
	temp, err := os.CreateTemp(filepath.Dir(path), ".making-")
	if err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(raw)
	if err == nil {
		err = temp.Sync()
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Link(temp.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, fmt.Errorf("make installation key: %w", err)
	}
	return in, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// FromSeed makes an installation from 32 bytes: for tests and simulations that
// must repeat.
func FromSeed(seed []byte) *Installation {
	ikm := sha256.Sum256(append([]byte("fieldpost-test-installation\n"), seed...))
	material, err := hkdf.Expand(sha256.New, ikm[:], "hpke", 32)
	if err != nil {
		panic(err) // 32 bytes of HKDF-SHA256 can't fail
	}
	for {
		if key, err := ecdh.P256().NewPrivateKey(material); err == nil {
			return &Installation{ikm[:], key}
		}
		next := sha256.Sum256(material)
		material = next[:]
	}
}

// FromScalar makes an installation of a private P-256 scalar, 32 bytes, that
// opens what is sealed for its point: for vectors that other languages run. It
// can do nothing else.
func FromScalar(scalar []byte) (*Installation, error) {
	key, err := ecdh.P256().NewPrivateKey(scalar)
	if err != nil {
		return nil, fmt.Errorf("installation of a scalar: %w", err)
	}
	return &Installation{hpkeKey: key}, nil
}

// MAC is HMAC-SHA256 under the installation key.
func (in *Installation) MAC(text string) []byte {
	m := hmac.New(sha256.New, in.hmacKey)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Device is the pseudonym of a device (JOURNAL-4).
func (in *Installation) Device(id string) string { return wire.Base32(in.MAC("device\n" + id)) }

// Person is the pseudonym of a staff person (JOURNAL-4).
func (in *Installation) Person(id string) string { return wire.Base32(in.MAC("person\n" + id)) }

// Rest is what stands for the device when a user writes over REST, or "system"
// when nobody is signed in (JOURNAL-1).
func (in *Installation) Rest(user string) string { return wire.Base32(in.MAC("rest\n" + user)) }

// Content is what a receipt stores of a mutation's content (PUSH-3).
func (in *Installation) Content(sum [32]byte) []byte { return in.MAC("content\n" + string(sum[:])) }

// Invite is what is stored of an invite's code (ENROL-2).
func (in *Installation) Invite(code string) string {
	return base64.RawURLEncoding.EncodeToString(in.MAC("invite\n" + code))
}

// Derive makes a secret of 32 bytes for a purpose, the same at every start.
func (in *Installation) Derive(purpose string) []byte { return in.MAC("derive\n" + purpose) }

// Sign binds a text with a tag of its purpose: cursor, mark, challenge.
func (in *Installation) Sign(purpose string, payload []byte) string {
	tag := in.MAC("token\n" + purpose + "\n" + string(payload))[:16]
	return base64.RawURLEncoding.EncodeToString(append(tag, payload...))
}

// Verify gives the payload of a text that Sign made for the purpose.
func (in *Installation) Verify(purpose, text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < 16 {
		return nil, false
	}
	want := in.MAC("token\n" + purpose + "\n" + string(raw[16:]))[:16]
	return raw[16:], hmac.Equal(want, raw[:16])
}

// SealKey is the public HPKE key: base64url of the uncompressed P-256 point.
func (in *Installation) SealKey() string {
	return base64.RawURLEncoding.EncodeToString(in.hpkeKey.PublicKey().Bytes())
}

const sealedInfo = "fieldpost-sealed-v1"

// OpenSealed opens the sealed part of a mutation; aad is
// `<device>:<n>:<stamp>`.
func (in *Installation) OpenSealed(sealed, aad string) ([]byte, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) < 65 {
		return nil, fmt.Errorf("open sealed mutation: not base64url of an encapsulated key and a text")
	}
	key, err := hpke.NewDHKEMPrivateKey(in.hpkeKey)
	if err != nil {
		return nil, fmt.Errorf("open sealed mutation: %w", err)
	}
	r, err := hpke.NewRecipient(raw[:65], key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(sealedInfo))
	if err != nil {
		return nil, fmt.Errorf("open sealed mutation: %w", err)
	}
	return r.Open([]byte(aad), raw[65:])
}

// CheckKey tells what is wrong with a sealKey; nil when it can be sealed for.
func CheckKey(sealKey string) error {
	_, err := publicKey(sealKey)
	return err
}

func publicKey(sealKey string) (hpke.PublicKey, error) {
	raw, err := base64.RawURLEncoding.DecodeString(sealKey)
	if err != nil {
		return nil, fmt.Errorf("seal mutation: key is not base64url")
	}
	pub, err := hpke.DHKEM(ecdh.P256()).NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("seal mutation: %w", err)
	}
	return pub, nil
}

// SealFor seals a text for an installation as a device does; sealKey is what
// enroll answered.
func SealFor(sealKey, aad string, text []byte) (string, error) {
	pub, err := publicKey(sealKey)
	if err != nil {
		return "", err
	}
	enc, s, err := hpke.NewSender(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(sealedInfo))
	if err != nil {
		return "", fmt.Errorf("seal mutation: %w", err)
	}
	box, err := s.Seal([]byte(aad), text)
	if err != nil {
		return "", fmt.Errorf("seal mutation: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(append(enc, box...)), nil
}

// OnSameDisk tells whether the key lies on the disk that PocketBase's own
// backups go to: who gets one then gets the other.
func OnSameDisk(dir string) bool {
	backups := filepath.Join(dir, "backups")
	if _, err := os.Stat(backups); err != nil {
		backups = dir
	}
	a, errA := os.Stat(filepath.Dir(KeyPath(dir)))
	b, errB := os.Stat(backups)
	if errA != nil || errB != nil {
		return false
	}
	x, okX := a.Sys().(*syscall.Stat_t)
	y, okY := b.Sys().(*syscall.Stat_t)
	return okX && okY && x.Dev == y.Dev
}
