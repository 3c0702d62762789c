package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/replay"
	"github.com/tinygrow/tinygrow/proto"
)

func newVerify() *cobra.Command {
	var asJSON bool
	var from, steps uint64
	c := &cobra.Command{
		Use:   "verify RUN",
		Short: "Make logged steps of a run again and compare every bit",
		Long: `Takes up the run in directory RUN at a checkpoint, or at its start, makes its steps, evaluations and growth
events again in this process, and compares the digest after each step and all other numbers with metrics.jsonl,
growth events with growth.jsonl, and the state with every later checkpoint. It names what differs, first the
earliest. It writes nothing, and a run may go on meanwhile.

Ends with code 0 if all is the same, 7 if something differs, and another one if it cannot tell.`,
		Example: `  tinygrow verify runs/a                          # from the last checkpoint but one to the end
  tinygrow verify runs/a --from 0 --json          # all of it
  tinygrow verify runs/a --from 400 --steps 20 --data-dir ~/cifar-10-batches-bin`,
		Args: oneArg("RUN"),
	}
	src := newSource(c, dataFlags, threadsFlag)
	f := c.Flags()
	f.Uint64Var(&from, "from", 0, "`step` behind which to begin (default: that of the last checkpoint but one)")
	f.Uint64Var(&steps, "steps", 0, "`number` of steps to compare; 0: to the end of the log")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		con := newConsole(c.ErrOrStderr())
		ctx, stop := untilSignal(c.Context(), func(os.Signal) {})
		defer stop()
		o := replay.Options{Dir: args[0], Steps: steps, Told: con.verified}
		if f.Changed("from") {
			step := proto.Step(from)
			o.From = &step
		}
		r, err := run.Verify(ctx, src.given(), o)
		con.end()
		if err != nil && !errors.Is(err, ctx.Err()) {
			return err
		}
		if asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(r); err != nil {
				return err
			}
		} else {
			tellVerified(c.OutOrStdout(), &r)
		}
		switch {
		case r.All > 0:
			return silentError{exitDiffers}
		case err != nil:
			con.Line("interrupted: steps after %d were not compared", r.To)
			return silentError{exitInterrupted}
		}
		return nil
	}
	return c
}

// tellVerified prints what a replay found.
func tellVerified(out io.Writer, r *replay.Report) {
	for _, d := range r.Differences {
		fmt.Fprintln(out, d)
	}
	if more := r.All - len(r.Differences); more > 0 {
		fmt.Fprintf(out, "and %d more\n", more)
	}
	verdict := "all the same"
	switch {
	case r.All > 0:
		verdict = fmt.Sprintf("the first difference is at step %d", r.Differences[0].Step)
	case !r.Verified:
		verdict = "the same so far"
	}
	fmt.Fprintf(out, "%s: steps %d to %d made again in %.1f s; compared %d steps, %d evaluations, %d growth events, %d checkpoints: %s\n",
		r.Dir, r.From, r.To, r.WallS, r.Steps, r.Evaluations, r.Events, r.Checkpoints, verdict)
}
