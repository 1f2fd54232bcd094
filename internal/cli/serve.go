package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

func serveCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "serve", Short: "Run the server", Args: cobra.NoArgs}
	dir := dirFlag(c)
	at := addressFlags(c)
	c.RunE = func(*cobra.Command, []string) error {
		mail, err := mailFromEnvironment()
		if err != nil {
			return err
		}
		running, err := StartServer(open, *dir, *at, wiring.Config{Mail: mail})
		if err != nil {
			return err
		}
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
		fmt.Printf("Fieldpost is up at %s (%s)\n", running.URL, running.dashboard())
		running.sayDoors(at)
		if running.Services.NewLine != "" {
			fmt.Printf("%s\nDevices send again what is missing here. Two servers on copies of one folder must not both go on: stop one of them.\n", running.Services.NewLine)
		}
		running.sayFirstSteps(*dir)
		select {
		case <-stop:
			return running.Close()
		case err := <-running.ended:
			return errors.Join(err, running.Close())
		}
	}
	return c
}

// lockPatience is how long a start waits for the folder: a command beside it
// holds it for the moment in which it opens it.
const lockPatience = 2 * time.Second

// locked tells that the folder was in use.
func locked(err error) bool {
	exit, ok := errors.AsType[*Exit](err)
	return ok && exit.Code == ExitLocked
}

// Running is a server that runs in this process.
type Running struct {
	App      core.App
	Services *wiring.Services
	URL      string // for people
	AdminURL string // for superusers; "": nobody comes in
	ended    chan error
	lock     *os.File
	upFile   string
}

// StartServer opens a data folder and serves it. The folder is locked while it
// runs: two servers on one folder would be two writers of one history. before,
// if any, runs on the open folder before anybody is answered.
func StartServer(open Open, dir string, at Addresses, cfg wiring.Config, before ...func(*wiring.Services) error) (*Running, error) {
	alone, err := opening(dir)
	if err != nil {
		return nil, err
	}
	defer alone.Close()
	lock, err := lockDir(dir)
	for until := time.Now().Add(lockPatience); locked(err) && time.Now().Before(until); lock, err = lockDir(dir) {
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		return nil, err
	}
	cfg.Owner = true
	cfg.Settings.Proxies = append([]string{}, at.Proxies...)
	listeners, err := at.listen()
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	app, services, err := openApp(open, dir, cfg)
	if err != nil {
		listeners.close()
		lock.Close()
		return nil, err
	}
	before = append(before, func(s *wiring.Services) error {
		if err := s.Public(at.PublicURL, listeners.url); err != nil {
			return fail(ExitUsage, "--public-url: "+err.Error(), "Give the address as people type it: --public-url https://example.org")
		}
		return nil
	})
	for _, prepare := range before {
		if err := prepare(services); err != nil {
			services.Exchange.Close()
			listeners.close()
			return nil, errors.Join(err, app.ResetBootstrapState(), lock.Close())
		}
	}
	ready := make(chan struct{})
	listeners.Ready = func() { close(ready) }
	r := &Running{App: app, Services: services, URL: listeners.url, AdminURL: listeners.adminURL, ended: make(chan error, 1), lock: lock, upFile: filepath.Join(dir, wiring.UpFile)}
	go func() { r.ended <- wiring.Serve(app, listeners.Listeners) }()
	select {
	case <-ready:
		r.sayUp(at)
		return r, nil
	case err := <-r.ended:
		listeners.close()
		lock.Close()
		if err == nil {
			err = errors.New("the server ended at once")
		}
		return nil, fail(ExitUnexpected, "serve: "+err.Error(), "")
	}
}

// Close stops the server: requests in hand end, the writer finishes.
func (r *Running) Close() error {
	event := &core.TerminateEvent{App: r.App}
	err := r.App.OnTerminate().Trigger(event, func(e *core.TerminateEvent) error { return e.App.ResetBootstrapState() })
	_ = os.Remove(r.upFile) // what is left of it names a server that the lock tells is gone
	return errors.Join(err, r.lock.Close())
}

// openApp opens the app of a folder, with errors that say what to do.
func openApp(open Open, dir string, cfg wiring.Config) (core.App, *wiring.Services, error) {
	if err := lostDatabase(dir); err != nil {
		return nil, nil, err
	}
	app, services := open(dir, cfg)
	err := app.Bootstrap()
	if err == nil {
		return app, services, nil
	}
	if errors.Is(err, wiring.ErrDirty) || errors.Is(err, wiring.ErrNewer) {
		return nil, nil, errors.Join(fail(ExitUnexpected, err.Error(), ""), err)
	}
	if exit := explainStorage(dir, err); exit != nil {
		return nil, nil, exit
	}
	hint := "If nobody changed the folder, a file in it may be damaged: fieldpost verify --dir " + dir
	if strings.Contains(err.Error(), seal.KeyPath(dir)) {
		hint = "Without the right key nobody's reports can be told apart. Nothing was changed."
	}
	return nil, nil, fail(ExitUnexpected, "open "+dir+": "+err.Error(), hint)
}

// lockDir makes the folder and takes its lock, which the system frees when the
// process dies, however it dies. A restore that broke off is brought to its end
// first: nobody may open what it left.
func lockDir(dir string) (*os.File, error) {
	f, err := flockDir(dir)
	if err != nil {
		return nil, err
	}
	if err := markRestoring(f, false); err != nil { // a restore that was killed left its mark
		return nil, errors.Join(fail(ExitUnwritable, "the folder "+dir+" can't be written: "+err.Error(), "Free the disk, or give this user the folder."), f.Close())
	}
	if err := wiring.FinishRestore(dir); err != nil {
		return nil, errors.Join(fail(ExitUnwritable, "a restore of "+dir+" broke off and can't be ended: "+err.Error(), "Free the disk, or give this user the folder, and start again."), f.Close())
	}
	return f, nil
}

func flockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(ExitUnwritable, "the folder "+dir+" can't be made: "+err.Error(), "Give a folder that this user may write: --dir FOLDER")
	}
	f, err := os.OpenFile(filepath.Join(dir, wiring.LockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fail(ExitUnwritable, "the folder "+dir+" can't be written: "+err.Error(), "Give a folder that this user may write: --dir FOLDER")
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fail(ExitLocked, "the folder "+dir+" is in use by another fieldpost", "Stop the other one, or give another folder: --dir FOLDER")
	}
	return f, nil
}

// dashboard says where superusers come in.
func (r *Running) dashboard() string {
	if r.AdminURL == "" {
		return "no dashboard: --admin-http is off"
	}
	return "dashboard: " + r.AdminURL + "/_/"
}

// sayDoors warns of what was opened wider than it should be.
func (r *Running) sayDoors(at *Addresses) {
	if at.PlainHTTP {
		fmt.Println("Warning: --plain-http. A proxy must speak TLS before this address, or reports go over the network in clear.")
	}
	if at.AdminAnywhere {
		fmt.Println("Warning: --admin-anywhere. Whoever reaches the admin address may try to sign in as superuser.")
	}
}

// sayFirstSteps prints how to become admin and make the first invite, while
// nobody can sign in.
func (r *Running) sayFirstSteps(dir string) {
	if r.Services.KeyMade {
		fmt.Printf("The installation key was made: %s\nKeep a copy of it apart from the backups. Without it nobody can open sealed reports; with it and a backup somebody can.\n", seal.KeyPath(dir))
	}
	if seal.OnSameDisk(dir) {
		fmt.Println("Warning: the installation key lies on the same disk as the backups folder. Send backups to another disk.")
	}
	n, err := r.App.CountRecords("users")
	if err != nil || n > 0 {
		return
	}
	fmt.Printf(`Nobody is enrolled yet.
  1. Become superuser of the dashboard:  fieldpost superuser EMAIL PASSWORD --dir %[1]s
  2. Make the first invite:              fieldpost invite make --role admin --organization "Your organization" --dir %[1]s
  3. Enrol a device with it:             fieldpost device enroll --url %[2]s --invite CODE
`, dir, r.URL)
}
