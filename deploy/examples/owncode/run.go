package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

//go:embed network.yaml
var network string

// place is where a command works.
type place struct {
	dir     string // the packed data and the run lie in it
	server  string // address of a NATS server; empty: everything is in this process
	workers int    // that compute in this process
}

func (p place) data() string { return filepath.Join(p.dir, "stripes"+dataset.PackedEnding) }
func (p place) run() string  { return filepath.Join(p.dir, "run") }

// train packs our data, once, and trains and grows our network on them.
func train(ctx context.Context, at place) error {
	if err := os.MkdirAll(at.dir, 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(at.data()); errors.Is(err, fs.ErrNotExist) {
		if _, err := dataset.PackSource(ctx, stripes{train: 600, test: 120}, at.data(), nil); err != nil {
			return err
		}
	}
	given := run.Given{Assignments: []string{
		"run=owncode", "run_dir=" + at.run(), "data.name=packed", "data.dir=" + at.data(), "nats.url=" + at.server,
		"model.name=network.yaml", "model.text=" + network,
		"train.steps=60", "train.batch=60", "train.augment=false", "optim.lr=0.2",
		"growth.policy=tiny", "growth.every_steps=20", "growth.gate=false",
	}}
	settings, err := given.Resolve(run.Defaults())
	if err != nil {
		return err
	}
	r, err := run.Train(ctx, settings, run.Start{Workers: at.workers}, nil)
	if err != nil {
		return err
	}
	if !r.Done {
		return fmt.Errorf("stopped after step %d: go on with tinygrow's own resume, or run.Start{Resume: true}", r.Steps)
	}
	fmt.Printf("%d steps; %d growth events; %.0f %% of the test pictures are told right\n", r.Steps, len(r.GrowthEvents),
		100**r.TestAccuracy)
	return nil
}

// work computes for the run that goes on at a server. The data come from its coordinator; the
// layer is in this program, and tinygrow's own worker, which lacks it, would be refused.
func work(ctx context.Context, at place) error {
	given := run.Given{Assignments: []string{"run=owncode", "nats.url=" + at.server}}
	settings, err := given.Resolve(run.WorkerDefaults())
	if err != nil {
		return err
	}
	if at.dir != "" {
		settings.Fetch.Dir = filepath.Join(at.dir, "cache")
	}
	_, err = run.Work(ctx, settings)
	return err
}

// predict asks the network of a run about the first n test pictures.
func predict(ctx context.Context, at place, n int) error {
	saved, err := run.Open(at.run())
	if err != nil {
		return err
	}
	asked, err := saved.Network()
	if err != nil {
		return err
	}
	images := make([][]byte, n)
	for i := range images {
		images[i] = make([]byte, side*side)
		if _, err := (stripes{}).Sample(dataset.Test, i, images[i]); err != nil {
			return err
		}
	}
	outputs, err := asked.Pictures(ctx, images)
	if err != nil {
		return err
	}
	for i := range images {
		best := asked.Top(asked.Row(outputs, i), 1)[0]
		fmt.Printf("picture %d is %s\n", i, best.Class)
	}
	return nil
}
