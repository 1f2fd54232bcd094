package httpapi

import (
	"io/fs"
	"net/http"
	"path"

	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/internal/fault"
	page "github.com/fieldpost/fieldpost/web/signin"
)

var pageTypes = map[string]string{".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

// SignInPage is GET /signin and what it loads, GET /signin/{file}. Its headers
// were set at the door.
func SignInPage(e *core.RequestEvent) error {
	name := e.Request.PathValue("file")
	if name == "" {
		name = "signin.html"
	} else if path.Ext(name) == ".html" {
		name = "" // the page has one address
	}
	data, err := fs.ReadFile(page.Files, name)
	if err != nil {
		return Fail(e, fault.New(fault.NotFound, "There is nothing at this address.").WithHint("The sign-in is at /signin."))
	}
	h := e.Response.Header()
	h.Set("Content-Type", pageTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	e.Response.WriteHeader(http.StatusOK)
	_, err = e.Response.Write(data)
	return err
}
