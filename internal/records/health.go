package records

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// UpFile is the file of a data folder in which its server says where it
// listens, for commands beside it.
const UpFile = "fieldpost.up"

// Health is what a database says of how its installation is looked after. It
// holds no content and nobody's name.
type Health struct {
	Drift   []string  // settings that are not as they have to be
	Proxies []string  // headers of a proxy that are believed
	Held    time.Time // when a checked backup was last noted as held elsewhere; zero: never
	Newest  time.Time // of the newest entry of the journal; zero: there is none
	Parked  int       // mutations in quarantine that nobody has dealt with
}

// ReadHealth reads it from a data folder, in use or not, and changes nothing.
func ReadHealth(dir string) (h Health, err error) {
	path := filepath.Join(dir, "data.db")
	if _, err := os.Stat(path); err != nil {
		return h, fmt.Errorf("read health: there is no database in %s", dir)
	}
	db, err := dbx.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	if err != nil {
		return h, fmt.Errorf("read health: %w", err)
	}
	defer db.Close()
	var settings string
	var held, newest int64
	for _, q := range []struct {
		sql  string
		into any
	}{
		{`SELECT coalesce((SELECT value FROM _params WHERE id='settings'), '{}')`, &settings},
		{`SELECT coalesce(max(at), 0) FROM journal_durable WHERE how='backup'`, &held},
		{`SELECT coalesce(max(at), 0) FROM journal_entry`, &newest},
		{`SELECT count(*) FROM quarantine WHERE state='held'`, &h.Parked},
	} {
		if err := db.NewQuery(q.sql).Row(q.into); err != nil {
			return h, fmt.Errorf("read health: %w", err)
		}
	}
	s := &core.Settings{}
	if err := json.Unmarshal([]byte(settings), s); err != nil {
		return h, fmt.Errorf("read health: settings: %w", err)
	}
	h.Drift, h.Proxies = SettingsDrift(s, SettingsChoice{}), s.TrustedProxy.Headers
	if held > 0 {
		h.Held = time.UnixMilli(held)
	}
	if newest > 0 {
		h.Newest = time.UnixMilli(newest)
	}
	return h, nil
}
