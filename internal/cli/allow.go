package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wire"
	"github.com/fieldpost/fieldpost/internal/wiring"
)

// allowCommand sets what an organization lets its people write beyond what
// everybody may (R2, R13, R14).
func allowCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "allow " + strings.Join(wire.Allowances, "|"), Short: "Let an organization's people send photos of places and vehicles, whole plates, exact places, or staff notes", Args: cobra.ExactArgs(1),
		Long: "All of it is off until somebody allows it. Photos are of places and vehicles, never of people; docs/PRIVACY.md says what\nis done to them. With \"points\" the field app offers to add the exact place to a report, for that report alone. Phones learn of it at their next contact. The change is audited."}
	dir := dirFlag(c)
	organization := c.Flags().String("organization", "", "whose people: its id or name")
	off := c.Flags().Bool("off", false, "allow it no more; what was sent stays")
	asJSON := c.Flags().Bool("json", false, "print one JSON object")
	c.RunE = func(c *cobra.Command, args []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			now, err := s.Store.Allow(*organization, args[0], !*off)
			if err != nil {
				return explainFault(err, "Give the organization's id, or its name as it is written.")
			}
			if *asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"allows": now})
			}
			if len(now) == 0 {
				now = []string{"nothing"}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Allowed from now on: %s\n", strings.Join(now, ", "))
			return err
		})
	}
	return c
}
