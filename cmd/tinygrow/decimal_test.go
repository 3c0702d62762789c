package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Every flag of every command that is a number or a boolean is written as in settings.
func TestFlagsAreDecimal(t *testing.T) {
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			odd := map[string]string{"int": "010", "int64": "0x10", "uint": "1_0", "uint64": "010", "float64": ".inf", "bool": "yes",
				"n": "010"}[f.Value.Type()]
			if odd == "" {
				return
			}
			seen++
			var errs bytes.Buffer
			args := append(strings.Fields(c.CommandPath())[1:], "--"+f.Name+"="+odd)
			if code := execute(t.Context(), args, io.Discard, &errs); code != exitUsage {
				t.Errorf("tinygrow %s: exit code %d: %s", strings.Join(args, " "), code, errs.String())
			}
		})
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newRoot(io.Discard))
	if seen < 50 {
		t.Errorf("%d flags", seen)
	}
	var errs bytes.Buffer
	if execute(t.Context(), []string{"verify", "r", "--from", "010"}, io.Discard, &errs); !strings.Contains(errs.String(),
		"written in decimal digits: 10") {
		t.Error(errs.String())
	}
}
