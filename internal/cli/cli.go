// Package cli holds the commands. A command reads its flags, calls one
// function and prints; exit codes are in exit.go.
package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/fieldpost/fieldpost/internal/wiring"
)

// Open builds the app of a data folder; main gives it, so that the binary and
// its commands share one wiring.
type Open func(dir string, cfg wiring.Config) (core.App, *wiring.Services)

// Version is the version of this build; the release sets it.
var Version = "0.1.0-dev"

// Run runs a command line and gives the exit code.
func Run(args []string, open Open) int {
	// What a data folder or a store holds is nobody else's to read.
	syscall.Umask(0o077)
	// A file that may not grow is a write that fails, as on a full disk, and no
	// end of the process.
	signal.Ignore(syscall.SIGXFSZ)
	root := &cobra.Command{
		Use:           "fieldpost",
		Short:         "An offline-first backend with sync for outreach against human trafficking",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(sessionsCommand(open))
	root.AddCommand(serveCommand(open), inviteCommand(open), staffCommand(open), devicesCommand(open), peopleCommand(open), quarantineCommand(open), superuserCommand(open), verifyCommand(),
		mendCommand(), backupCommand(), restoreCommand(), versionCommand(), contentCommand(open), demoCommand(open), DeviceCommand())
	root.AddCommand(triageCommand(open), tipCommand(open))
	root.AddCommand(auditCommand(open))
	root.AddCommand(exportCommand(open))
	root.AddCommand(operationCommand(open))
	root.AddCommand(dutyCommand(open))
	root.AddCommand(allowCommand(open))
	root.AddCommand(photosCommand(open))
	root.AddCommand(doctorCommand())
	root.AddCommand(unsealCommand(open))
	root.SetArgs(args)
	err := root.Execute()
	if err == nil {
		return ExitOK
	}
	var exit *Exit
	if errors.As(err, &exit) {
		if !exit.Printed {
			fmt.Fprintln(os.Stderr, "fieldpost: "+exit.Error())
			if exit.Hint != "" {
				fmt.Fprintln(os.Stderr, exit.Hint)
			}
		}
		return exit.Code
	}
	fmt.Fprintln(os.Stderr, "fieldpost: "+err.Error())
	return ExitUsage
}

// dirFlag adds --dir to a command.
func dirFlag(c *cobra.Command) *string {
	return c.Flags().String("dir", "pb_data", "the data folder")
}
