package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// shells are those that completion is written for.
var shells = []struct {
	name  string
	write func(root *cobra.Command, out io.Writer) error
}{
	{"bash", func(root *cobra.Command, out io.Writer) error { return root.GenBashCompletionV2(out, true) }},
	{"zsh", (*cobra.Command).GenZshCompletion},
	{"fish", func(root *cobra.Command, out io.Writer) error { return root.GenFishCompletion(out, true) }},
	{"powershell", (*cobra.Command).GenPowerShellCompletionWithDesc},
}

func newCompletion() *cobra.Command {
	var names []string
	for _, s := range shells {
		names = append(names, s.name)
	}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write the script that completes commands, settings, runs and recipes in a shell",
		Long: `Writes the script that lets bash, zsh, fish or powershell complete the commands, flags, settings and their values, runs and
recipes of tinygrow.`,
		Example: `  tinygrow completion bash > ~/.local/share/bash-completion/completions/tinygrow
  tinygrow completion zsh > "${fpath[1]}/_tinygrow"
  tinygrow completion fish > ~/.config/fish/completions/tinygrow.fish
  tinygrow completion powershell | Out-String | Invoke-Expression`,
		Args:              oneArg("SHELL"),
		ValidArgsFunction: cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(c *cobra.Command, args []string) error {
			for _, s := range shells {
				if s.name == args[0] {
					return s.write(c.Root(), c.OutOrStdout())
				}
			}
			return usagef("shell %q: must be one of %s", args[0], strings.Join(names, ", "))
		},
	}
}

// completeAll gives every command of the tree that has no completion of its
// arguments the one that its usage asks for: runs, or nothing.
func completeAll(c *cobra.Command) {
	if _, args, takes := strings.Cut(c.Use, " "); c.ValidArgsFunction == nil {
		switch {
		case strings.Contains(args, "RUN"):
			c.ValidArgsFunction = completeRuns
		case !takes:
			c.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if kind, _ := pflag.UnquoteUsage(f); kind == "run" {
			must(c.RegisterFlagCompletionFunc(f.Name, completeRuns))
		}
	})
	for _, sub := range c.Commands() {
		completeAll(sub)
	}
}

// must panics: completion was registered for a flag that is not there, or twice.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// most bounds what is offered.
const most = 1000

// completeRuns offers the runs below the folder that was begun to type, runs if
// nothing was; the shell offers files where there are none.
func completeRuns(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	folder, _ := filepath.Split(begun)
	if folder == "" {
		folder = "runs" + string(filepath.Separator)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var list []string
	for _, e := range entries {
		if dir := folder + e.Name(); e.IsDir() && len(list) < most && strings.HasPrefix(dir, begun) && run.IsRun(dir) {
			list = append(list, dir)
		}
	}
	return list, cobra.ShellCompDirectiveDefault
}

// noted returns the note of a key.
func noted(key string) config.Note {
	all := run.Notes()
	i := slices.IndexFunc(all, func(n config.Note) bool { return n.Key == key })
	if i < 0 {
		return config.Note{}
	}
	return all[i]
}

// choices returns the values of a key that can be listed.
func choices(key string) []string {
	base := run.Defaults()
	switch now := config.Get(&base, key); now {
	case "true", "false":
		return []string{"true", "false"}
	}
	return noted(key).Values.OneOf
}

// completeFlag offers the values of a flag that sets a key, which are looked up when a shell asks.
func completeFlag(f keyFlag) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		list := choices(f.key)
		switch {
		case len(list) > 0 && len(noted(f.key).Values.Files) > 0:
			return list, cobra.ShellCompDirectiveDefault
		case len(list) > 0:
			return list, cobra.ShellCompDirectiveNoFileComp
		case f.kind == "dir":
			return nil, cobra.ShellCompDirectiveFilterDirs
		case f.kind == "file":
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSetting offers keys, and behind an equals sign the values of the key.
func completeSetting(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	key, _, valued := strings.Cut(begun, "=")
	var list []string
	if valued {
		for _, value := range choices(key) {
			list = append(list, key+"="+value)
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	for _, n := range run.Notes() {
		if strings.HasPrefix(n.Key, key) {
			list = append(list, n.Key+"=\t"+strings.ReplaceAll(n.Does, "`", ""))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
