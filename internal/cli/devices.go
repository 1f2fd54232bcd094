package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// devicesCommand is what an operator does at the server with other people's
// devices; `device` is one's own.
func devicesCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "devices", Short: "The devices that this server knows: list, show, revoke, wipe"}

	list := &cobra.Command{Use: "list", Short: "List them", Args: cobra.NoArgs}
	listDir := dirFlag(list)
	asJSON := list.Flags().Bool("json", false, "print one JSON line for each")
	list.RunE = func(*cobra.Command, []string) error {
		return withApp(open, *listDir, func(_ core.App, s *wiring.Services) error {
			all, err := s.Store.Devices()
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "")
			}
			for _, d := range all {
				state := "in use"
				if d.Revoked {
					state = "revoked"
				}
				if *asJSON {
					err = json.NewEncoder(os.Stdout).Encode(d)
				} else {
					_, err = fmt.Printf("%s  %-7s  %-15s  %-18s  since %s  %s %s %s\n", d.ID, state, d.Role, d.Person, d.Enrolled, d.Organization, d.Platform, d.Name)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}

	revoke := &cobra.Command{Use: "revoke ID", Short: "Sign a device out; what it still holds it may hand in, into quarantine", Args: cobra.ExactArgs(1)}
	revokeDir := dirFlag(revoke)
	as, reason := asFlags(revoke)
	revokeJSON := revoke.Flags().Bool("json", false, "print one JSON line")
	revoke.RunE = func(_ *cobra.Command, args []string) error {
		return withApp(open, *revokeDir, func(_ core.App, s *wiring.Services) error {
			by, err := byName(s, *as)
			if err != nil {
				return err
			}
			if *reason == "" && by == "" { // an existing script must go on working; who sits here is known
				*reason = "none given"
			}
			if _, err := s.SignOut(args[0], by, *reason); err != nil {
				return explainFault(err, "List the ids: fieldpost devices list")
			}
			if *revokeJSON {
				return json.NewEncoder(os.Stdout).Encode(map[string]any{"device": args[0], "revoked": true})
			}
			fmt.Println("The device is signed out. It reads nothing more; what it still holds it may hand in, and that is kept in quarantine.")
			return nil
		})
	}
	root.AddCommand(list, revoke, wipeDevice(open), deviceStatus(open), leftoversCommand(open))
	return root
}
