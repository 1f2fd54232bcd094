// Fieldpost: an offline-first backend with sync for outreach against human
// trafficking. One binary that extends PocketBase; README.md says how to start.
package main

import (
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"

	"github.com/fieldpost/fieldpost/hooks"
	"github.com/fieldpost/fieldpost/internal/cli"
	"github.com/fieldpost/fieldpost/internal/wiring"
	_ "github.com/fieldpost/fieldpost/pb_migrations"
)

func main() { os.Exit(cli.Run(os.Args[1:], open)) }

// open builds the app of a data folder: PocketBase, our services, our hooks.
// Nothing is read before Bootstrap.
func open(dir string, cfg wiring.Config) (core.App, *wiring.Services) {
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DefaultDataDir:  dir,
		HideStartBanner: true,
		DBConnect:       wiring.DBConnect,
	})
	services := wiring.New(app, cfg)
	hooks.Register(app, services)
	return app, services
}
