package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run"
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
	Batch int `json:"batch"`
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
	return json.NewEncoder(out).Encode(Outcome{r, s.Train.Batch})
}

// settings are those of a new run in the directory, or of the run that is there.
func (o order) settings(g run.Given) (run.Settings, error) {
	if o.Resume {
		return g.ReadRun(o.RunDir, run.Nothing)
	}
	s, err := g.Resolve(run.Defaults())
	s.RunDir = o.RunDir
	s.Name()
	return s, err
}
