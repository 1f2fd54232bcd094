package wiring

import "github.com/fieldpost/fieldpost/internal/checklist"

// PublishChecklist puts a checklist of this installation into force, as the
// server's operator. published is false where it is in force already.
func (s *Services) PublishChecklist(form *checklist.Form) (published bool, err error) {
	return s.Store.PublishChecklist(form)
}
