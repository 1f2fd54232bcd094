package cli

import "github.com/spf13/cobra"

// extraCommands are the commands that live in rooms of their own.
func extraCommands(open Open) []*cobra.Command {
	return []*cobra.Command{demoCommand(open), DeviceCommand()}
}
