package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/access"
	"github.com/fieldpost/fieldpost/internal/records"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

// ready is what a server child prints when it can be asked.
type ready struct {
	URL    string `json:"url"`
	Invite string `json:"invite"` // fieldpost: of a worker
	Site   string `json:"site"`
	Token  string `json:"token"` // stock: of a user
	Dir    string `json:"dir"`   // its data folder
	Board  string `json:"board"` // fieldpost: an invite of a coordinator, good for many
	PID    int    `json:"pid"`
}

// profileTo is the folder into which servers, and the clients of the part
// boards, write their CPU profiles: kind, process, ".cpu". Empty: they write
// none. It reaches servers by their environment.
var profileTo string

const profileEnv = "FIELDPOST_BENCH_PROFILE"

// startServer runs a server in a process of its own, as a client would meet it,
// on a new folder that goes with it.
func startServer(kind string) (*ready, func(), error) {
	dir, err := os.MkdirTemp("", "fieldpost-bench-")
	if err != nil {
		return nil, nil, err
	}
	r, stop, err := startOn(kind, dir)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return r, func() { stop(); _ = os.RemoveAll(dir) }, nil
}

// startOn runs a server on a folder that stays.
func startOn(kind, dir string) (*ready, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	c := exec.Command(self, "server", kind, dir)
	c.Env = append(os.Environ(), profileEnv+"="+profileTo)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	var r ready
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("server %s: %w", kind, err)
	}
	return &r, stop, nil
}

// serveChild is the child: it serves until it is told to stop.
func serveChild(kind, dir string) {
	if err := child(kind, dir, "127.0.0.1:0"); err != nil {
		fmt.Fprintln(os.Stderr, "bench server:", err)
		os.Exit(1)
	}
}

func child(kind, dir, addr string) error {
	config := core.BaseAppConfig{DataDir: dir}
	if kind == "fieldpost" {
		config.DBConnect = wiring.DBConnect
	}
	if kind == "stock" {
		core.AppMigrations = core.MigrationsList{} // stock means without our collections
	}
	app := core.NewBaseApp(config)
	var s *wiring.Services
	if kind == "fieldpost" {
		s = wiring.New(app, wiring.Config{Settings: records.SettingsChoice{NoLimits: true}})
		hooks.Register(app, s)
	}
	if err := app.Bootstrap(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	r := ready{URL: "http://" + listener.Addr().String(), Dir: dir, PID: os.Getpid()}
	if kind == "fieldpost" {
		err = seedFieldpost(app, s, &r)
	} else {
		err = seedStock(app, &r)
	}
	if err != nil {
		return err
	}
	say := func() error { return json.NewEncoder(os.Stdout).Encode(r) }
	if kind == "stock" {
		app.OnServe().BindFunc(func(e *core.ServeEvent) error {
			e.Listener, e.InstallerFunc = listener, nil
			if err := e.Next(); err != nil {
				return err
			}
			return say()
		})
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	again := make(chan os.Signal, 1) // what went before is not what is measured
	signal.Notify(again, syscall.SIGUSR1)
	if err := profile(kind); err != nil {
		return err
	}
	go func() {
		for range again {
			pprof.StopCPUProfile()
			if err := profile(kind); err != nil {
				fmt.Fprintln(os.Stderr, "bench server:", err)
			}
		}
	}()
	go func() {
		<-stop
		pprof.StopCPUProfile()
		os.Exit(0)
	}()
	if kind == "stock" {
		return apis.Serve(app, apis.ServeConfig{HttpAddr: listener.Addr().String()})
	}
	return wiring.Serve(app, wiring.Listeners{Public: listener, Ready: func() {
		if err := say(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}})
}

// profile begins a CPU profile, if one is wanted.
func profile(kind string) error {
	dir := profileTo
	if dir == "" {
		dir = os.Getenv(profileEnv)
	}
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.cpu", kind, os.Getpid())))
	if err != nil {
		return err
	}
	return pprof.StartCPUProfile(out)
}

func seedFieldpost(app core.App, s *wiring.Services, r *ready) error {
	return s.Store.TransactPeople(func(tx *records.People) error {
		ngo, err := tx.FindOrMake("organizations", "Bench", nil)
		if err != nil {
			return err
		}
		if r.Site, err = tx.FindOrMake("sites", "Stop", map[string]any{"venue": "truck_stop", "served_by": ngo}); err != nil {
			return err
		}
		r.Invite, r.Board = "BENCHBENCHBENCH", "BENCHBOARDBENCH"
		return errors.Join(
			tx.MakeInvite(s.Key.Invite(r.Invite), records.Invite{Role: access.Worker, Organization: ngo, Uses: 100, Expires: time.Now().Add(time.Hour)}),
			tx.MakeInvite(s.Key.Invite(r.Board), records.Invite{Role: access.Coordinator, Organization: ngo, Uses: 5000, Expires: time.Now().Add(time.Hour)}))
	})
}

// seedStock makes a collection with the fields, indexes and relations of
// observations, and rules as simple as rules get.
func seedStock(app core.App, r *ready) error {
	if err := app.RunAllMigrations(); err != nil {
		return err
	}
	settings := app.Settings()
	settings.Batch.Enabled, settings.Batch.MaxRequests = true, 500
	if err := app.Save(settings); err != nil {
		return err
	}
	signedIn := `@request.auth.id != ""`
	make := func(name string, indexes []string, fields ...core.Field) (*core.Collection, error) {
		c := core.NewBaseCollection(name)
		c.Fields.Add(fields...)
		c.ListRule, c.ViewRule, c.CreateRule = &signedIn, &signedIn, &signedIn
		for _, i := range indexes {
			c.AddIndex("idx_"+name+"_"+i, false, i, "")
		}
		return c, app.Save(c)
	}
	sites, err := make("sites", nil, &core.TextField{Name: "name"})
	if err != nil {
		return err
	}
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	one := func(name, id string) core.Field {
		return &core.RelationField{Name: name, CollectionId: id, MaxSelect: 1}
	}
	_, err = make("observations", []string{"author", "organization", "site"},
		&core.JSONField{Name: "indicators"}, &core.DateField{Name: "event_time"}, one("site", sites.Id), &core.TextField{Name: "grid"},
		&core.JSONField{Name: "point"}, &core.DateField{Name: "event_end"}, &core.JSONField{Name: "people"}, &core.JSONField{Name: "persons"},
		&core.JSONField{Name: "vehicles"}, &core.JSONField{Name: "outreach"}, &core.TextField{Name: "note"}, &core.TextField{Name: "operation"},
		&core.BoolField{Name: "minor_possible"}, &core.BoolField{Name: "manager_involved"}, one("organization", sites.Id),
		&core.DateField{Name: "received"}, &core.TextField{Name: "clock_off"}, one("author", users.Id))
	if err != nil {
		return err
	}
	site := core.NewRecord(sites)
	site.Set("name", "Stop")
	if err := app.Save(site); err != nil {
		return err
	}
	r.Site = site.Id
	user := core.NewRecord(users)
	user.SetEmail("bench@example.org")
	user.SetPassword("bench-bench-bench")
	if err := app.Save(user); err != nil {
		return err
	}
	r.Token, err = user.NewAuthToken()
	return err
}
