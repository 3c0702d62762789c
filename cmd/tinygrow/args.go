package main

import "github.com/spf13/cobra"

// noArgs refuses arguments.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes no argument, not %q: see %[1]s --help", c.CommandPath(), args[0])
	}
	return nil
}

// atMostOneArg refuses a second argument.
func atMostOneArg(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%s takes one argument at most, not %d: see %[1]s --help", c.CommandPath(), len(args))
	}
	return nil
}

// oneArg wants exactly one argument, called what.
func oneArg(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s needs one argument, %s, not %d: see %[1]s --help", c.CommandPath(), what, len(args))
		}
		return nil
	}
}
