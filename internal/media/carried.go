package media

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// CarriedHeader stands in every request of an upload that is carried: the photo
// of somebody whose vault is locked, handed in by whoever is signed in on the
// same device (PHOTO-7). Its value is what the author's device has signed:
//
//	<device>.<name>.<sealed>.<signature>
//
// name is what the upload goes by, so that who carries it learns no record's id,
// by which a report that is sealed from them could be told (R9). sealed opens
// with the installation's key alone and says the attachment and the key of the
// bytes.
const CarriedHeader = "Fieldpost-Carried"

// carriedSigned is what the signature is over, before the header's own words.
const carriedSigned = "fieldpost-photo-v1\n"

// A sealed photo is a nonce, the picture under AES-256-GCM, and its tag. What is
// encrypted is filled with zeros to a whole step: the record tells a board how
// long the picture is, and a file on a shared tablet must not be known by that.
const (
	nonceSize = 12
	tagSize   = 16
	sealStep  = 64 << 10
)

func sealedSize(bytes int64) int64 {
	return nonceSize + (bytes+sealStep-1)/sealStep*sealStep + tagSize
}

// errand is which photo's bytes a request hands in, for whom, and how.
type errand struct {
	author access.Person // whose photo it must be
	id     string        // the attachment
	key    []byte        // what the bytes are sealed with; nil: they come as they are
}

// upload is the name of the file that the errand's bytes come into.
func (e *errand) upload() string {
	if e.key != nil {
		return e.id + sealedPart
	}
	return e.id
}

// size is how many bytes come.
func (e *errand) size(a *records.Attachment) int64 {
	if e.key != nil {
		return sealedSize(a.Bytes)
	}
	return a.Bytes
}

// What stands behind the attachment's id in the name of an upload: what came
// sealed, and that opened, for as long as it is looked at.
const (
	sealedPart = ".sealed"
	openedPart = ".opened"
)

// about finds what a request is about. p is who is signed in, name what the
// path or Upload-Metadata says. Of a carried photo p is but the carrier: the
// author is the person of the device that signed.
func (s *Service) about(r *http.Request, p access.Person, name string) (*errand, error) {
	carried := r.Header.Get(CarriedHeader)
	if carried == "" {
		return &errand{author: p, id: name}, nil
	}
	words := strings.Split(carried, ".")
	if len(words) != 4 || words[1] != name || !idForm.MatchString(words[0]) {
		return nil, fault.New(fault.BadRequest, CarriedHeader+" is not of this upload.")
	}
	d, err := s.Store.FindDevice(words[0])
	if err != nil {
		return nil, err
	}
	if d == nil || !d.Key.Verify([]byte(carriedSigned+strings.Join(words[:3], ".")), words[3]) {
		return nil, fault.New(fault.BadSignature, "The photo is not signed by the device that it names.").
			WithHint("It may be of another installation, or of a device that this one has forgotten. Keep it: its person hands it in when they unlock.")
	}
	text, err := s.Store.Key.OpenSealed(words[2], "photo:"+words[0]+":"+name)
	if err != nil {
		return nil, notOpened()
	}
	var of struct{ Attachment, Key string }
	if err := json.Unmarshal(text, &of); err != nil || !idForm.MatchString(of.Attachment) {
		return nil, notOpened()
	}
	key, err := base64.RawURLEncoding.DecodeString(of.Key)
	if err != nil || len(key) != 32 {
		return nil, notOpened()
	}
	return &errand{author: d.Person, id: of.Attachment, key: key}, nil
}

func notOpened() error {
	return fault.New(fault.BadRequest, "What says which photo it is does not open here.").
		WithHint("Keep the photo: its person hands it in when they unlock.")
}

// unseal writes the picture that a sealed upload holds beside it. The opened one
// is there until it is looked at, and in no backup.
func (s *Service) unseal(e *errand, a *records.Attachment) (err error) {
	s.opening.Lock() // one at a time: a photo is in memory meanwhile
	defer s.opening.Unlock()
	sealed, err := os.ReadFile(s.part(e.upload()))
	if err != nil {
		return fmt.Errorf("open sealed photo %s: %w", a.ID, err)
	}
	block, err := aes.NewCipher(e.key)
	if err != nil {
		return fmt.Errorf("open sealed photo %s: %w", a.ID, err)
	}
	box, err := cipher.NewGCM(block)
	if err != nil {
		return fmt.Errorf("open sealed photo %s: %w", a.ID, err)
	}
	if int64(len(sealed)) != sealedSize(a.Bytes) {
		return fault.New(fault.PhotoDiffers, "What came is not as long as the photo that the record names.")
	}
	open, err := box.Open(sealed[nonceSize:nonceSize], sealed[:nonceSize], sealed[nonceSize:], nil)
	if err != nil {
		return fault.New(fault.PhotoDiffers, "What came does not open with the photo's key.")
	}
	if err := os.WriteFile(s.part(e.id+openedPart), open[:a.Bytes], 0o600); err != nil {
		return cannotWrite(err)
	}
	return nil
}
