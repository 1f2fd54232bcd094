package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/demo"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// demoRun is one run of the demo command.
type demoRun struct {
	open     Open
	dir      string // "": a temporary folder that is removed at the end
	at       Addresses
	traffic  bool
	asJSON   bool
	out, err io.Writer
}

func demoCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "demo", Short: "Run an invented task force, with simulated phones"}
	dir := c.Flags().String("dir", "", "the data folder; without it a temporary one that is removed at the end")
	addr := c.Flags().String("http", defaultHTTP, "the address to listen on; port 0 picks one")
	admin := c.Flags().String("admin-http", "", "the address for superusers (usually "+defaultAdmin+")")
	traffic := c.Flags().String("traffic", "on", "on: simulated phones come and go; off: only what a caller sends happens")
	asJSON := c.Flags().Bool("json", false, "when ready, print one JSON line and nothing else")
	run := func(_ *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fail(ExitUsage, "demo takes no arguments", "fieldpost demo [--http ADDR] [--admin-http ADDR] [--dir DIR] [--traffic=on|off] [--json]")
		}
		if *traffic != "on" && *traffic != "off" {
			return fail(ExitUsage, "--traffic is on or off", "Say --traffic=off for a demo in which only callers do something.")
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		r := &demoRun{open: open, dir: *dir, traffic: *traffic == "on", asJSON: *asJSON, out: os.Stdout, err: os.Stderr,
			at: Addresses{HTTP: *addr, Admin: *admin, PlainHTTP: true}} // nothing in it is real
		return r.run(ctx)
	}
	c.RunE = func(c *cobra.Command, args []string) error { return sayDemoError(run(c, args), *asJSON, os.Stdout) }
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		wrong := fail(ExitUsage, err.Error(), "fieldpost demo [--http ADDR] [--admin-http ADDR] [--dir DIR] [--traffic=on|off] [--json]")
		return sayDemoError(wrong, *asJSON || slices.Contains(os.Args, "--json"), os.Stdout)
	})
	return c
}

// demoCodes are the codes of the demo's JSON errors, by exit code.
var demoCodes = map[int]string{
	ExitUsage: "usage", ExitNetwork: "address_unavailable", ExitLocked: "folder_in_use", ExitUnwritable: "folder_not_writable",
}

// sayDemoError prints an error as one JSON line, where that is asked for.
func sayDemoError(err error, asJSON bool, out io.Writer) error {
	var exit *Exit
	if err == nil || !asJSON {
		return err
	}
	if !errors.As(err, &exit) {
		exit = fail(ExitUnexpected, err.Error(), "")
	}
	code := demoCodes[exit.Code]
	switch {
	case errors.Is(err, demo.ErrNotDemo):
		code = "not_a_demo"
	case code == "":
		code = "unexpected"
	}
	line := map[string]string{"code": code, "message": exit.Message, "hint": exit.Hint}
	if json.NewEncoder(out).Encode(line) == nil {
		exit.Printed = true
	}
	return exit
}

// run runs the demo until ctx ends, and leaves nothing behind but a folder that
// was named.
func (r *demoRun) run(ctx context.Context) (err error) {
	dir := r.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "fieldpost-demo-"); err != nil {
			return fail(ExitUnwritable, "no temporary folder can be made: "+err.Error(), "Name a folder: --dir FOLDER")
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	notices := r.out
	if r.asJSON {
		notices = r.err
	}
	fmt.Fprintln(notices, demo.Notice)
	running, world, err := r.start(ctx, dir)
	if errors.Is(err, context.Canceled) {
		return nil // stopped before it was ready
	}
	if err != nil {
		return err
	}
	line := demo.Line{URL: reachable(running.URL), Invites: world.Invites, Superuser: world.Superuser}
	line.AdminURL = running.AdminURL
	if err := r.sayReady(line, running.dashboard(), dir); err != nil {
		return errors.Join(err, running.Close())
	}
	phones, stopPhones := context.WithCancel(ctx)
	var busy sync.WaitGroup
	if r.traffic {
		busy.Go(func() { world.Traffic(phones, filepath.Join(dir, "phones"), line.URL, r.sayTraffic()) })
	}
	select {
	case <-ctx.Done():
	case err = <-running.ended:
	}
	stopPhones()
	busy.Wait()
	return errors.Join(err, running.Close())
}

// start serves the folder once the world is in it.
func (r *demoRun) start(ctx context.Context, dir string) (*Running, *demo.World, error) {
	clock := demo.NewClock(dir)
	var world *demo.World
	prepare := func(s *wiring.Services) (err error) {
		world, err = demo.Prepare(ctx, s, clock)
		if errors.Is(err, demo.ErrNotDemo) {
			exit := fail(ExitUsage, "the folder "+dir+" holds an installation that is not a demo", "Give another folder, or an empty one: --dir FOLDER")
			return errors.Join(exit, err)
		}
		if err == nil {
			err = UpsertSuperuser(s.Store.App, world.Superuser.Email, world.Superuser.Password)
		}
		return err
	}
	for _, at := range r.addresses(dir) {
		running, err := StartServer(r.open, dir, at, wiring.Config{Now: clock.Now}, prepare)
		if errors.Is(err, wiring.ErrDirty) {
			// An earlier start was killed in the middle of making the tables.
			// Where nothing is real nobody needs to be asked.
			if err = mendFolder(dir); err == nil {
				running, err = StartServer(r.open, dir, at, wiring.Config{Now: clock.Now}, prepare)
			}
		}
		var exit *Exit
		if errors.As(err, &exit) && exit.Code == ExitNetwork && at.HTTP != r.at.HTTP {
			continue
		}
		if err == nil {
			err = r.rememberAddress(dir, running)
		}
		return running, world, err
	}
	return nil, nil, fmt.Errorf("start demo: no address")
}

// addresses are the addresses to try. Port 0 on a folder that was served
// before tries its last ports first: phones that were enrolled then know one.
func (r *demoRun) addresses(dir string) []Addresses {
	host, port, err := net.SplitHostPort(r.at.HTTP)
	if err != nil || port != "0" {
		return []Addresses{r.at}
	}
	last, err := os.ReadFile(lastPort(dir))
	ports := strings.Fields(string(last))
	if err != nil || len(ports) == 0 {
		return []Addresses{r.at}
	}
	again := r.at
	again.HTTP = net.JoinHostPort(host, ports[0])
	if again.Admin == "" && len(ports) > 1 {
		again.Admin = net.JoinHostPort("127.0.0.1", ports[1])
	}
	return []Addresses{again, r.at}
}

func (r *demoRun) rememberAddress(dir string, running *Running) error {
	ports := portOf(strings.TrimPrefix(running.URL, "http://")) + "\n" + portOf(strings.TrimPrefix(running.AdminURL, "http://")) + "\n"
	if err := os.WriteFile(lastPort(dir), []byte(ports), 0o600); err != nil {
		exit := fail(ExitUnwritable, "the folder "+dir+" can't be written: "+err.Error(), "Give a folder that this user may write: --dir FOLDER")
		return errors.Join(exit, running.Close())
	}
	return nil
}

func lastPort(dir string) string { return filepath.Join(dir, "demo.port") }

// reachable is the URL at which this machine reaches a server that listens on
// all its addresses.
func reachable(url string) string {
	host, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	if err == nil && net.ParseIP(host).IsUnspecified() {
		return "http://" + net.JoinHostPort("127.0.0.1", port)
	}
	return url
}

func (r *demoRun) sayReady(line demo.Line, dashboard, dir string) error {
	if r.asJSON {
		return json.NewEncoder(r.out).Encode(line)
	}
	kept := "kept; the same --dir continues"
	if r.dir == "" {
		kept = "removed at the end"
	}
	i := line.Invites
	link := card.Link(line.URL, i.Worker)
	code, err := card.Encode(link)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, `The task force is up at %s (%s)
  data folder      %s (%s)
  superuser        %s  %s
Invites, each good for many devices:
  worker           %s
  staff            %s
  manager          %s
  coordinator      %s
  law_enforcement  %s
  provider         %s
  admin            %s
The field app:     %s
The board:         %s
At the command line: fieldpost device enroll --url %s --invite %s
%sStop with Ctrl-C.
`, line.URL, dashboard, dir, kept, line.Superuser.Email, line.Superuser.Password,
		i.Worker, i.Staff, i.Manager, i.Coordinator, i.LawEnforcement, i.Provider, i.Admin, link, line.URL+"/board#invite="+i.Coordinator, line.URL, i.Worker, code.Terminal())
	return err
}

// sayTraffic gives where the phones' lines go: nowhere with --json, but trouble
// is always told.
func (r *demoRun) sayTraffic() demo.Say {
	say := demo.Say{Trouble: func(text string) { fmt.Fprintln(r.err, "fieldpost demo: "+text) }}
	if !r.asJSON {
		say.Line = func(text string) { fmt.Fprintln(r.out, time.Now().Format("15:04:05")+"  "+text) }
	}
	return say
}
