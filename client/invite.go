package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// Invitation is what an invite would give, to be shown to a person before the
// device is enrolled.
type Invitation = wire.InviteAnswer

type inviteAnswer wire.InviteAnswer

func (a *inviteAnswer) missing() string {
	switch {
	case a.Role == "":
		return "role"
	case a.Organization.ID == "":
		return "organization"
	}
	return ""
}

// ParseInvite reads an invite as people have it: a link such as
// https://example.org/#invite=CODE, or a code alone. address is "" for a code.
// ErrInput for a text that looks like a link and is none of ours.
func ParseInvite(text string) (address, code string, err error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		return "", text, nil
	}
	bad := badInput("bad_link", "The link is not an invite.", "Take the whole link from the card, such as https://example.org/#invite=CODE, or type the code.")
	u, err := url.Parse(text)
	if err != nil {
		return "", "", bad
	}
	in, err := url.ParseQuery(u.Fragment)
	if err != nil || in.Get("invite") == "" {
		return "", "", bad
	}
	u.Fragment = ""
	if address, err = cleanURL(u.String()); err != nil {
		return "", "", err
	}
	return address, in.Get("invite"), nil
}

// Look asks what an invite would give, and uses nothing up. Errors: as
// Enroll's; an *Error with the code not_found comes from a server that is older
// than this question.
func (d *Device) Look(ctx context.Context, address, invite string) (*Invitation, error) {
	base, err := cleanURL(address)
	if err != nil {
		return nil, err
	}
	if _, err := d.hello(ctx, base); err != nil {
		return nil, err
	}
	body, err := encode(wire.InviteLook{Invite: invite})
	if err != nil {
		return nil, err
	}
	var a inviteAnswer
	if _, err := d.exchange(ctx, request{method: http.MethodPost, base: base, path: "/api/sync/invite", body: body}, &a); err != nil {
		return nil, err
	}
	return (*Invitation)(&a), nil
}

// Unasked tells that a server is older than Look.
func Unasked(err error) bool { return hasCode(err, fault.NotFound) }
