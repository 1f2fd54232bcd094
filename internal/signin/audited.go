package signin

import "github.com/fieldpost/fieldpost/internal/records"

// note writes into the audit what was done to somebody's sign-in (R16). One's
// own sessions are one's own business; what another did to them is not.
func note(tx *records.People, user, actor, reason string, detail map[string]any) error {
	person, err := tx.Person(user)
	if err != nil {
		return err
	}
	return tx.Audit(records.Audit{Act: records.ActSignInLock, Actor: actor, Organization: person.Organization, Collection: "users", Record: user,
		Reason: reason, Detail: detail})
}

// End ends a session as actor, a person or the operator. of is whose it has to
// be, "" for anybody's. revoke signs out the devices that were enrolled from it.
// false when there is none.
func (s *Service) End(tx *records.People, session, of, actor string, revoke bool) (bool, error) {
	all, err := tx.Sessions(of)
	if err != nil {
		return false, err
	}
	whose := ""
	for _, one := range all {
		if one.ID == session {
			whose = one.User
		}
	}
	ended, err := tx.EndSession(session, of, revoke)
	if err != nil || !ended || whose == actor || whose == "" {
		return ended, err
	}
	return true, note(tx, whose, actor, "", map[string]any{"ended_sessions": 1})
}
