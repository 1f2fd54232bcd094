package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/devices"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

// deviceOf is the device of a request's token, as RefuseRevoked found it.
const deviceOf = "@fieldpost.device"

// order gives the order to wipe itself that stands for the device that asks.
func (a *API) order(e *core.RequestEvent) (string, error) {
	d, _ := e.Get(deviceOf).(*records.Device)
	return a.Devices.Order(d)
}

// WipePath takes a token for push only, as PushPath does: a device that was
// signed out confirms there that it wipes itself.
const WipePath = "/api/sync/wipe"

// Wipe is POST /api/sync/wipe (DEV-3). It takes a device token, one for push
// only too.
func (a *API) Wipe(e *core.RequestEvent) (*wire.WipeAnswer, error) {
	device, err := a.device(e)
	if err != nil {
		return nil, err
	}
	type request struct {
		wire.WipeRequest
		file *wire.Recovery
	}
	req, err := large(a, e, func(raw []byte, limits wire.Limits) (*request, error) {
		r := &request{}
		if err := decodeInto(raw, &r.WipeRequest); err != nil {
			return nil, err
		}
		var err error
		if len(r.Leftovers) > 0 {
			r.file, err = wire.DecodeRecovery(r.Leftovers, limits)
		}
		return r, err
	})
	if err != nil {
		return nil, err
	}
	if req.Device != device.ID {
		return nil, fault.New(fault.WrongDevice, "The device is not the one that this access belongs to.")
	}
	return a.Devices.Wipe(req.WipeRequest, req.file)
}

// person is who asks: somebody who is signed in, on the web or by a device.
func (a *API) person(e *core.RequestEvent) (string, error) {
	switch {
	case e.Auth == nil:
		return "", a.notSignedIn(e)
	case e.Auth.IsSuperuser():
		return "", fault.New(fault.NotAllowed, "A superuser is nobody here.").WithHint("Use the server's command line: fieldpost devices, fieldpost people")
	}
	return e.Auth.Id, nil
}

// onDevice reads who asks for what about a device.
func (a *API) onDevice(e *core.RequestEvent, do func(devices.Loss) (*wire.DeviceState, error)) (*wire.DeviceState, error) {
	by, err := a.person(e)
	if err != nil {
		return nil, err
	}
	var req wire.LossRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return do(devices.Loss{Device: e.Request.PathValue("id"), Act: records.Act{By: by, Reason: req.Reason}})
}

// RevokeDevice is POST /api/fieldpost/devices/{id}/revoke.
func (a *API) RevokeDevice(e *core.RequestEvent) (*wire.DeviceState, error) {
	return a.onDevice(e, a.Devices.Revoke)
}

// WipeDevice is POST /api/fieldpost/devices/{id}/wipe.
func (a *API) WipeDevice(e *core.RequestEvent) (*wire.DeviceState, error) {
	return a.onDevice(e, a.Devices.OrderWipe)
}

// KeepDevice is POST /api/fieldpost/devices/{id}/wipe/withdraw.
func (a *API) KeepDevice(e *core.RequestEvent) (*wire.DeviceState, error) {
	return a.onDevice(e, a.Devices.WithdrawWipe)
}

// DeviceState is GET /api/fieldpost/devices/{id}.
func (a *API) DeviceState(e *core.RequestEvent) (*wire.DeviceState, error) {
	by, err := a.person(e)
	if err != nil {
		return nil, err
	}
	return a.Devices.Asks(e.Request.PathValue("id"), by)
}

// DevicesTold is GET /api/fieldpost/devices: those that the person looks after,
// with what each last said of itself.
func (a *API) DevicesTold(e *core.RequestEvent) (*devicesAnswer, error) {
	if _, err := a.person(e); err != nil {
		return nil, err
	}
	by := records.PersonOf(e.Auth)
	if by.Role != access.Coordinator && by.Role != access.Admin {
		return nil, fault.New(fault.NotAllowed, "This is for coordinators and admins.")
	}
	list, err := a.Store.DevicesTold(by)
	return &devicesAnswer{list}, err
}

type devicesAnswer struct {
	Devices []records.DeviceTold `json:"devices"`
}

// LostDevice is POST /api/fieldpost/devices/lost.
func (a *API) LostDevice(e *core.RequestEvent) (*wire.LostAnswer, error) {
	by, err := a.person(e)
	if err != nil {
		return nil, err
	}
	var req wire.LostRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.Devices.Lost(by, req)
}

// Offboard is POST /api/fieldpost/people/{id}/offboard.
func (a *API) Offboard(e *core.RequestEvent) (*wire.Offboarded, error) {
	by, err := a.person(e)
	if err != nil {
		return nil, err
	}
	var req wire.OffboardRequest
	if err := a.decode(e, &req); err != nil {
		return nil, err
	}
	return a.Devices.Offboard(devices.Leaving{Person: e.Request.PathValue("id"), Wipe: req.Wipe, DryRun: req.DryRun,
		Act: records.Act{By: by, Reason: req.Reason}})
}
