package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// prunedToo tells how many events pruned, if any did.
func prunedToo(events int) string {
	if events == 0 {
		return ""
	}
	return fmt.Sprintf(", %d pruned", events)
}

// report prints the closing table: what was measured, and at which step; of
// what was not, that it was not.
func report(out io.Writer, r *coordinator.Result) {
	var text bytes.Buffer
	w := newTable(&text)
	grown, pruned := 0, 0
	for _, e := range r.GrowthEvents {
		switch {
		case e.Decision == growth.Prune:
			pruned++
		case len(e.Grown) > 0:
			grown++
		}
	}
	w.row("run", "%s, %d steps%s", r.Run, r.Steps, madeHere(r))
	if r.Stopped != "" {
		w.row("ended", "%s", r.Stopped)
	}
	if r.StandIn {
		w.row("stand-in", "workers computed nothing (worker.stand_in): this is no trained model, whatever follows says")
	}
	w.row("network", "%s", widthList(r.Widths))
	w.row("parameters", "%s -> %s", thousands(r.ParamsStart), thousands(r.ParamsEnd))
	w.row("growth", "%d events, %d grew%s; generation %d", len(r.GrowthEvents), grown, prunedToo(pruned), r.Generation)
	if r.TrainLoss == nil {
		w.row("train", "no step was made")
	} else {
		w.row("train", "loss %.4f, the mean over %s samples of epoch %d", *r.TrainLoss, thousands(r.TrainSamples), r.TrainEpoch)
	}
	if v := r.Validation; v != nil {
		w.row("validation", "loss %.4f, %s at step %d", v.Loss, nn.TellScore(r.Metric, v.Accuracy), v.Step)
	}
	if r.TestLoss == nil {
		w.row("test", "not evaluated")
	} else {
		w.row("test", "loss %.4f, %s at step %d", *r.TestLoss, nn.TellScore(r.Metric, *r.TestAccuracy), r.TestStep)
	}
	if b := r.Best; b != nil {
		which := ""
		if b.Restored {
			which = ": the run ended with this network"
		}
		w.row("best", "%s %.6g at step %d, %s parameters%s", b.Monitor, b.Best, b.Step, thousands(b.Params), which)
	}
	for _, q := range r.Quarantined {
		w.row("quarantine", "worker %s (host %q) since step %d: %s", q.Worker, q.Host, q.Step, q.Why)
	}
	w.row("model", "sha256 %s", r.ModelSHA256)
	w.row("directory", "%s", r.RunDir)
	if path := filepath.Join(r.RunDir, run.ReportFile); r.Done && exists(path) {
		w.row("report", "%s", path)
	}
	_ = w.Flush() // into memory
	screen := terminal.New(out)
	for line := range strings.Lines(text.String()) {
		screen.Line(strings.TrimRight(line, " \n"))
	}
}

// madeHere tells of the steps that this process made, which are not all steps
// of a run that was resumed.
func madeHere(r *coordinator.Result) string {
	which := ""
	switch {
	case r.StepsHere == 0:
		return ", none of them now"
	case r.StepsHere < int(r.Steps):
		which = fmt.Sprintf(", the last %d of them", r.StepsHere)
	}
	return fmt.Sprintf("%s in %.1f s (%.1f s of processor time), %s samples/s", which, r.WallS, r.CPUS, thousands(int(r.SamplesPerS)))
}

// exists reports whether there is something at path.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
