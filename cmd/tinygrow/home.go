package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// expandFlags replaces home directories in the flags of a command that are
// paths and no settings.
func expandFlags(c *cobra.Command) error {
	var faults config.Faults
	c.Flags().Visit(func(f *pflag.Flag) {
		kind, _ := pflag.UnquoteUsage(f)
		if _, setting := f.Value.(*text); setting || !slices.Contains([]string{"file", "directory", "run"}, kind) {
			return
		}
		faults.Add(expandFlag(f))
	})
	return as(exitUsage, faults.Err())
}

func expandFlag(f *pflag.Flag) error {
	list, several := f.Value.(pflag.SliceValue)
	values := []string{f.Value.String()}
	if several {
		values = list.GetSlice()
	}
	for i, v := range values {
		path, err := config.ExpandHome(v)
		if err != nil {
			return fmt.Errorf("--%s %w", f.Name, err)
		}
		values[i] = path
	}
	if several {
		return list.Replace(values)
	}
	return f.Value.Set(values[0])
}
