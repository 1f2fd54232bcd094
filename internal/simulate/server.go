package simulate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/httpapi"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

// The places of the district. Their ids are the same in every run.
const (
	ngo    = "ngoaaaaaaaaaaaa" // runs outreach
	force  = "forcebbbbbbbbbb" // a task force with its own outreach
	hotel  = "hotelcccccccccc" // owns a site, serves none
	siteA1 = "sitea1aaaaaaaaa"
	siteA2 = "sitea2aaaaaaaaa"
	siteB1 = "siteb1bbbbbbbbb"
	siteB2 = "siteb2bbbbbbbbb"
	siteC1 = "sitec1ccccccccc" // the hotel's, served by ngo
	keeper = "superuseraaaaaa"
)

// server is a server process: the wiring of the binary, called in memory.
type server struct {
	folder string
	disk   *disk
	app    *core.BaseApp
	s      *wiring.Services
	doors  [2]http.Handler // for people, for superusers
	key    string          // a superuser's token
}

// boot starts a process on a folder.
// owner tells that it serves the folder, and so decides whose history this is.
func boot(folder string, now func() time.Time, tamper func(string, []any) (string, bool), limit int, owner bool) (*server, error) {
	v := &server{folder: folder, disk: &disk{folder: folder, tamper: tamper}}
	v.app = core.NewBaseApp(core.BaseAppConfig{DataDir: folder, DBConnect: func(path string) (*dbx.DB, error) {
		return dbx.NewFromDB(v.disk.open(wiring.DataSource(path)), "sqlite"), nil
	}})
	content, err := few()
	if err != nil {
		return v, fmt.Errorf("boot: %w", err)
	}
	v.s = wiring.New(v.app, wiring.Config{Now: now, Owner: owner, Settings: records.SettingsChoice{NoLimits: true}, Content: content})
	hooks.Register(v.app, v.s)
	if limit > 0 {
		v.s.Exchange.Limits.Mutations, v.s.Exchange.Limits.Changes = limit, limit
	}
	// These wait for the file system and for the system's clock: a run would
	// depend on both.
	v.app.OnBootstrap().Unbind("__pbNotifyWatcherSystemHook__")
	v.app.OnTerminate().Unbind("__pbNotifyWatcherSystemHook__")
	v.app.OnServe().Unbind("__pbCronStart__")
	if err := v.app.Bootstrap(); err != nil {
		return v, fmt.Errorf("boot: %w", err)
	}
	router, err := apis.NewRouter(v.app)
	if err != nil {
		return v, fmt.Errorf("boot: %w", err)
	}
	event := &core.ServeEvent{App: v.app, Router: router, Server: &http.Server{}}
	err = v.app.OnServe().Trigger(event, func(e *core.ServeEvent) error {
		mux, err := e.Router.BuildMux()
		if err == nil {
			v.doors[0], v.doors[1], err = httpapi.Doors(mux, false, nil)
		}
		return err
	})
	if err != nil {
		return v, fmt.Errorf("boot: %w", err)
	}
	return v, nil
}

// stop ends a process and frees what it held. Of a dead one nothing is written.
func (v *server) stop() error {
	err := v.app.OnTerminate().Trigger(&core.TerminateEvent{App: v.app}, func(e *core.TerminateEvent) error {
		return e.App.ResetBootstrapState()
	})
	if v.disk.isDead() {
		return nil
	}
	return err
}

// answer is what comes back from a server.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// plain is the body without its packing.
func (a *answer) plain() []byte {
	if a.header.Get("Content-Encoding") != "gzip" {
		return a.body
	}
	z, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		return a.body
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return a.body
	}
	return raw
}

// handle answers one request.
func (v *server) handle(method, path, token string, header http.Header, body []byte) answer {
	return v.handleWithin(context.Background(), method, path, token, header, body)
}

// handleWithin answers one request as long as ctx lasts: then its sender has gone.
func (v *server) handleWithin(ctx context.Context, method, path, token string, header http.Header, body []byte) answer {
	r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	for k, list := range header {
		r.Header[k] = list
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	door := v.doors[0]
	if token != "" && token == v.key {
		door = v.doors[1]
	}
	door.ServeHTTP(w, r)
	return answer{w.Code, w.Result().Header, w.Body.Bytes()}
}

// rest makes a JSON request and decodes the answer.
func (v *server) rest(method, path, token string, body, into any) (int, error) {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	a := v.handle(method, path, token, http.Header{"Content-Type": {"application/json"}}, raw)
	if into != nil && len(a.body) > 0 {
		if err := json.Unmarshal(a.body, into); err != nil {
			return a.status, fmt.Errorf("%s %s: %d %s", method, path, a.status, a.body)
		}
	}
	return a.status, nil
}

// superuser gives the token of the one who may do everything (break-glass).
func (v *server) superuser() (string, error) {
	if v.key != "" {
		return v.key, nil
	}
	record, err := v.app.FindRecordById(core.CollectionNameSuperusers, keeper)
	if err != nil {
		return "", err
	}
	v.key, err = record.NewAuthToken()
	return v.key, err
}

// template is the folder that every run begins with: migrated, with its places
// and nobody enrolled. In memory, because folders in a shared place outlive
// the run.
var template struct {
	sync.Once
	files map[string][]byte
	err   error
}

// begin is when every run begins.
var begin = time.Date(2026, 2, 7, 6, 0, 0, 0, time.UTC)

// workplace is where runs keep their files: in memory, where there is such a
// place. synchronous=FULL stays on; that a commit is durable is SQLite's word.
func workplace() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

func makeTemplate() (files map[string][]byte, err error) {
	dir, err := os.MkdirTemp(workplace(), "fieldpost-template-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// Pseudonyms break ties between stamps, so the key is the same in all runs.
	if err := os.MkdirAll(filepath.Dir(seal.KeyPath(dir)), 0o700); err != nil {
		return nil, err
	}
	key, err := json.Marshal(map[string]any{"version": 1, "hmac": bytes.Repeat([]byte{7}, 32), "hpke": bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(seal.KeyPath(dir), key, 0o600); err != nil {
		return nil, err
	}
	v, err := boot(dir, func() time.Time { return begin }, nil, 0, false)
	if err != nil {
		return nil, err
	}
	if err := v.settle(); err != nil {
		return nil, errors.Join(err, v.stop())
	}
	if err := v.stop(); err != nil {
		return nil, err
	}
	return readFolder(dir)
}

// readFolder gives the files of a folder and of those in it, by their names there.
func readFolder(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[name], err = os.ReadFile(path)
		return err
	})
	return files, err
}

// writeFolder is the way back.
func writeFolder(files map[string][]byte, folder string) error {
	for name, data := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// settle makes the organizations, the sites and the superuser.
func (v *server) settle() error {
	save := func(collection, id string, values map[string]any) error {
		c, err := v.app.FindCollectionByNameOrId(collection)
		if err != nil {
			return err
		}
		r := core.NewRecord(c)
		r.Id = id
		for k, value := range values {
			r.Set(k, value)
		}
		return v.app.Save(r)
	}
	rows := []struct {
		collection, id string
		values         map[string]any
	}{
		{"organizations", ngo, map[string]any{"name": "Outreach", "allows": []string{"staff_notes"}}},
		{"organizations", force, map[string]any{"name": "Task force", "allows": []string{"staff_notes"}}},
		{"organizations", hotel, map[string]any{"name": "Hotel"}},
		{"sites", siteA1, map[string]any{"name": "A1", "venue": "truck_stop", "served_by": ngo}},
		{"sites", siteA2, map[string]any{"name": "A2", "venue": "hotel", "served_by": ngo}},
		{"sites", siteB1, map[string]any{"name": "B1", "venue": "hotel", "served_by": force}},
		{"sites", siteB2, map[string]any{"name": "B2", "venue": "truck_stop", "served_by": force}},
		{"sites", siteC1, map[string]any{"name": "C1", "venue": "hotel", "owner": hotel, "served_by": ngo}},
		{core.CollectionNameSuperusers, keeper, map[string]any{"email": "keeper@example.org", "password": "keeper-of-the-keys"}},
	}
	for _, r := range rows {
		if err := save(r.collection, r.id, r.values); err != nil {
			return fmt.Errorf("settle %s %s: %w", r.collection, r.id, err)
		}
	}
	return nil
}

// few is what people have to fill in and to read in a run: two checklists in
// every version and language, and two entries of each other kind. Each phone's first view
// holds all of it, page by page; with the whole content most of a run's requests
// would be these.
var few = sync.OnceValues(func() (*wiring.Content, error) {
	all, err := wiring.Shipped()
	if err != nil {
		return nil, err
	}
	some := &wiring.Content{}
	for _, list := range all.Lists {
		if list.Key == "core" || list.Key == "hotel_front" {
			some.Lists = append(some.Lists, list)
		}
	}
	have := map[string]int{}
	for _, e := range all.Entries {
		if have[e.Collection]++; have[e.Collection] <= 2 {
			some.Entries = append(some.Entries, e)
		}
	}
	return some, nil
})

// unpack puts the template into a folder.
func unpack(folder string) error {
	template.Do(func() { template.files, template.err = makeTemplate() })
	if template.err != nil {
		return template.err
	}
	return writeFolder(template.files, folder)
}
