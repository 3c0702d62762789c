package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// newTopics returns what help tells of beside commands.
func newTopics() []*cobra.Command {
	return []*cobra.Command{
		{
			Use:   "settings",
			Short: "Every setting with its default, its values and what it does",
			Long: `Settings come from a recipe (--recipe), a YAML file (--config), the environment (` + config.Variable("optim.lr") +
				`=0.05), --set key=value and flags, the
later ones winning. In a file a dot is a section: "optim: {lr: 0.05}". Below stand the key, its default and its values.
tinygrow config keys WORD tells of the keys that have a word in them, tinygrow config print what a file comes to.

` + settingsHelp(),
		},
		{Use: "exit-codes", Short: "What the code means that a command ends with", Long: exitHelp()},
	}
}

// settingsHelp tells of every key, a section after the other.
func settingsHelp() string {
	var b strings.Builder
	section := ""
	for _, k := range explained("") {
		if of, _, _ := strings.Cut(k.Key, "."); of != section {
			b.WriteString(strings.Repeat("\n", min(len(section), 1)))
			section = of
		}
		b.WriteString(k.String())
	}
	return strings.TrimRight(b.String(), "\n")
}

// usual are the flags that --help shows of commands that have very many.
var usual = []string{"recipe", "config", "set", "data", "data-dir", "model", "policy", "epochs", "max-flops", "batch", "lr", "seed",
	"run-dir", "workers", "nats", "creds", "ca", "resume", "standby", "json", "help", "verbose"}

// helpOfUsual lets --help show the usual flags of a command and say where the rest is;
// with -v it shows all. except are flags that are not usual in this command.
func helpOfUsual(c *cobra.Command, except ...string) {
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		show := func(f *pflag.Flag) bool { return slices.Contains(usual, f.Name) && !slices.Contains(except, f.Name) }
		if all, _ := c.Flags().GetBool("verbose"); all {
			show = func(*pflag.Flag) bool { return true }
		}
		var hidden []*pflag.Flag
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !show(f) {
				f.Hidden = true
				hidden = append(hidden, f)
			}
		})
		c.Parent().HelpFunc()(c, args)
		for _, f := range hidden {
			f.Hidden = false
		}
		if len(hidden) > 0 {
			fmt.Fprintf(c.OutOrStdout(), "\n%d more flags: %s --help -v. All settings, for --set and files: tinygrow help settings. "+
				"Recipes: tinygrow recipes.\n", len(hidden), c.CommandPath())
		}
	})
}
