package cli

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/content"
	"github.com/fieldpost/fieldpost/internal/checklist"
	"github.com/fieldpost/fieldpost/internal/seal"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// What the doctor calls too little, too old, too soon.
const (
	roomWanted   = 1 << 30 // bytes free on the disk, and as much again as the database has
	backupWanted = 8 * 24 * time.Hour
	renewBefore  = 14 * 24 * time.Hour
	clockWanted  = 2 * time.Minute
)

// finding is one check and what it found. Look: a person has something to do.
type finding struct {
	Check string `json:"check"`
	Look  bool   `json:"look"`
	Says  string `json:"says"`
	Do    string `json:"do,omitempty"`
}

func doctorCommand() *cobra.Command {
	c := &cobra.Command{Use: "doctor", Short: "Check how an installation is looked after, and say what to do", Args: cobra.NoArgs,
		Long: `Checks listeners, TLS, clock, disk, backups, the key, settings, quarantine and hotlines. It changes nothing and may run beside
the server, from cron too. It asks nobody but the server itself.

Exit codes: 0 all is well, 2 there is no such folder, 7 something needs a person.`}
	dir := dirFlag(c)
	key := c.Flags().String("key-copy", "", "your copy of installation.key: tells whether it is this installation's")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(*cobra.Command, []string) error {
		if err := hasFolder(*dir); err != nil {
			return err
		}
		d := doctor{dir: *dir, keyCopy: *key, now: time.Now()}
		d.examine()
		var look []string
		for _, f := range d.found {
			if f.Look {
				look = append(look, f.Check)
			}
		}
		if *asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"ok": len(look) == 0, "checks": d.found}); err != nil {
				return err
			}
		} else {
			for _, f := range d.found {
				mark := "ok  "
				if f.Look {
					mark = "LOOK"
				}
				fmt.Printf("%s  %-11s %s\n", mark, f.Check, f.Says)
				if f.Do != "" {
					fmt.Printf("      %-11s -> %s\n", "", f.Do)
				}
			}
		}
		if len(look) > 0 {
			e := fail(ExitAttention, fmt.Sprintf("%d of %d checks need a person: %s", len(look), len(d.found), strings.Join(look, ", ")), "")
			e.Printed = *asJSON
			return e
		}
		return nil
	}
	return c
}

type doctor struct {
	dir, keyCopy string
	now          time.Time
	found        []finding
}

func (d *doctor) ok(check, format string, args ...any) {
	d.found = append(d.found, finding{Check: check, Says: fmt.Sprintf(format, args...)})
}

func (d *doctor) look(check, says, do string) {
	d.found = append(d.found, finding{Check: check, Look: true, Says: says, Do: do})
}

func (d *doctor) examine() {
	d.listeners()
	d.files()
	d.room()
	d.key()
	health, err := wiring.ReadHealth(d.dir)
	if err != nil {
		d.look("database", err.Error(), "fieldpost verify --dir "+d.dir)
	} else {
		d.database(health)
	}
	d.hotlines()
}

// up is what a running server says of itself.
type up struct {
	URL           string `json:"url"`
	Admin         string `json:"admin"`
	PlainHTTP     bool   `json:"plain_http"`
	AdminAnywhere bool   `json:"admin_anywhere"`
}

// sayUp writes it for commands beside the server; the file goes at its end. A
// server that can't write it serves all the same.
func (r *Running) sayUp(at Addresses) {
	raw, err := json.Marshal(up{r.URL, r.AdminURL, at.PlainHTTP, at.AdminAnywhere})
	if err == nil {
		err = os.WriteFile(r.upFile, raw, 0o600)
	}
	if err != nil {
		r.App.Logger().Warn("where the server listens can't be noted for the doctor", "error", err)
	}
}

func (d *doctor) listeners() {
	var at up
	raw, err := os.ReadFile(filepath.Join(d.dir, wiring.UpFile))
	if err == nil {
		err = json.Unmarshal(raw, &at)
	}
	lock, free := flockDir(d.dir)
	if lock != nil {
		lock.Close()
	}
	if free == nil || err != nil {
		d.look("server", "no server runs on this folder", "fieldpost serve --dir "+d.dir)
		return
	}
	target, err := url.Parse(at.URL)
	if err != nil {
		d.look("server", "it says that it listens at "+at.URL+", which is no address", "Start it again.")
		return
	}
	// Whose certificate it is is looked at below; here it is only asked.
	ask := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := ask.Get(reachable(at.URL) + "/api/sync/hello")
	if err != nil {
		d.look("server", "it runs and does not answer at "+at.URL, "Look at what it says; start it again.")
		return
	}
	res.Body.Close()
	d.ok("server", "answers at %s", at.URL)
	switch {
	case at.Admin == "":
		d.ok("dashboard", "is off")
	case at.AdminAnywhere:
		d.look("dashboard", "other machines may reach it at "+at.Admin, "Start without --admin-anywhere, and come to it by ssh -L.")
	default:
		d.ok("dashboard", "on this machine only, %s/_/", at.Admin)
	}
	d.tls(target, at, res)
}

func (d *doctor) tls(target *url.URL, at up, res *http.Response) {
	switch {
	case target.Scheme != "https" && at.PlainHTTP:
		d.look("tls", "what phones send to "+at.URL+" goes over the network in clear, unless a proxy before it speaks TLS", "--https :443 --domain NAME, or a proxy on this machine and --http "+defaultHTTP)
	case target.Scheme != "https":
		d.ok("tls", "none: only this machine reaches the server; phones need a proxy with TLS, or --https")
	case res.TLS == nil || len(res.TLS.PeerCertificates) == 0:
		d.look("tls", "it shows no certificate", "Start it with --domain, or --tls-cert and --tls-key.")
	default:
		cert := res.TLS.PeerCertificates[0]
		if left := cert.NotAfter.Sub(d.now); left < renewBefore {
			d.look("tls", fmt.Sprintf("the certificate ends on %s", day(cert.NotAfter.UnixMilli())), "Renew it; with --domain the server does, if port 443 reaches it from outside.")
			return
		}
		d.ok("tls", "the certificate is good until %s", day(cert.NotAfter.UnixMilli()))
	}
}

// files looks for what others on the machine may read.
func (d *doctor) files() {
	open := ""
	err := filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 && open == "" {
			open = path
		}
		return err
	})
	switch {
	case err != nil:
		d.look("files", err.Error(), "Run the doctor as the server's user.")
	case open != "":
		d.look("files", "other users of this machine may read "+open, "chmod -R go= "+d.dir)
	default:
		d.ok("files", "only the server's user reads them")
	}
}

func (d *doctor) room() {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &disk); err != nil {
		d.look("disk", "its room can't be told: "+err.Error(), "")
		return
	}
	free, wanted := disk.Bavail*uint64(disk.Bsize), uint64(roomWanted)
	if info, err := os.Stat(filepath.Join(d.dir, "data.db")); err == nil {
		wanted += uint64(info.Size())
	}
	says := fmt.Sprintf("%d MB free", free>>20)
	if free < wanted {
		d.look("disk", says, fmt.Sprintf("Make room: a backup and a busy week want %d MB.", wanted>>20))
		return
	}
	d.ok("disk", "%s", says)
}

func (d *doctor) key() {
	own, err := os.ReadFile(seal.KeyPath(d.dir))
	if err != nil {
		d.look("key", "the installation key can't be read: "+err.Error(), "Put your copy back: "+seal.KeyPath(d.dir))
		return
	}
	if d.keyCopy == "" {
		d.ok("key", "is there; whether you have a copy elsewhere: fieldpost doctor --key-copy FILE")
		return
	}
	copied, err := os.ReadFile(d.keyCopy)
	if err != nil || !bytes.Equal(own, copied) {
		d.look("key", d.keyCopy+" is no copy of this installation's key", "Copy "+seal.KeyPath(d.dir)+" to a place apart from the backups.")
		return
	}
	d.ok("key", "your copy is this installation's")
}

func (d *doctor) database(h wiring.Health) {
	if ahead := h.Newest.Sub(d.now); ahead > clockWanted {
		d.look("clock", fmt.Sprintf("the newest entry is %s ahead of this machine's clock, %s", ahead.Round(time.Minute), d.now.Format(time.DateTime)), "Set the clock, and keep it set (systemd-timesyncd or chrony).")
	} else {
		d.ok("clock", "%s; no entry is from later", d.now.Format(time.DateTime))
	}
	switch age := d.now.Sub(h.Held); {
	case h.Held.IsZero():
		d.look("backup", "no backup was ever checked and noted as held elsewhere", "fieldpost backup FILE, carry it to another machine, and: fieldpost backup verify FILE --dir "+d.dir+" --held-elsewhere")
	case age > backupWanted:
		d.look("backup", fmt.Sprintf("the last that was checked and noted is of %s", day(h.Held.UnixMilli())), "fieldpost backup FILE, carry it to another machine, and: fieldpost backup verify FILE --dir "+d.dir+" --held-elsewhere")
	default:
		d.ok("backup", "checked and held elsewhere on %s", day(h.Held.UnixMilli()))
	}
	if len(h.Drift) > 0 {
		d.look("settings", "not as they have to be: "+strings.Join(h.Drift, ", "), "Start the server again: it puts them right. Then find out who changed them.")
	} else {
		d.ok("settings", "as they have to be")
	}
	if len(h.Proxies) > 0 {
		d.ok("proxy", "is believed on where requests come from: %s", strings.Join(h.Proxies, ", "))
	}
	if h.Parked > 0 {
		d.look("quarantine", fmt.Sprintf("%d things that people saved wait for a coordinator", h.Parked), "fieldpost quarantine list --dir "+d.dir)
	} else {
		d.ok("quarantine", "nothing waits")
	}
}

func (d *doctor) hotlines() {
	lines, err := checklist.HotlinesIn(content.Files)
	if err != nil {
		d.look("hotlines", err.Error(), "fieldpost content lint")
		return
	}
	never, old := 0, 0
	for _, h := range lines {
		switch state, _ := h.Verification(d.now); state {
		case checklist.NotVerified:
			never++
		case checklist.VerifiedLong:
			old++
		}
	}
	if never+old > 0 {
		d.look("hotlines", fmt.Sprintf("of %d, nobody has called %d, and %d were last verified over %d days ago", len(lines), never, old, checklist.AmberAfter),
			"Have a person call them and note the day; cards say amber until then: fieldpost content hotlines")
		return
	}
	d.ok("hotlines", "all verified within %d days", checklist.AmberAfter)
}
