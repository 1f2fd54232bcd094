package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/card"
	"github.com/fieldpost/fieldpost/internal/fault"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

func inviteCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "invite", Short: "Invite people's devices: make, list, revoke, card, poster"}
	root.AddCommand(inviteMake(open), inviteList(open), inviteRevoke(open), inviteCard(open), invitePoster(open))
	return root
}

func inviteMake(open Open) *cobra.Command {
	c := &cobra.Command{Use: "make", Short: "Make an invite and print its code; with --url also link and QR", Args: cobra.NoArgs}
	dir := dirFlag(c)
	role := c.Flags().String("role", "", "worker, staff, manager, coordinator, law_enforcement, provider or admin")
	organization := c.Flags().String("organization", "", "name of the organization; made when there is none of that name")
	sites := c.Flags().StringArray("site", nil, "name of a site (staff and managers; may be given several times)")
	serves := c.Flags().String("served-by", "", "name of the organization that serves a site made here")
	venue := c.Flags().String("venue", "hotel", "kind of place of a site made here")
	uses := c.Flags().Int("uses", 1, "how many devices it admits")
	hours := c.Flags().Int("hours", 72, "how long it is good for")
	address := c.Flags().String("url", "", "address of the server as phones reach it, such as https://example.org")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(*cobra.Command, []string) error {
		if *uses < 1 || *hours < 1 {
			return fail(ExitUsage, "--uses and --hours count from 1", "Leave them out for one device and 72 hours.")
		}
		if !wiring.ValidRole(*role) || *organization == "" {
			return fail(ExitUsage, "an invite needs --role and --organization", "Roles: worker, staff, manager, coordinator, law_enforcement, provider, admin")
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			base, err := baseURL(s, *address, false)
			if err != nil {
				return err
			}
			made, err := s.MakeInvite(wiring.InviteRequest{Role: *role, Organization: *organization, Sites: *sites,
				ServedBy: *serves, Venue: *venue, Uses: *uses, Hours: *hours})
			if err != nil {
				return inviteFailed(*dir, "make invite", err)
			}
			if *asJSON {
				line := map[string]any{"id": made.ID, "invite": made.Code, "role": *role, "expires": made.Record.Expires, "uses": *uses}
				if base != "" {
					line["link"] = card.Link(base, made.Code)
				}
				return json.NewEncoder(os.Stdout).Encode(line)
			}
			fmt.Printf("Invite for %s: %s (good for %d hours, %d device(s))\n", *role, made.Code, *hours, *uses)
			if base == "" {
				return nil
			}
			return sayLink(card.Link(base, made.Code))
		})
	}
	return c
}

// sayLink prints a link and its QR code for a screen.
func sayLink(link string) error {
	code, err := card.Encode(link)
	if err != nil {
		return fail(ExitUsage, err.Error(), "Give a shorter --url.")
	}
	_, err = fmt.Printf("%s\n%s", link, code.Terminal())
	return err
}

func inviteFailed(dir, what string, err error) error {
	var f *fault.Fault
	if errors.As(err, &f) && f.Code == fault.NotAllowed {
		return fail(ExitRefused, f.Message, "A site needs an organization that serves it: --served-by NAME")
	}
	if errors.As(err, &f) && f.Code != fault.Internal {
		return fail(ExitUsage, f.Message, f.Hint)
	}
	if exit := explainStorage(dir, err); exit != nil {
		return exit
	}
	return fail(ExitUnexpected, what+": "+err.Error(), "Try again in a moment.")
}

// baseURL is the address that goes on a card: the one given, else the one in
// the settings, if somebody has set one.
func baseURL(s *wiring.Services, given string, needed bool) (string, error) {
	if given == "" {
		if set := s.PublicURL(); set != "" || !needed {
			return set, nil
		}
		return "", fail(ExitUsage, "a card needs the address of the server as phones reach it", "Give it: --url https://example.org")
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fail(ExitUsage, "--url is not an address", "Give one such as https://example.org")
	}
	return strings.TrimRight(given, "/"), nil
}

func inviteList(open Open) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List invites, the newest first; never their codes", Args: cobra.NoArgs}
	dir := dirFlag(c)
	all := c.Flags().Bool("all", false, "also those that are used up, expired or ended")
	asJSON := c.Flags().Bool("json", false, "print one JSON line for each")
	c.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			list, err := s.Devices.List("")
			if err != nil {
				return inviteFailed(*dir, "list invites", err)
			}
			for _, i := range list {
				if !*all && i.State != "open" {
					continue
				}
				if *asJSON {
					err = json.NewEncoder(os.Stdout).Encode(i)
				} else {
					what := i.Role
					if i.Poster {
						what = "poster"
					}
					var places []string
					for _, site := range i.Sites {
						places = append(places, site.Name)
					}
					_, err = fmt.Printf("%s  %-7s  %-15s  %d of %d used  until %s  %s %s\n", i.ID, i.State, what, i.Used, i.Uses, i.Expires[:10],
						i.Organization.Name, strings.Join(places, ", "))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return c
}

func inviteRevoke(open Open) *cobra.Command {
	c := &cobra.Command{Use: "revoke ID", Aliases: []string{"end"}, Short: "End an invite: it admits nobody any more; who came by it stays", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			ended, err := s.Devices.EndInvite(args[0], "")
			if fault.Is(err, fault.NotFound) {
				return fail(ExitUsage, "there is no invite "+args[0], "List the ids: fieldpost invite list")
			}
			if err != nil {
				return inviteFailed(*dir, "end invite", err)
			}
			if *asJSON {
				return json.NewEncoder(os.Stdout).Encode(ended)
			}
			fmt.Printf("The invite is ended. It had admitted %d device(s); see: fieldpost devices list\n", ended.Used)
			return nil
		})
	}
	return c
}

// paper is how a card is written.
type paper struct{ format, out *string }

func paperFlags(c *cobra.Command) paper {
	return paper{c.Flags().String("format", "html", "html, svg (the QR code alone), text (for paper) or screen (for a dark terminal)"),
		c.Flags().String("out", "", "write to this new file; without it to standard output")}
}

func (p paper) valid() error {
	if _, err := os.Lstat(*p.out); err == nil {
		return fail(ExitUsage, "there is a file "+*p.out+" already", "Name a new file: --out FILE")
	}
	switch *p.format {
	case "html", "svg", "text", "screen":
		return nil
	}
	return fail(ExitUsage, "--format is html, svg, text or screen", "Leave it out for a page to print.")
}

func (p paper) write(c card.Card) error {
	said, err := "", error(nil)
	switch *p.format {
	case "svg":
		var code card.Code
		if code, err = card.Encode(c.Link); err == nil {
			said = code.SVG() + "\n"
		}
	case "text":
		said, err = c.Text()
	case "screen":
		said, err = c.Screen()
	default:
		said, err = c.HTML()
	}
	if err != nil {
		return fail(ExitUsage, err.Error(), "Give a shorter --url.")
	}
	fmt.Fprintln(os.Stderr, card.ReviewNote)
	if *p.out == "" {
		_, err = fmt.Print(said)
		return err
	}
	// A new file, for its owner alone: who has the code may come in.
	f, err := os.OpenFile(*p.out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = f.WriteString(said)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fail(ExitUnwritable, "the card can't be written: "+err.Error(), "Name a new file in a folder that may be written: --out FILE")
	}
	return nil
}

func inviteCard(open Open) *cobra.Command {
	c := &cobra.Command{Use: "card CODE", Short: "Print the card of an invite whose code you have, in English and Spanish", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	address := c.Flags().String("url", "", "address of the server as phones reach it, such as https://example.org")
	p := paperFlags(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if err := p.valid(); err != nil {
			return err
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			base, err := baseURL(s, *address, true)
			if err != nil {
				return err
			}
			made, found, err := s.FindInvite(args[0])
			if err != nil {
				return inviteFailed(*dir, "find invite", err)
			}
			if !found {
				return fail(ExitUsage, "the code is not known here", "Codes are kept as a hash: a lost one can't be printed again. Make a new invite.")
			}
			if made.Record.State != "open" {
				return fail(ExitUsage, "the invite is "+made.Record.State, "Make a new invite.")
			}
			return p.write(made.Card(base))
		})
	}
	return c
}

func invitePoster(open Open) *cobra.Command {
	c := &cobra.Command{Use: "poster", Short: "Make the poster of a site, for its break room; the earlier one ends", Args: cobra.NoArgs,
		Long: `A poster is an invite for the staff of one site, for a year and 200 devices
unless said otherwise. Whoever comes by it is unconfirmed: what they write is
taken and marked, at most 20 reports a day, until somebody says who is known:

  fieldpost staff list --unconfirmed
  fieldpost staff confirm LABEL

A site has one poster. Making another ends the one before: take it off the
wall, and look that the square on the new one is the one you printed.`}
	dir := dirFlag(c)
	site := c.Flags().String("site", "", "name of the site")
	uses := c.Flags().Int("uses", 0, "how many devices it admits (200)")
	hours := c.Flags().Int("hours", 0, "how long it is good for (a year)")
	address := c.Flags().String("url", "", "address of the server as phones reach it, such as https://example.org")
	p := paperFlags(c)
	c.RunE = func(*cobra.Command, []string) error {
		if *site == "" || *uses < 0 || *hours < 0 {
			return fail(ExitUsage, "a poster needs --site", "Give the name of a site that an organization serves.")
		}
		if err := p.valid(); err != nil {
			return err
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			base, err := baseURL(s, *address, true)
			if err != nil {
				return err
			}
			made, err := s.MakePoster(*site, *uses, *hours)
			if errors.Is(err, wiring.ErrNoSite) {
				return fail(ExitUsage, "there is no site "+*site, "Make it first, with who serves it: fieldpost invite make --role staff --site NAME --served-by NAME --organization OWNER")
			}
			if err != nil {
				return inviteFailed(*dir, "make poster", err)
			}
			// First, and apart from the card: a code is told this once.
			fmt.Fprintf(os.Stderr, "Poster %s, code %s, until %s. Earlier posters of the site that ended: %d\n", made.ID, made.Code, made.Record.Expires[:10], len(made.Replaced))
			return p.write(made.Card(base))
		})
	}
	return c
}

// staffCommand is what an operator does with staff, who have no name here.
func staffCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "staff", Short: "Staff of sites, by their made labels: list, confirm"}
	list := &cobra.Command{Use: "list", Short: "List them", Args: cobra.NoArgs}
	listDir := dirFlag(list)
	unconfirmed := list.Flags().Bool("unconfirmed", false, "only those whom nobody has confirmed")
	listJSON := list.Flags().Bool("json", false, "print one JSON line for each")
	list.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *listDir, func(_ core.App, s *wiring.Services) error {
			all, err := s.Store.Staff(*unconfirmed)
			if err != nil {
				return inviteFailed(*listDir, "list staff", err)
			}
			for _, p := range all {
				if *listJSON {
					err = json.NewEncoder(os.Stdout).Encode(p)
				} else {
					state := "confirmed"
					if p.Unconfirmed {
						state = "unconfirmed"
					}
					var places []string
					for _, site := range p.Sites {
						places = append(places, site.Name)
					}
					_, err = fmt.Printf("%-15s  %-11s  %s\n", p.Label, state, strings.Join(places, ", "))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}

	confirm := &cobra.Command{Use: "confirm LABEL", Short: "Say that the organization knows who has this label; the person's device shows it", Args: cobra.ExactArgs(1)}
	confirmDir := dirFlag(confirm)
	confirmJSON := confirm.Flags().Bool("json", false, "print one JSON line")
	confirm.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *confirmDir, func(_ core.App, s *wiring.Services) error {
			all, err := s.Store.Staff(false)
			if err != nil {
				return inviteFailed(*confirmDir, "confirm staff", err)
			}
			all = slices.DeleteFunc(all, func(p wiring.StaffView) bool { return !strings.EqualFold(p.Label, args[0]) })
			if len(all) > 1 {
				return fail(ExitUsage, "more than one has the label "+args[0], "Confirm them on the board, where each is at a site.")
			}
			if len(all) == 0 {
				return fail(ExitUsage, "no staff has the label "+args[0], "List them: fieldpost staff list --unconfirmed")
			}
			confirmed, err := s.Devices.Confirm(all[0].ID, "")
			if err != nil {
				return inviteFailed(*confirmDir, "confirm staff", err)
			}
			if *confirmJSON {
				return json.NewEncoder(os.Stdout).Encode(confirmed)
			}
			fmt.Println("Confirmed. What waits on their device is taken from now on, and not marked.")
			return nil
		})
	}
	root.AddCommand(list, confirm)
	return root
}
