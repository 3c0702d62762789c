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
)

// report prints the closing table: what was measured, and at which step; of
// what was not, that it was not.
func report(out io.Writer, r *coordinator.Result) {
	var text bytes.Buffer
	w := newTable(&text)
	grown := 0
	for _, e := range r.GrowthEvents {
		if len(e.Grown) > 0 {
			grown++
		}
	}
	w.row("run", "%s, %d steps%s", r.Run, r.Steps, madeHere(r))
	if r.Stopped != "" {
		w.row("ended", "%s", r.Stopped)
	}
	w.row("network", "%s", widthList(r.Widths))
	w.row("parameters", "%s -> %s", thousands(r.ParamsStart), thousands(r.ParamsEnd))
	w.row("growth", "%d events, %d grew; generation %d", len(r.GrowthEvents), grown, r.Generation)
	if r.TrainLoss == nil {
		w.row("train", "no step was made")
	} else {
		w.row("train", "loss %.4f, the mean over %s samples of epoch %d", *r.TrainLoss, thousands(r.TrainSamples), r.TrainEpoch)
	}
	if v := r.Validation; v != nil {
		w.row("validation", "loss %.4f, accuracy %.2f %% at step %d", v.Loss, 100*v.Accuracy, v.Step)
	}
	if r.TestLoss == nil {
		w.row("test", "not evaluated")
	} else {
		w.row("test", "loss %.4f, accuracy %.2f %% at step %d", *r.TestLoss, 100**r.TestAccuracy, r.TestStep)
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
