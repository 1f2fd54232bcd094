package cli

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// unsealCommand tells who wrote a staff report (R9), as the act of a
// coordinator: the audit and the other coordinators name them.
func unsealCommand(open Open) *cobra.Command {
	c := &cobra.Command{Use: "unseal REPORT", Short: "Tell a coordinator who wrote a staff report; audited, and the author learns of it", Args: cobra.ExactArgs(1)}
	dir := dirFlag(c)
	as := c.Flags().String("as", "", "the coordinator who asks (e-mail or user id)")
	reason := c.Flags().String("reason", "", "why it must be known; others will read it")
	asJSON := c.Flags().Bool("json", false, "print one JSON line")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if *as == "" || *reason == "" {
			return fail(ExitUsage, "unsealing needs a coordinator and a reason", `Say both: --as E-MAIL --reason "why it must be known"`)
		}
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			out, known, err := s.Unseal(args[0], *as, *reason)
			if err := actedAs(*as, known, err, "The person must be a coordinator of the report's organization."); err != nil {
				return err
			}
			if *asJSON {
				return json.NewEncoder(os.Stdout).Encode(out)
			}
			fmt.Printf("%s was written by %s (%s).\nThis was noted in the audit. The organization's coordinators and the author learn of it.\n", out.Report, out.Person.Label, out.Person.ID)
			for _, b := range out.Before {
				fmt.Printf("Made known before: %s to %s: %s\n", b.At, b.By, b.Reason)
			}
			return nil
		})
	}
	return c
}
