package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tinygrow/tinygrow/coordinator/top"
)

func newTop() *cobra.Command {
	once, asJSON := false, false
	c := &cobra.Command{
		Use:   "top RUN|URL",
		Short: "Follow a run in the terminal: curves, widths, workers, and why it grew",
		Long: `Shows the run in directory RUN, finished or going on, or at URL, the address that train told or tinygrow ui serves, as
http://127.0.0.1:7070/?token=..., with #/run/NAME behind it where there are several: loss and accuracy, the widths of
the layers with what the last growth event added, and why it grew; of a URL also workers and the phases of a step. It
follows the run and the size of the window; q or Ctrl-C leaves. Where the output is no terminal, or one that cannot move
its cursor (TERM=dumb), and with --once, one page is printed. NO_COLOR leaves out colours.`,
		Example: "  tinygrow top runs/shapes-1\n  tinygrow top http://127.0.0.1:7070\n  tinygrow top runs/a --once",
		Args:    oneArg("RUN or URL"),
		RunE: func(c *cobra.Command, args []string) error {
			source, err := top.Open(c.Context(), args[0])
			if err != nil {
				return err
			}
			style := top.Style{Width: 80, Colour: os.Getenv("NO_COLOR") == "", Plain: os.Getenv("TERM") == "dumb"}
			full := term.IsTerminal(int(os.Stdout.Fd())) && term.IsTerminal(int(os.Stdin.Fd())) && os.Getenv("TERM") != "" && !style.Plain
			if full && !once && !asJSON {
				return top.Watch(c.Context(), source, os.Stdin, os.Stdout, style)
			}
			page, err := source.Read(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(page)
			}
			style.Colour = false
			_, err = fmt.Fprintln(c.OutOrStdout(), top.Render(&page, style))
			return err
		},
	}
	c.Flags().BoolVar(&once, "once", false, "print one page of 80 columns")
	c.Flags().BoolVar(&asJSON, "json", false, "print what a page is made of as one JSON object")
	return c
}
