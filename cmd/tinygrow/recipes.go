package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newRecipes() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "recipes",
		Short: "List configurations that were measured, for train --recipe",
		Long: `Lists the configurations that this program has with it, each with what it was measured to do and on which machine. Start one
with tinygrow train --recipe NAME; a file, --set and flags go over it.`,
		Example: `  tinygrow recipes
  tinygrow recipes show cifar10-vgg
  tinygrow train --recipe cifar10-vgg --data-dir ~/cifar-10-batches-bin`,
		Args: commandsOnly,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(run.Recipes())
			}
			w := newTable(c.OutOrStdout())
			for _, r := range run.Recipes() {
				w.row(label(r.Name), "%s", r.About)
				w.row("", "data: %s", r.Data)
				w.row("", "%s: %s", r.Hardware, r.Time)
				w.row("", "%s", r.Result)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	c.AddCommand(newRecipesShow())
	return c
}

func newRecipesShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "Print a recipe as YAML, to read or to change",
		Example:           "  tinygrow recipes show cifar10-vgg > mine.yaml",
		Args:              oneArg("NAME"),
		ValidArgsFunction: completeRecipes,
		RunE: func(c *cobra.Command, args []string) error {
			r, err := run.RecipeNamed(args[0])
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.OutOrStdout(), r.Document)
			return err
		},
	}
}

// completeRecipes offers the names of recipes.
func completeRecipes(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, r := range run.Recipes() {
		names = append(names, fmt.Sprintf("%s\t%s", r.Name, r.About))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
