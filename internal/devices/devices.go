// Package devices admits devices and keeps them admitted: invites, enrolment,
// and the renewal of a token by the device's own key. A device token that has
// expired costs nobody their queue: the key is the identity.
package devices

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/hlc"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// ChallengeLife is how long a challenge is good for.
const ChallengeLife = 2 * time.Minute

// InviteLife is how long an invite is good for unless said otherwise (ENROL-2).
const InviteLife = 72 * time.Hour

// Service admits devices.
type Service struct {
	Store *records.Store
	Key   *seal.Installation
	Now   func() time.Time

	attempts attempts
}

// NormaliseCode takes out what people add when they read a code aloud.
func NormaliseCode(code string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "", "\t", "", "\n", "").Replace(code))
}

// codeAlphabet has no characters that look alike.
const codeAlphabet = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

// NewCode makes an invite code of 12 unambiguous characters (59 bits).
func NewCode() (string, error) { return codeFrom(rand.Read) }

// DerivedCode makes the code that a purpose always has: the demo's invites.
func (s *Service) DerivedCode(purpose string) string {
	seed := s.Key.Derive("invite code " + purpose)
	code, _ := codeFrom(func(b []byte) (int, error) { return copy(b, seed), nil })
	return code
}

func codeFrom(read func([]byte) (int, error)) (string, error) {
	raw := make([]byte, 12)
	if _, err := read(raw); err != nil {
		return "", err
	}
	code := make([]byte, 0, 12)
	for _, b := range raw {
		code = append(code, codeAlphabet[int(b)%len(codeAlphabet)])
	}
	return SpacedCode(string(code)), nil
}

// SpacedCode writes a code as it is printed: in groups of four.
func SpacedCode(code string) string {
	var groups []string
	for rest := NormaliseCode(code); rest != ""; {
		n := min(4, len(rest))
		groups, rest = append(groups, rest[:n]), rest[n:]
	}
	return strings.Join(groups, "-")
}

// MakeInvite stores an invite and gives its code; code "" makes one. Uses 0 is
// one device, Expires zero InviteLife.
func (s *Service) MakeInvite(code string, i records.Invite) (string, error) {
	m, err := s.make(code, i, nil)
	return m.Code, err
}

// Caller is where a request comes from. Address is kept nowhere (R22); Host is
// the name that this server was asked under.
type Caller struct{ Address, Host string }

// Enroll admits a device (ENROL-1). person is who is signed in, "" for nobody.
// invite_invalid, invite_expired, invite_used, invite_ended, device_exists,
// slow_down, bad_request.
func (s *Service) Enroll(req wire.EnrollRequest, person string, from Caller) (*wire.EnrollAnswer, error) {
	d := req.Device
	if !hlc.ValidID(d.ID) {
		return nil, fault.New(fault.BadRequest, "The device id is not 15 characters a-z0-9.")
	}
	if len(d.Name) > 400 || len(d.Platform) > 400 {
		return nil, fault.New(fault.BadRequest, "The device's name or platform is too long.")
	}
	thumbprint, err := d.Key.Thumbprint()
	if err != nil {
		return nil, fault.New(fault.BadRequest, "The device's key is not a public P-256 JWK.").Because(err)
	}
	if _, err := d.Key.Public(); err != nil {
		return nil, fault.New(fault.BadRequest, "The device's key is not a point of P-256.").Because(err)
	}
	if req.Invite != "" { // a wrong code gets no further
		if _, err := s.find(req.Invite, from.Address); err != nil {
			return nil, err
		}
	}
	answer := &wire.EnrollAnswer{SealKey: s.Key.SealKey(), Host: from.Host}
	err = s.Store.TransactPeople(func(tx *records.People) error {
		who, err := s.admit(tx, req, thumbprint, person)
		if err != nil {
			return err
		}
		answer.User = wire.Person{ID: who.ID, Role: string(who.Role), Organization: who.Organization, Sites: who.Sites, Locale: who.Locale}
		if answer.User.Sites == nil {
			answer.User.Sites = []string{}
		}
		answer.Label, answer.Unconfirmed = who.Label, who.Unconfirmed
		answer.Token, err = tx.Token(who.ID, d.ID)
		return err
	})
	if err != nil {
		return nil, refused(err)
	}
	around, err := s.Store.Surroundings(answer.User.Organization, answer.User.Sites)
	answer.Organization, answer.Sites, answer.ServedBy = around.Organization, around.Sites, around.ServedBy
	return answer, err
}

// refused turns a refusal of the records into an answer.
func refused(err error) error {
	var r *records.Refusal
	if errors.As(err, &r) {
		return fault.New(fault.BadRequest, r.Message).Because(err)
	}
	return err
}

func (s *Service) admit(tx *records.People, req wire.EnrollRequest, thumbprint, person string) (*access.Person, error) {
	d := req.Device
	known, err := tx.Device(d.ID)
	if err != nil {
		return nil, err
	}
	var invite *records.Invite
	inviteID := ""
	if req.Invite != "" {
		if invite, err = tx.Invite(s.Key.Invite(NormaliseCode(req.Invite))); err != nil {
			return nil, err
		}
		if invite == nil {
			return nil, fault.New(fault.InviteInvalid, "The invite is not known.")
		}
		inviteID = invite.ID
	} else if person == "" {
		return nil, fault.New(fault.InviteInvalid, "An invite is needed.")
	}
	if known != nil {
		have, err := known.Key.Thumbprint()
		same := err == nil && have == thumbprint && known.Invite == inviteID
		if !same || invite == nil && known.Person.ID != person {
			return nil, fault.New(fault.DeviceExists, "The device id is in use.")
		}
		if known.Revoked {
			return nil, fault.New(fault.DeviceRevoked, "The device was signed out.")
		}
		return &known.Person, nil
	}
	if invite == nil {
		who, err := tx.Person(person)
		if err != nil {
			return nil, err
		}
		return who, tx.AddDevice(d, who.ID, "", "")
	}
	if err := s.open(invite); err != nil {
		return nil, err
	}
	if stands, err := tx.MakerStands(invite); err != nil {
		return nil, err
	} else if !stands {
		return nil, fault.New(fault.InviteEnded, "Who made the invite can't give it any more.")
	}
	if invite.Role == access.Staff {
		if served, err := tx.Served(invite.Sites); err != nil {
			return nil, err
		} else if !served {
			return nil, fault.New(fault.InviteInvalid, "No organization serves the site.")
		}
	}
	who, err := tx.AddPerson(access.Person{Role: invite.Role, Organization: invite.Organization, Sites: invite.Sites, Locale: "en", Unconfirmed: invite.Poster})
	if err != nil {
		return nil, err
	}
	if err := tx.AddDevice(d, who.ID, "", invite.ID); err != nil {
		return nil, err
	}
	return &who, tx.Use(invite)
}

type challenge struct {
	Device  string `json:"d"`
	Expires int64  `json:"x"`
	Nonce   []byte `json:"n"`
}

// Challenge gives a text to sign. It keeps no state and is alike for devices
// that do not exist.
func (s *Service) Challenge(device string) (*wire.ChallengeAnswer, error) {
	c := challenge{Device: device, Expires: s.Now().Add(ChallengeLife).UnixMilli(), Nonce: make([]byte, 12)}
	if _, err := rand.Read(c.Nonce); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return &wire.ChallengeAnswer{Challenge: s.Key.Sign("challenge", raw),
		Expires: time.UnixMilli(c.Expires).UTC().Format(wire.TimeFormat)}, nil
}

// Renew gives a token to who holds the device's key, and admits the device
// that goes on where a forked one stops. A revoked device gets one for push
// only, and so does what goes on for it (PUSH-10). challenge_expired,
// bad_signature, device_exists, bad_request.
func (s *Service) Renew(req wire.RenewRequest) (*wire.RenewAnswer, error) {
	var c challenge
	raw, ok := s.Key.Verify("challenge", req.Challenge)
	if !ok || json.Unmarshal(raw, &c) != nil || c.Device != req.Device {
		return nil, fault.New(fault.BadSignature, "The challenge is not one for this device.")
	}
	if s.Now().UnixMilli() > c.Expires {
		return nil, fault.New(fault.ChallengeExpired, "The challenge has expired.")
	}
	newID, thumbprint := "", ""
	if req.NewDevice != nil {
		var err error
		newID = req.NewDevice.ID
		if thumbprint, err = req.NewDevice.Key.Thumbprint(); err != nil || !hlc.ValidID(newID) {
			return nil, fault.New(fault.BadRequest, "The new device's id or key is not of its form.")
		}
		if _, err := req.NewDevice.Key.Public(); err != nil {
			return nil, fault.New(fault.BadRequest, "The new device's key is not a point of P-256.")
		}
	}
	text := wire.RenewText(req.Device, req.Challenge, newID, thumbprint)
	answer := &wire.RenewAnswer{}
	err := s.Store.TransactPeople(func(tx *records.People) error {
		d, err := tx.Device(req.Device)
		if err != nil {
			return err
		}
		if d == nil || !d.Key.Verify([]byte(text), req.Signature) {
			return fault.New(fault.BadSignature, "The signature does not fit the device's key.")
		}
		id := d.ID
		if req.NewDevice != nil {
			id = newID
			if err := s.succeed(tx, d, req.NewDevice, thumbprint); err != nil {
				return err
			}
		}
		if answer.Wipe, err = s.Order(&records.Device{ID: id, Wipe: d.Wipe}); err != nil {
			return err
		}
		if d.Revoked {
			answer.Token, err = tx.PushToken(d.Person.ID, id)
			return err
		}
		answer.Token, err = tx.Token(d.Person.ID, id)
		return err
	})
	if err != nil {
		return nil, refused(err)
	}
	return answer, nil
}

// succeed admits a device that descends from another; again is no fault.
func (s *Service) succeed(tx *records.People, parent *records.Device, n *wire.NewDevice, thumbprint string) error {
	known, err := tx.Device(n.ID)
	if err != nil {
		return err
	}
	if known == nil {
		return tx.AddDevice(wire.EnrollDevice{ID: n.ID, Key: n.Key}, parent.Person.ID, parent.ID, "")
	}
	have, err := known.Key.Thumbprint()
	if err != nil || have != thumbprint || len(known.Lineage) < 2 || known.Lineage[1] != parent.ID {
		return fault.New(fault.DeviceExists, "The new device id is in use.")
	}
	return nil
}
