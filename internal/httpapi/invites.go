package httpapi

import (
	"net/url"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// caller is where a request comes from. Behind a proxy the address is the one
// that it names, if the settings trust it; it goes no further than a hash in
// memory (R22).
func caller(e *core.RequestEvent) devices.Caller {
	return devices.Caller{Address: e.RealIP(), Host: e.Request.Host}
}

// Look is POST /api/sync/invite: what an invite would give. The code is in the
// body, so that no log of addresses anywhere holds it.
func (a *API) Look(e *core.RequestEvent) (*wire.InviteAnswer, error) {
	var req wire.InviteLook
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	if req.Invite == "" {
		return nil, fault.New(fault.BadRequest, "`invite` is missing.")
	}
	from := caller(e)
	return a.Devices.Look(req.Invite, from.Address, from.Host)
}

// MakeInvite is POST /api/fieldpost/invites.
func (a *API) MakeInvite(e *core.RequestEvent) (*wire.InviteMade, error) {
	by, err := a.member(e)
	if err != nil {
		return nil, err
	}
	var req wire.InviteRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	made, err := a.Devices.InviteAs(by, req)
	if err != nil {
		return nil, err
	}
	record, err := a.Devices.InviteRecord(made.ID)
	if err != nil {
		return nil, err
	}
	base := a.address(e)
	drawn := devices.CardOf(record, made.Code, base, made.Expires)
	code, err := card.Encode(drawn.Link)
	if err != nil {
		return nil, err
	}
	page, err := drawn.HTML()
	return &wire.InviteMade{Record: record, Code: made.Code, Link: drawn.Link, SVG: code.SVG(), Card: page, Replaced: made.Replaced}, err
}

// address is where devices reach this server: the address in the settings, if
// somebody has set one, else the one that was asked.
func (a *API) address(e *core.RequestEvent) string {
	if set := a.PublicURL(); set != "" {
		return set
	}
	scheme := "http"
	if e.IsTLS() || strings.EqualFold(e.Request.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + e.Request.Host
}

// PublicURL is the address in the settings, "" where nobody has set one.
func (a *API) PublicURL() string {
	set := a.Store.App.Settings().Meta.AppURL
	if u, err := url.Parse(set); err == nil && u.Host != "" && u.Hostname() != "localhost" {
		return strings.TrimRight(set, "/")
	}
	return ""
}

// Invites is GET /api/fieldpost/invites.
func (a *API) Invites(e *core.RequestEvent) (*wire.InviteList, error) {
	by, err := a.member(e)
	if err != nil {
		return nil, err
	}
	list, err := a.Devices.Invites(by)
	return &wire.InviteList{Invites: list}, err
}

// EndInvite is POST /api/fieldpost/invites/{id}/end.
func (a *API) EndInvite(e *core.RequestEvent) (*wire.InviteRecord, error) {
	by, err := a.member(e)
	if err != nil {
		return nil, err
	}
	record, err := a.Devices.EndInvite(e.Request.PathValue("id"), by)
	return &record, err
}

// ConfirmStaff is POST /api/fieldpost/staff/{id}/confirm.
func (a *API) ConfirmStaff(e *core.RequestEvent) (*wire.Confirmed, error) {
	by, err := a.member(e)
	if err != nil {
		return nil, err
	}
	c, err := a.Devices.Confirm(e.Request.PathValue("id"), by)
	return &c, err
}

// member is the person who asks, by a device's token or a password's.
func (a *API) member(e *core.RequestEvent) (string, error) {
	switch {
	case e.Auth == nil:
		return "", a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return "", fault.New(fault.NotAllowed, "A superuser is of no organization.").WithHint("Use the server's command line: fieldpost invite")
	}
	return e.Auth.Id, nil
}
