package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// shownRun is what runs show tells of a run.
type shownRun struct {
	view.Summary
	Info        view.Info         `json:"info"`
	Widths      map[string]int    `json:"widths"` // outputs by layer in the newest checkpoint, all but the last
	Events      []view.Event      `json:"growth_events"`
	Evaluations []view.Evaluation `json:"evaluations"`
	Checkpoints []savedStep       `json:"checkpoints"`
	Bytes       int64             `json:"bytes"` // the size of the whole directory
	Unread      int               `json:"unread"`
}

// savedStep is a checkpoint of a run.
type savedStep struct {
	Step  proto.Step `json:"step"`
	Bytes int64      `json:"bytes"`
}

func newRunsShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show RUN",
		Short: "Tell how a run stands: why it ended, its network, growth, checkpoints and how to go on",
		Long: `Tells how the run in directory RUN stands, finished or not: its state and the reason, the last evaluation, the widths
of the network, the last growth events that grew with their reasons, its checkpoints with their sizes, and the command
that goes on with it.`,
		Example: "  tinygrow runs show runs/shapes-1\n  tinygrow runs show runs/a --json",
		Args:    oneArg("RUN"),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := showRun(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(s)
			}
			return s.print(c.OutOrStdout(), args[0])
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// showRun reads all that is told of the run in dir.
func showRun(dir string) (shownRun, error) {
	v, err := view.Open(dir)
	if err != nil {
		return shownRun{}, err
	}
	s := shownRun{Info: v.Info(), Events: v.Events(), Evaluations: v.Evaluations(), Widths: v.Widths(), Checkpoints: []savedStep{},
		Bytes: checkpoint.Size(dir), Unread: v.Unread()}
	if s.Summary, err = view.Summarize(dir); err != nil {
		return s, err
	}
	steps, err := checkpoint.Steps(dir)
	if err != nil {
		return s, err
	}
	for _, step := range steps {
		s.Checkpoints = append(s.Checkpoints, savedStep{step, checkpoint.Size(checkpoint.StepDir(dir, step))})
	}
	return s, nil
}

// lastGrown is how many growth events are told.
const lastGrown = 5

func (s *shownRun) print(to io.Writer, dir string) error {
	w := newTable(to)
	w.row("run", "%s in %s", s.Info.Name, dir)
	state := string(s.State)
	if s.Why != "" {
		state += ": " + s.Why
	}
	w.row("state", "%s", state)
	if s.Host != "" {
		w.row("host", "%s", s.Host)
	}
	w.row("changed", "%s", s.Changed.Format(time.DateTime))
	w.row("training", "%s on %s by policy %s, seed %s", s.Model, s.Data, s.Policy, s.Seed)
	w.row("progress", "step %s, %.4g epochs, %s FLOPs, %s by the last process", thousands(int(s.Step)), s.Epoch,
		scaled(s.FLOPs), brief(s.Wall))
	if n := len(s.Evaluations); n > 0 {
		e := s.Evaluations[n-1]
		w.row(label(e.Split), "loss %.4f, %s at step %d", e.Loss, nn.TellScore(s.Metric, e.Accuracy), e.Step)
	}
	if b := s.Info.Best; b != nil {
		text := fmt.Sprintf("%s %.6g at step %d", b.Monitor, b.Best, b.Step)
		path := ""
		if n := len(s.Checkpoints); n > 0 {
			path = filepath.Join(checkpoint.StepDir(dir, s.Checkpoints[n-1].Step), checkpoint.BestFile)
		}
		switch {
		case b.Restored:
			text += ": the run ended with this network"
		case exists(path):
			text += ": " + path
		}
		w.row("best", "%s", text)
	}
	w.row("parameters", "%s", thousands(s.Params))
	w.row("network", "%s", widthList(s.Widths))
	grown, pruned := []view.Event{}, 0
	for _, e := range s.Events {
		if len(e.Grown) > 0 || e.Deepened != nil {
			grown = append(grown, e)
		}
		if e.Decision == growth.Prune {
			pruned++
		}
	}
	w.row("growth", "%d events, %d grew%s", len(s.Events), len(grown)-pruned, prunedToo(pruned))
	for _, e := range grown[max(0, len(grown)-lastGrown):] {
		w.row("", "step %d: %s", e.Step, e.Why)
	}
	w.row("size", "%s, in %d checkpoints", bytesOf(s.Bytes), len(s.Checkpoints))
	for _, k := range s.Checkpoints {
		w.row("", "step %d: %s", k.Step, bytesOf(k.Bytes))
	}
	if s.Unread > 0 {
		w.row("unread", "%d lines of its files cannot be read", s.Unread)
	}
	if s.State == view.Stopped || s.State == view.Failed {
		w.row("go on", "tinygrow resume %s", filepath.Clean(dir))
	}
	return w.Flush()
}

// bytesOf writes a size in the unit that suits it.
func bytesOf(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
