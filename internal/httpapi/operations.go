package httpapi

import "github.com/pocketbase/pocketbase/core"

// TurnOperations is a middleware for every route, before it is known who asks:
// at the second that an operation ends nobody's request finds them on it.
func (a *API) TurnOperations(e *core.RequestEvent) error {
	if err := a.Store.TurnOperations(); err != nil {
		return Fail(e, err)
	}
	return e.Next()
}
