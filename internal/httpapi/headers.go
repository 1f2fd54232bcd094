package httpapi

import (
	"mime"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
)

// What a page of the apps may do: nothing but what comes from this server, and
// nobody frames it. Answers that are no page are held to it as well.
const pagePolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; " +
	"media-src 'self' blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// The dashboard has styles in its pages. It gets neither the map tiles nor the
// place search that PocketBase would let it ask others for (R22).
const dashboardPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// A stored file is somebody's upload: it runs nothing and is a page of nothing.
const filePolicy = "default-src 'none'; sandbox; frame-ancestors 'none'"

// What of the device a page may ask for: a place when its person wants one
// noted, a passkey to sign in, and the clipboard for a tip to copy.
const permissions = "geolocation=(self), publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self), " +
	"accelerometer=(), bluetooth=(), browsing-topics=(), camera=(), display-capture=(), gyroscope=(), hid=(), magnetometer=(), " +
	"microphone=(), midi=(), payment=(), serial=(), usb=()"

// remember is for how long, in seconds, a browser that came by TLS comes by
// nothing else: two years.
const remember = "max-age=63072000"

// secure sets the headers that every answer has, redirects and refusals too.
func secure(h http.Header, r *http.Request, d Door, pattern string) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Permissions-Policy", permissions)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	path := pattern[strings.Index(pattern, " ")+1:]
	switch {
	case strings.HasPrefix(path, "/_/") && d == Admin:
		h.Set("Content-Security-Policy", dashboardPolicy)
	case strings.HasPrefix(path, "/api/files/"), strings.HasPrefix(path, "/api/backups/"):
		h.Set("Content-Security-Policy", filePolicy)
		h.Set("Cache-Control", "private, no-store")
	default:
		h.Set("Content-Security-Policy", pagePolicy)
		if strings.HasPrefix(path, "/api/") {
			h.Set("Cache-Control", "no-store")
		}
	}
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", remember)
	}
}

// AsAttachment has a stored file saved and not shown: what a phone uploaded is
// no page of this origin, whatever it says of itself.
func AsAttachment(e *core.FileDownloadRequestEvent) error {
	e.Response.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": e.ServedName}))
	// PocketBase takes it off for files; a frame of one is of no use here.
	e.Response.Header().Set("X-Frame-Options", "DENY")
	return e.Next()
}
