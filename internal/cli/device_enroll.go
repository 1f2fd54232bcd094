package cli

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/client"
	"github.com/fieldpost/fieldpost/internal/wire"
)

func (d *device) enrollCommand() *cobra.Command {
	var address, invite, name string
	var yes bool
	c := d.command("enroll", "Make this device known to a server, with an invite, and pull", 0, func(c *cobra.Command, _ []string) error {
		base, code, err := client.ParseInvite(invite)
		switch {
		case err != nil:
			return err
		case code == "":
			return badInput("no_invite", "There is no invite given.", "Ask your coordinator for one: --invite LINK, or --url URL --invite CODE")
		case address == "" && base == "":
			return badInput("bad_url", "There is no server given.", "Give its address: --url https://example.org")
		case address != "" && base != "" && !sameHost(address, base):
			return badInput("two_servers", "The link is for another server than --url.", "Look at the card: which address does it show? Give that one alone.")
		case address != "":
			base = address
		}
		ctx, stop := interruptible(c)
		defer stop()
		return d.with(true, func(dev *client.Device) error {
			before, err := dev.Status()
			if err != nil {
				return err
			}
			offered := &client.Invitation{}
			if !before.Enrolled { // the same again asks nobody
				if offered, err = dev.Look(ctx, base, code); err == nil {
					err = d.ask(c, base, offered, yes)
				} else if client.Unasked(err) || spent(err) {
					// An older server; or an enrolment whose answer was lost, which the
					// server repeats for this device though the invite is spent.
					offered, err = &client.Invitation{}, nil
				}
			}
			if err != nil {
				return err
			}
			person, err := dev.Enroll(ctx, base, code, name)
			if err != nil {
				return err
			}
			return d.sayEnrolled(ctx, c, dev, person, offered)
		})
	})
	c.Flags().StringVar(&address, "url", "", "address of the server; a link has it in itself")
	c.Flags().StringVar(&invite, "invite", "", "link or code of the invite")
	c.Flags().StringVar(&name, "name", "", "a label for people, such as the phone's model")
	c.Flags().BoolVar(&yes, "yes", false, "go on without asking")
	return c
}

// spent tells that an invite was refused for what has happened to it.
func spent(err error) bool {
	switch client.Explain(err).Code {
	case "invite_used", "invite_expired", "invite_ended":
		return true
	}
	return false
}

func sameHost(a, b string) bool {
	x, errX := url.Parse(strings.TrimSpace(a))
	y, errY := url.Parse(b)
	return errX == nil && errY == nil && strings.EqualFold(x.Host, y.Host) && x.Scheme == y.Scheme
}

// ask shows whom the device would belong to before anything is told to the
// server, and asks where a person sits at the terminal. With --json, or where
// nobody sits there, it goes on: a program has compared for itself.
func (d *device) ask(c *cobra.Command, base string, i *client.Invitation, yes bool) error {
	if d.json {
		return nil
	}
	out := c.OutOrStdout()
	host := base
	if u, err := url.Parse(base); err == nil {
		host = u.Host
	}
	fmt.Fprintf(out, "Server:        %s\nOrganization:  %s\nInvited as:    %s\n", host, i.Organization.Name, i.Role)
	if len(i.Sites) > 0 {
		fmt.Fprintf(out, "Place:         %s\n", names(i.Sites))
	}
	if len(i.ServedBy) > 0 {
		fmt.Fprintf(out, "Received by:   %s\n", names(i.ServedBy))
	}
	if i.Unconfirmed {
		fmt.Fprintln(out, "Until the organization has confirmed you, it takes up to 20 reports a day; the rest waits on this device.")
	}
	if yes || !isatty.IsTerminal(os.Stdin.Fd()) {
		return nil
	}
	fmt.Fprint(out, "Is that what your card says? Go on? [y/N] ")
	line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(out)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes", "s", "sí", "si":
		return nil
	}
	return badInput("not_wanted", "Nothing was enrolled.", "If the card shows another server or organization, show it to your coordinator.")
}

func names(list []wire.Named) string {
	var all []string
	for _, n := range list {
		all = append(all, n.Name)
	}
	return strings.Join(all, ", ")
}

func (d *device) sayEnrolled(ctx context.Context, c *cobra.Command, dev *client.Device, person client.Person, i *client.Invitation) error {
	// Checklists and sites are needed where there is no server.
	_, pullErr := dev.Pull(ctx, 0)
	s, err := dev.Status()
	if err != nil {
		return err
	}
	waits := ""
	if s.Waiting > 0 {
		waits = fmt.Sprintf(" %d %s.", s.Waiting, client.IsWaiting)
	}
	line := map[string]any{"device": s.Device, "user": person.ID, "role": person.Role,
		"organization": person.Organization, "sites": person.Sites, "locale": person.Locale, "url": s.URL,
		"pulled": pullErr == nil, "records": s.Records}
	if i.Role != "" { // it was asked
		line["organization_name"], line["unconfirmed"] = i.Organization.Name, i.Unconfirmed
	}
	if me, there, err := dev.Record("users", person.ID); err != nil {
		return err
	} else if label := me.Text("label"); there && i.Unconfirmed && label != "" {
		line["label"] = label
		waits += " The organization confirms you by your label: " + label + "."
	}
	if err := d.say(c.OutOrStdout(), "enrolled", line, "Enrolled as %s. %d records are on this device.%s", person.Role, s.Records, waits); err != nil {
		return err
	}
	return pullErr
}
