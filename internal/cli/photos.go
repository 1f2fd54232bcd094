package cli

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// photosCommand is about the photos beside the database (R13).
func photosCommand(open Open) *cobra.Command {
	root := &cobra.Command{Use: "photos", Short: "Photos of places and vehicles: missing"}
	root.AddCommand(photosMissing(open))
	return root
}

func photosMissing(open Open) *cobra.Command {
	c := &cobra.Command{Use: "missing", Short: "Name the photos that were received and whose bytes are not in the folder", Args: cobra.NoArgs,
		Long: `Holds the records of photos against the files in media/, by their length. It changes nothing and may run beside the server: after
a restore, after a disk had faults, from cron.

Exit codes: 0 all are here, 2 there is no such folder, 7 some are missing.`}
	dir := dirFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON object")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withApp(open, *dir, func(_ core.App, s *wiring.Services) error {
			ids, all, err := s.API.Media.Missing()
			if err != nil {
				return fail(ExitUnexpected, err.Error(), "fieldpost verify --dir "+*dir)
			}
			out := c.OutOrStdout()
			if *asJSON {
				if ids == nil {
					ids = []string{}
				}
				err = json.NewEncoder(out).Encode(map[string]any{"photos": all, "missing": ids})
			} else {
				for _, id := range ids {
					if _, err = fmt.Fprintln(out, id); err != nil {
						return err
					}
				}
				if len(ids) == 0 {
					_, err = fmt.Fprintf(out, "All %d photos are here.\n", all)
				}
			}
			if err != nil || len(ids) == 0 {
				return err
			}
			e := fail(ExitAttention, fmt.Sprintf("%d of %d photos have no bytes here", len(ids), all),
				"Copy media/ out of the newest backup that has them over the folder's, with the server stopped; what is whole already stays as it is.")
			e.Printed = *asJSON
			return e
		})
	}
	return c
}
