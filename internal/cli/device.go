package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
)

const deviceHelp = `A device is one installation and one person, with a store file of its own. It
works with no server: what is saved waits in the outbox, and sync sends it.

With --json each result is one line of JSON with a member "result" that says
what it is; an error is one line {"code":...,"message":...,"hint":...}. Both go
to standard output. Nothing in the outbox is lost by any of these:

  exit code
  0  done
  1  something broke in this program
  2  bad input: a flag, a time, an unknown checklist, item, version or site;
     or the device is not enrolled; nothing was saved
  3  no server, no network, or the server asks to wait
  4  refused by the server: invite, token, access
  5  the store is open in another process
  6  what answered is not a Fieldpost server (a wifi's sign-in page, say)
  7  something needs attention: parked items are in the outbox; or check found
     that this device does not show what the server does, and could not mend it
  8  the store cannot be used: disk full, not writable, damaged, or no device store

  result      members; those in brackets are left out when there is nothing to say
  enrolled    device user role organization sites locale url pulled records
              [organization_name unconfirmed label]
  saved       n stamp collection id state waiting [correction_of]
  verdict     n verdict stamp state collection id [seq code message quarantine conflicts replayed]
  sync        sent applied merged refused deferred replayed parked forked waiting
              needs_attention, and those of pull
  wiped       device sent
  pull        changes new changed gone seen reset rewound records
  check       agrees resets records [differed doubtful cleared]
  status      device enrolled saved waiting received seen needs_attention corrected
              pulled records resetting store [name user role organization sites url
              oldest_waiting last_contact last_contact_url clock_offset_ms problem
              checked doubtful lineage]
  mutation    n stamp phase state made records [code message verdict corrected_by
              correction_of mutation device]
  retry       n state
  exported    file mutations
  recovery    mutations parts [file too_large]
  delivered   device mutations received waiting needs_attention replayed
  checklist   id key version locale title
  hotline     id name needs channels verification pulled [verified_on verified_days_ago]
  item        id text weight form [hint read_aloud icon group group_label review answer]
  collection  collection records
  record      collection id record [seq state n]
  conflict    id collection record field kept other resolved [now]
  change      kind collection id own reset [seq event_time received urgency report]
  seen        id
  state       state [code message hint]

state of what was saved: saved on this phone, waiting, received, seen by a
coordinator, needs attention. state of a watch: connecting, live, polling, behind.
kind of a change: new, changed, gone. Times are RFC 3339 in UTC.`

// device is what the commands share: the flags, and where to print.
type device struct {
	store string
	json  bool
}

// DeviceCommand is `fieldpost device ...`, a full client like a phone. Its
// errors are *Exit with Printed set.
func DeviceCommand() *cobra.Command {
	d := &device{}
	c := &cobra.Command{
		Use:           "device",
		Short:         "A device: saves with no server, syncs when there is one",
		Long:          deviceHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return d.usage(c, "There is no such command.")
			}
			return c.Help()
		},
	}
	c.PersistentFlags().StringVar(&d.store, "store", defaultStore(), "the device's store file (or FIELDPOST_STORE)")
	c.PersistentFlags().BoolVar(&d.json, "json", false, "one line of JSON for each result")
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return d.usage(c, err.Error()+".") })
	c.AddCommand(d.enrollCommand(), d.observeCommand(), d.fillCommand(), d.checklistCommand(), d.hotlinesCommand(), d.syncCommand(), d.pullCommand(), d.checkCommand(),
		d.statusCommand(), d.recordsCommand(), d.outboxCommand(), d.conflictsCommand(), d.recoveryCommand(), d.watchCommand())
	return c
}

// defaultStore is where the store lies if no flag says otherwise.
func defaultStore() string {
	if path := os.Getenv("FIELDPOST_STORE"); path != "" {
		return path
	}
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "device.db"
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "fieldpost", "device.db")
}

// command makes a subcommand that takes exactly args arguments.
func (d *device) command(use, short string, args int, run func(c *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(c *cobra.Command, given []string) error {
			if len(given) != args {
				return d.usage(c, fmt.Sprintf("%s takes %d arguments, not %d.", c.Name(), args, len(given)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return d.explain(c, run(c, args))
		},
	}
}

// open opens the store. Only enrolling makes a new one: a mistyped --store
// must not become a place that nothing is ever sent from.
func (d *device) open(make bool) (*client.Device, error) {
	if d.store == "" {
		return nil, badInput("no_store", "There is no store file given.", "Give one: --store FILE.")
	}
	return client.Open(d.store, client.Options{MustExist: !make})
}

// with opens the store, runs do and closes the store.
func (d *device) with(make bool, do func(*client.Device) error) error {
	dev, err := d.open(make)
	if err != nil {
		return err
	}
	return errors.Join(do(dev), dev.Close())
}

// enrolled is with for commands that make no sense before enrolment.
func (d *device) enrolled(do func(*client.Device, client.Status) error) error {
	return d.with(false, func(dev *client.Device) error {
		s, err := dev.Status()
		if err != nil {
			return err
		}
		if !s.Enrolled {
			return &client.Error{Kind: client.ErrNotEnrolled, Code: "not_enrolled", Message: "This device is not enrolled.",
				Hint: "Enrol it first: fieldpost device enroll --invite LINK, or --url URL --invite CODE."}
		}
		return do(dev, s)
	})
}

// interruptible ends with the command or with Ctrl-C.
func interruptible(c *cobra.Command) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
}

func badInput(code, message, hint string) error {
	return &client.Error{Kind: client.ErrInput, Code: code, Message: message, Hint: hint}
}

// say prints one result: v as JSON with its name, or the text.
func (d *device) say(w io.Writer, result string, v map[string]any, format string, args ...any) error {
	if !d.json {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	}
	v["result"] = result
	return printJSON(w, v)
}

func printJSON(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", line)
	return err
}

// exitCodes maps the client's kinds of failure.
var exitCodes = []struct {
	kind error
	code int
}{
	{client.ErrInput, ExitUsage},
	{client.ErrNotEnrolled, ExitUsage},
	{client.ErrWiped, ExitUsage},
	{client.ErrLocked, ExitLocked},
	{client.ErrStore, ExitUnwritable},
	{client.ErrDisk, ExitUnwritable},
	{client.ErrNotFieldpost, ExitForeign},
	{client.ErrRefused, ExitRefused},
	{client.ErrOffline, ExitNetwork},
	{client.ErrLater, ExitNetwork},
}

// explain prints an error and gives it its exit code.
func (d *device) explain(c *cobra.Command, err error) error {
	var exit *Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	code := ExitUnexpected
	for _, k := range exitCodes {
		if errors.Is(err, k.kind) {
			code = k.code
			break
		}
	}
	if errors.Is(err, context.Canceled) {
		err = &client.Error{Code: "interrupted", Message: "Interrupted.", Hint: "Everything is kept on this device."}
	}
	e := client.Explain(err)
	return d.failed(c, code, e.Code, e.Message, e.Hint, err)
}

func (d *device) failed(c *cobra.Command, exit int, code, message, hint string, cause error) error {
	if d.json {
		if err := printJSON(c.OutOrStdout(), map[string]string{"code": code, "message": message, "hint": hint}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.ErrOrStderr(), "%s (%s)\n", message, code)
		if hint != "" {
			fmt.Fprintln(c.ErrOrStderr(), hint)
		}
		if exit == ExitUnexpected && cause != nil {
			fmt.Fprintln(c.ErrOrStderr(), cause)
		}
	}
	return &Exit{Code: exit, Message: message, Hint: hint, Printed: true}
}

// usage is a mistake in the command line. --json may stand behind it, not read yet.
func (d *device) usage(c *cobra.Command, message string) error {
	d.json = d.json || slices.Contains(os.Args, "--json")
	return d.failed(c, ExitUsage, "bad_usage", message, "See: fieldpost device "+deviceName(c)+"--help", nil)
}

func deviceName(c *cobra.Command) string {
	if c.Name() == "device" || !c.HasParent() {
		return ""
	}
	return deviceName(c.Parent()) + c.Name() + " "
}

// needsAttention is the end of a command that found parked items.
func (d *device) needsAttention(c *cobra.Command, n int) error {
	if n == 0 {
		return nil
	}
	return d.failed(c, ExitAttention, "needs_attention", fmt.Sprintf("%d in the outbox need attention. They are kept, and not received.", n),
		"See why: fieldpost device outbox list --phase parked", nil)
}

// timeOrEmpty writes a time for JSON; a zero one is left out by leaveEmptyOut.
func timeOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// leaveEmptyOut drops members that have no value.
func leaveEmptyOut(v map[string]any) map[string]any {
	for k, x := range v {
		switch x := x.(type) {
		case string:
			if x == "" {
				delete(v, k)
			}
		case int64:
			if x == 0 {
				delete(v, k)
			}
		case nil:
			delete(v, k)
		}
	}
	return v
}
