package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
)

// order is what a child process is told on its standard input.
type order struct {
	Set    Set
	RunDir string
	Resume bool // the run in the directory
}

// Outcome is what a child process says of its run.
type Outcome struct {
	coordinator.Result
	Batch  int     `json:"batch"`
	Births []Birth `json:"births"`
}

// child makes one run in this process, so that its processor time is that of the
// process, and writes the Outcome. When ctx ends, the run writes a checkpoint and
// its outcome has Done false.
func child(ctx context.Context, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("its order: %w", err)
	}
	g := given(o.Set)
	s, err := o.settings(g)
	if err != nil {
		return err
	}
	r, err := run.Train(ctx, s, run.Start{Resume: o.Resume, Workers: s.Workers, Given: g}, nil)
	if err != nil {
		return err
	}
	outcome := Outcome{Result: r, Batch: s.Train.Batch}
	if r.Done {
		if outcome.Births, err = births(o.RunDir); err != nil {
			return err
		}
	}
	return json.NewEncoder(out).Encode(outcome)
}

// saving keeps enough checkpoints to tell how neurons learn in the last tenth of a run:
// those of fixed steps, so that every machine tells the same.
func saving(s *coordinator.Checkpoint) { s.Every, s.EverySteps, s.Keep = 24*time.Hour, 250, 40 }

// births tells how the neurons of each growth event of a run learn at its end.
func births(dir string) (out []Birth, err error) {
	groups, err := run.BirthsOf(dir)
	known := func(n growth.Number) *float64 {
		if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return &f
		}
		return nil
	}
	for _, g := range groups {
		out = append(out, Birth{string(g.Site), g.Born, g.To - g.From, float64(g.Norm), known(g.Turn), known(g.Pace)})
	}
	return out, err
}

// settings are those of a new run in the directory, or of the run that is there.
func (o order) settings(g run.Given) (run.Settings, error) {
	if o.Resume {
		return g.ReadRun(o.RunDir, run.Nothing)
	}
	s, err := g.Resolve(run.Defaults())
	s.RunDir = o.RunDir
	saving(&s.Checkpoint)
	s.Name()
	return s, err
}
