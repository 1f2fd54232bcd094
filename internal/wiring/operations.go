package wiring

import (
	"errors"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// OperationView is an operation as the commands show it.
type OperationView = records.OperationView

// Operations lists the operations, the newest first.
func (s *Services) Operations() ([]OperationView, error) { return s.Store.Operations() }

// MakeOperation makes an operation of an organization with others (names or
// ids). The error is a *fault.Fault where what was given does not do.
func (s *Services) MakeOperation(name, organization string, with, sites []string, begins, ends time.Time) (*OperationView, error) {
	ids := make([]string, 0, len(with)+1)
	for _, o := range append([]string{organization}, with...) {
		id, err := s.Store.OrganizationBy(o)
		if err != nil {
			return nil, err
		}
		if id == "" {
			return nil, fault.New(fault.BadRequest, "There is no organization "+o+".").WithHint("Give its name as it is written, or its id.")
		}
		ids = append(ids, id)
	}
	v, err := s.Store.MakeOperation(name, ids[0], ids[1:], sites, begins, ends)
	return v, said(err)
}

// EndOperation ends an operation now; nil: there is none.
func (s *Services) EndOperation(id string) (*OperationView, error) {
	v, err := s.Store.ChangeOperation(id, true, "", "", "")
	return v, said(err)
}

// PutOn puts a person (e-mail or id) on the roster of an operation, TakeOff
// takes one off; nil: there is no such operation or person.
func (s *Services) PutOn(operation, person, role string) (*OperationView, error) {
	p, err := s.Store.PersonBy(person)
	if err != nil || p == nil {
		return nil, err
	}
	v, err := s.Store.ChangeOperation(operation, false, p.ID, role, "")
	return v, said(err)
}

// TakeOff is described at PutOn.
func (s *Services) TakeOff(operation, person string) (*OperationView, error) {
	p, err := s.Store.PersonBy(person)
	if err != nil || p == nil {
		return nil, err
	}
	v, err := s.Store.ChangeOperation(operation, false, "", "", p.ID)
	return v, said(err)
}

// said turns a refusal of the checks into words for a person.
func said(err error) error {
	var refused *records.Refusal
	switch {
	case errors.As(err, &refused):
		return fault.New(fault.BadRequest, refused.Message).WithHint("Correct it and try again.")
	case errors.As(err, &validation.Errors{}):
		return fault.New(fault.BadRequest, "Something of it is no id, no role, or too long.").WithHint("Roles are lead, triage, outreach, liaison; sites are ids.").Because(err)
	}
	return err
}

// lookAtOperations is how often the server looks whether an operation begins or
// ends, for whoever waits without asking: held pulls and open streams. Who asks
// is answered by the clock itself.
const lookAtOperations = 250 * time.Millisecond

// turning is the goroutine that looks.
type turning struct{ stop, done chan struct{} }

// StartOperations begins to look at the clock; StopOperations ends it.
func (s *Services) StartOperations() {
	s.turns = turning{make(chan struct{}), make(chan struct{})}
	go func(t turning) {
		defer close(t.done)
		tick := time.NewTicker(lookAtOperations)
		defer tick.Stop()
		for {
			select {
			case <-t.stop:
				return
			case <-tick.C:
				if err := s.Store.TurnOperations(); err != nil {
					s.Store.App.Logger().Error("operations could not be turned", "error", err)
				}
			}
		}
	}(s.turns)
}

// StopOperations waits until nobody looks any more.
func (s *Services) StopOperations() {
	if s.turns.stop != nil {
		close(s.turns.stop)
		<-s.turns.done
		s.turns = turning{}
	}
}
