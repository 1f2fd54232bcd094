package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/records"
)

// Synced tells whether a collection is journalled and pulled.
func Synced(name string) bool { _, ok := access.Table[name]; return ok }

// RulesChanged tells whether somebody gave a synced collection other rules
// than the access table makes.
func RulesChanged(c *core.Collection) bool {
	row, ok := access.Table[c.Name]
	return ok && !records.RulesHold(c, row)
}

// FieldsDropped tells whether somebody took a field of the product out of a
// synced collection.
func FieldsDropped(c *core.Collection) bool {
	row, ok := access.Table[c.Name]
	return ok && !records.FieldsStand(c, row)
}

// ReadOnlySQL lets the SQL console read and nothing else: what it writes would
// pass by the journal (JOURNAL-1).
func ReadOnlySQL(e *core.RequestEvent) error {
	if e.Request.Method != http.MethodPost || strings.TrimSuffix(e.Request.URL.Path, "/") != "/api/sql" {
		return e.Next()
	}
	body, err := io.ReadAll(io.LimitReader(e.Request.Body, 64<<10))
	if err != nil {
		return Fail(e, fault.New(fault.BadRequest, "The request broke off.").Because(err))
	}
	e.Request.Body = io.NopCloser(bytes.NewReader(body))
	var form struct {
		Query string `json:"query"`
	}
	query := ""
	// Only as JSON: PocketBase would read a form or XML body by other rules, and
	// find another query in the same bytes.
	asJSON := strings.HasPrefix(e.Request.Header.Get("Content-Type"), "application/json")
	if asJSON && json.Unmarshal(body, &form) == nil {
		query = strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(form.Query), ";"))
	}
	if !(strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "EXPLAIN")) || strings.Contains(query, ";") {
		return Fail(e, fault.New(fault.NotAllowed, "The SQL console reads only: one SELECT at a time. Writes go through the records, so that they are journalled."))
	}
	return e.Next()
}

// HonestBody is the outermost middleware. PocketBase wraps the request body
// and closes it, and then Go's server can no longer see that there was more to
// read: it goes on with the connection, and takes the rest of the body for the
// next request. With its own body back it closes the connection, gently, so
// that the client still reads the answer (PUSH-13).
func HonestBody(e *core.RequestEvent) error {
	req := e.Request
	if body, ok := req.Body.(*router.RereadableReadCloser); ok {
		defer func() { req.Body = body.ReadCloser }()
	}
	return e.Next()
}
