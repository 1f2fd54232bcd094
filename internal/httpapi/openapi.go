package httpapi

import (
	_ "embed"
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"
)

// OpenAPI describes the endpoints of the protocol (OpenAPI 3.1). It is written
// by hand; tests hold it against the routes, the handlers and what they answer.
//
//go:embed openapi.json
var OpenAPI []byte

// Describe is GET /api/sync/openapi.json. It names nobody and nothing of this
// installation, so anybody may have it.
func (a *API) Describe(*core.RequestEvent) (json.RawMessage, error) { return OpenAPI, nil }
