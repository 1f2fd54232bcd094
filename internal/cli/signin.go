package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// passwordCommand is `fieldpost people password WHO`.
func passwordCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "password WHO", Args: cobra.ExactArgs(1),
		Short: "Print a one-time link with which somebody sets up, or sets anew, the password of their sign-in on the web",
		Long: `WHO is an id or the e-mail of a sign-in. The link is good for 24 hours and for
one use. Nothing is mailed: hand it over yourself, in a way that only that
person reads. Whoever has a second factor is asked for it before the new
password counts.`}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			s.SignIn().PublicURL = s.PublicURL()
			made, err := s.SignIn().ForPerson(args[0])
			if err != nil {
				return explainFault(err, "List the people: fieldpost people list")
			}
			return sayWayIn(made.User, made.Link, made.Expires, *asJSON)
		})
	}
	return c
}

// resetCommand is `fieldpost people reset-second-factor WHO`.
func resetCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "reset-second-factor WHO", Args: cobra.ExactArgs(1),
		Short: "Take somebody's password, authenticator app, passkeys, recovery codes and sessions away, and print a link to set them up anew",
		Long: `WHO is an id or the e-mail of a sign-in. For whoever has lost the phone with the
authenticator app and the recovery codes. Be sure that it is them: whoever has
the link has the account. The audit keeps that it was done, and why.`}
	dir := dirFlag(c)
	as, reason := asFlags(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if *reason == "" {
			return fail(ExitUsage, "a reason is needed", `Say why, without names: --reason "lost the phone"`)
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			by, err := byName(s, *as)
			if err != nil {
				return err
			}
			s.SignIn().PublicURL = s.PublicURL()
			made, err := s.SignIn().Reset(args[0], wiring.OperatorOr(by), *reason)
			if err != nil {
				return explainFault(err, "List the people: fieldpost people list")
			}
			return sayWayIn(made.User, made.Link, made.Expires, *asJSON)
		})
	}
	return c
}

func sayWayIn(user, link, expires string, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]string{"user": user, "link": link, "expires": expires})
	}
	if link[0] == '/' {
		fmt.Println("This folder does not know the address of its server (serve --public-url https://NAME): put it before the link.")
	}
	_, err := fmt.Printf("%s\nGood once, until %s, for %s. Nothing was mailed: hand it over yourself.\n", link, expires, user)
	return err
}

// sessionsCommand is `fieldpost sessions`.
func sessionsCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "sessions", Short: "Who is signed in on the web: list, end"}

	list := &cobra.Command{Use: "list", Short: "List them, the last used first", Args: cobra.NoArgs}
	listDir := dirFlag(list)
	listJSON := list.Flags().Bool("json", false, "print one JSON line for each")
	list.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *listDir, func(_ core.App, s *wiring.Services) error {
			all, err := s.Store.Sessions("")
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "Try again in a moment.")
			}
			for _, one := range all {
				if *listJSON {
					err = json.NewEncoder(os.Stdout).Encode(one)
				} else {
					_, err = fmt.Printf("%s  %s  %-8s  %-18s  since %s  used %s  ends %s\n", one.ID, one.User, one.Method, one.Browser,
						one.Began.Format(time.DateOnly), one.Used.Format("2006-01-02 15h"), one.Ends.Format("2006-01-02 15h"))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}

	end := &cobra.Command{Use: "end WHICH", Args: cobra.ExactArgs(1),
		Short: "End a session by its id, with the devices that were enrolled from it; or all of a person, by id or e-mail"}
	endDir := dirFlag(end)
	endJSON := end.Flags().Bool("json", false, "print one JSON line")
	end.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *endDir, func(_ core.App, s *wiring.Services) error {
			n, err := s.SignIn().EndByOperator(args[0])
			if err != nil {
				return explainFault(err, "List the ids: fieldpost sessions list")
			}
			if *endJSON {
				return json.NewEncoder(os.Stdout).Encode(map[string]int{"ended": n})
			}
			fmt.Printf("%d session(s) ended.\n", n)
			return nil
		})
	}
	root.AddCommand(list, end)
	return root
}
