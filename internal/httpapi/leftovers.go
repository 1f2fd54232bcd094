package httpapi

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wire"
)

type leftoversAnswer struct {
	Files int `json:"files"`
}

// takenAnswer counts mutations, but for Files.
type takenAnswer struct {
	Files    int `json:"files"`
	Received int `json:"received"`
	Before   int `json:"before"`
	Kept     int `json:"kept"`
	Waiting  int `json:"waiting"`
}

// leftoversOf lists the files that the person may hand in.
func (a *API) leftoversOf(e *core.RequestEvent) ([]records.Leftover, error) {
	if _, err := a.person(e); err != nil {
		return nil, err
	}
	by := records.PersonOf(e.Auth)
	if by.Role != access.Coordinator && by.Role != access.Admin {
		return nil, fault.New(fault.NotAllowed, "This is for coordinators and admins.")
	}
	return a.Store.LeftoversOf(by)
}

// Leftovers is GET /api/fieldpost/leftovers: how many files wiped devices of
// theirs left behind (DEV-3). Neither their ids nor their sizes: both are of
// use to nobody who hands all of them in.
func (a *API) Leftovers(e *core.RequestEvent) (*leftoversAnswer, error) {
	all, err := a.leftoversOf(e)
	return &leftoversAnswer{len(all)}, err
}

// TakeLeftovers is POST /api/fieldpost/leftovers/take: hands all of them in.
// Each mutation counts once, however often it came (PUSH-1).
func (a *API) TakeLeftovers(e *core.RequestEvent) (*takenAnswer, error) {
	all, err := a.leftoversOf(e)
	if err != nil {
		return nil, err
	}
	taken := &takenAnswer{}
	if len(all) > 0 {
		if err := a.Store.AuditTakeIn(e.Auth.Id, records.PersonOf(e.Auth).Organization, records.FromLeftovers, len(all), 0); err != nil {
			return nil, err
		}
	}
	for _, l := range all {
		verdicts, err := a.Exchange.TakeLeftover(e.Request.Context(), l.ID)
		if err != nil {
			return nil, err
		}
		if verdicts == nil {
			continue // somebody else was quicker
		}
		taken.Files++
		for _, v := range verdicts {
			switch {
			case v.Verdict == wire.Deferred:
				taken.Waiting++
			case v.Replayed:
				taken.Before++
			case v.Verdict == wire.Refused:
				taken.Kept++
			default:
				taken.Received++
			}
		}
	}
	return taken, nil
}
