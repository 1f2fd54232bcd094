package httpapi

import (
	"io"
	"net/http"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/media"
	"github.com/fieldpost/fieldpost/internal/records"
)

// photo makes a handler of what media does for a person. device: it takes the
// access of a device, as a push does.
func (a *API) photo(device bool, do func(e *core.RequestEvent, p access.Person) error) func(e *core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		_, err := guarded(e, func(e *core.RequestEvent) (struct{}, error) {
			if e.Auth == nil {
				return struct{}{}, a.notSignedIn(e)
			}
			if e.Auth.IsSuperuser() {
				return struct{}{}, fault.New(fault.NotAllowed, "A superuser has no photos here.")
			}
			if device {
				if _, err := a.device(e); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, do(e, records.PersonOf(e.Auth))
		})
		if err != nil {
			return Fail(e, err)
		}
		return nil
	}
}

// PhotoOptions is OPTIONS /api/sync/files.
func (a *API) PhotoOptions(e *core.RequestEvent) error {
	a.Media.Options(e.Response)
	return nil
}

// BeginPhoto is POST /api/sync/files.
func (a *API) BeginPhoto(e *core.RequestEvent) error {
	return a.photo(true, func(e *core.RequestEvent, p access.Person) error {
		return a.Media.Post(e.Response, e.Request, p)
	})(e)
}

// PhotoOffset is HEAD /api/sync/files/{id}.
func (a *API) PhotoOffset(e *core.RequestEvent) error {
	return a.photo(true, func(e *core.RequestEvent, p access.Person) error {
		return a.Media.Head(e.Response, e.Request, p, e.Request.PathValue("id"))
	})(e)
}

// SendPhoto is PATCH /api/sync/files/{id}, and POST with the method named in a
// header.
func (a *API) SendPhoto(e *core.RequestEvent) error {
	return a.photo(true, func(e *core.RequestEvent, p access.Person) error {
		id := e.Request.PathValue("id")
		switch media.Method(e.Request) {
		case http.MethodHead:
			return a.Media.Head(e.Response, e.Request, p, id)
		case http.MethodPatch:
			// Not what PocketBase reads bodies through: that keeps a copy of all.
			var body io.Reader = e.Request.Body
			if kept, ok := body.(*router.RereadableReadCloser); ok {
				body = kept.ReadCloser
			}
			return a.Media.Patch(e.Response, e.Request, body, p, id)
		}
		return fault.New(fault.BadRequest, "X-HTTP-Method-Override names no method that there is here.")
	})(e)
}

// Photo is GET /api/sync/files/{id}, for whoever may see the report.
func (a *API) Photo(e *core.RequestEvent) error {
	return a.photo(false, func(e *core.RequestEvent, p access.Person) error {
		return a.Media.Get(e.Response, p, e.Request.PathValue("id"))
	})(e)
}
