package httpapi

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/web"
)

// Pages serves the apps. Its headers were set at the door.
func Pages(e *core.RequestEvent) error {
	if !strings.HasPrefix(e.Request.URL.Path, "/api/") && web.Serve(e.Response, e.Request) {
		return nil
	}
	if e.Request.Method != http.MethodGet && e.Request.Method != http.MethodHead {
		return Fail(e, fault.New(fault.NotFound, "There is nothing at this address."))
	}
	return Fail(e, fault.New(fault.NotFound, "There is nothing at this address.").WithHint("The app is at /, the board at /board."))
}
