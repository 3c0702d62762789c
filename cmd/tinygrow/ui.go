package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/ui"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/docs"
	"github.com/tinygrow/tinygrow/deploy/run"
)

func newUI() *cobra.Command {
	address, tokenFile := run.DefaultPages, ""
	c := &cobra.Command{
		Use:   "ui [RUNS]",
		Short: "Show runs in a browser: networks as they grow, why they grew, and several runs compared",
		Long: `Serves pages that show the runs in folder RUNS (default: runs), or the run RUNS, finished or still growing, and
prints the address to open. It only reads. On a loopback address everybody on this machine may look; on another
one (--listen 0.0.0.0:7070) the address has a token that who looks must have. The documentation is at /docs/. Interrupt it to end it.`,
		Example: "  tinygrow ui\n  tinygrow ui runs/shapes-1\n  tinygrow ui ~/experiments --listen 0.0.0.0:8080",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("ui takes one folder: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			folder := "runs"
			if len(args) > 0 {
				folder = args[0]
			}
			library, err := view.NewLibrary(folder)
			if err != nil {
				return err
			}
			token, err := run.PageToken(tokenFile)
			if err != nil {
				return err
			}
			server, err := ui.Listen(library, ui.Options{Address: address, Near: !c.Flags().Changed("listen"), Token: token,
				Docs: docs.Handler()})
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context(), func(os.Signal) {})
			defer stop()
			if _, err := fmt.Fprintln(c.OutOrStdout(), server.Address()); err != nil {
				return errors.Join(err, server.Close())
			}
			return server.Serve(ctx)
		},
	}
	f := c.Flags()
	f.StringVar(&address, "listen", address, "`host:port` of the pages; without this flag another port is taken if that one is in use")
	f.StringVar(&tokenFile, "token-file", "", "`file` with the token that who looks must have (default: a new one, and none on loopback)")
	return c
}
