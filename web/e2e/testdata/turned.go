// The program with a clock that a test turns: it stands in main.go's place, by
// an overlay, where browser tests need a server ten minutes older. Never shipped.
package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/cli"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

func main() { os.Exit(cli.Run(os.Args[1:], open)) }

// turned is the time, by as many seconds later as the file says.
func turned() time.Time {
	raw, err := os.ReadFile(os.Getenv("FIELDPOST_E2E_CLOCK"))
	if err != nil {
		return time.Now()
	}
	seconds, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return time.Now()
	}
	return time.Now().Add(time.Duration(seconds) * time.Second)
}

func open(dir string, cfg wiring.Config) (core.App, *wiring.Services) {
	cfg.Now, cfg.LookEvery = turned, 200*time.Millisecond
	app := pocketbase.NewWithConfig(pocketbase.Config{DefaultDataDir: dir, HideStartBanner: true, DBConnect: wiring.DBConnect})
	services := wiring.New(app, cfg)
	hooks.Register(app, services)
	return app, services
}
