package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// decimal is a flag's number or boolean that is written as in settings: pflag
// alone takes 010 for 8.
type decimal struct {
	pflag.Value
	check func(text string) error
}

func (d decimal) Set(text string) error {
	if err := d.check(text); err != nil {
		return err
	}
	return d.Value.Set(text)
}

// decimals makes the flags of a command and of those below it read numbers as settings do.
func decimals(c *cobra.Command) {
	for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			switch f.Value.Type() {
			case "int", "int64":
				f.Value = decimal{f.Value, parses[int64]}
			case "uint", "uint64":
				f.Value = decimal{f.Value, parses[uint64]}
			case "float64":
				f.Value = decimal{f.Value, parses[float64]}
			case "bool":
				f.Value = decimal{f.Value, parses[bool]}
			}
		})
	}
	for _, below := range c.Commands() {
		decimals(below)
	}
}

// parses says what is wrong with the text of a T.
func parses[T any](text string) error {
	var value T
	return config.Parse(&value, text)
}
