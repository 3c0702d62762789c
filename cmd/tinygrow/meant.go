package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// commandsOnly refuses arguments of a command that has commands of its own, and
// names the one that was most likely meant.
func commandsOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			known = append(known, sub.Name())
		}
	}
	return usagef("unknown command %q%s", args[0], more(c, config.Meant(args[0], known)))
}

// flagFault is a fault of a command's flags. Of one that does not exist it says
// what was most likely meant.
func flagFault(c *cobra.Command, err error) error {
	var missing *pflag.NotExistError
	if !errors.As(err, &missing) {
		return usagef("%w%s", err, more(c, ""))
	}
	name := missing.GetSpecifiedShortnames() // an unknown -lr counts as -l, -r
	if name == "" {
		name = missing.GetSpecifiedName()
	}
	return usagef("%w%s", err, more(c, meantFlag(c, name)))
}

// more ends a fault of the command line: with what was meant, and where to read on.
func more(c *cobra.Command, meant string) string {
	see := "see " + c.CommandPath() + " --help"
	if strings.HasSuffix(meant, "?") {
		return meant + " S" + see[1:]
	}
	return meant + ": " + see
}

// meantFlag says in half a sentence what a flag that c does not have most
// likely meant: another flag, a configuration key, or the flag of another command.
func meantFlag(c *cobra.Command, name string) string {
	if why := config.Absent(name); why != "" {
		return ": " + why
	}
	var known []string
	c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if best := config.Synonym(name, known); best != "" {
		return ": did you mean --" + best + "?"
	}
	if having := commandsWith(c.Root(), name); len(having) > 0 {
		return fmt.Sprintf(": it is a flag of %s, not of %s", strings.Join(having, ", "), c.CommandPath())
	}
	if c.Flags().Lookup("set") != nil {
		base := run.Defaults()
		if key := config.Synonym(name, config.Keys(&base)); key != "" {
			return fmt.Sprintf(": did you mean --set %s=...?", key)
		}
	}
	if best := config.Nearest(name, known); best != "" {
		return ": did you mean --" + best + "?"
	}
	return ""
}

// commandsWith returns the commands that have a flag.
func commandsWith(c *cobra.Command, flag string) (paths []string) {
	if c.LocalFlags().Lookup(flag) != nil {
		paths = append(paths, c.CommandPath())
	}
	for _, sub := range c.Commands() {
		paths = slices.Concat(paths, commandsWith(sub, flag))
	}
	return paths
}
