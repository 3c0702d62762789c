package run_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/deploy/run"
)

// trained trains a small network on the drawn data set for some steps, in a
// directory below dir, and returns its settings.
func trained(dir string) run.Settings {
	given := run.Given{Assignments: []string{"train.steps=4", "train.batch=32", "data.limit=64", "model.name=mlp"}}
	s, err := given.Resolve(run.Defaults())
	if err != nil {
		log.Fatal(err)
	}
	s.RunDir = filepath.Join(dir, "example")
	s.Name()
	r, err := run.Train(context.Background(), s, run.Start{Workers: s.Workers}, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("run", r.Run, "made", r.Steps, "steps; done:", r.Done)
	return s
}

// A program trains a network in its own process, and looks at the samples that
// it was not trained on.
func ExampleTrain() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s := trained(dir)
	saved, err := run.Open(s.RunDir)
	if err != nil {
		log.Fatal(err)
	}
	e, err := saved.Evaluate(context.Background(), run.Asked{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("evaluated on", e.Samples, "samples after step", e.Step)
	// Output:
	// run example made 4 steps; done: true
	// evaluated on 64 samples after step 4
}

// A run that lies in a directory tells its network and settings.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s := trained(dir)
	saved, err := run.Open(s.RunDir)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(saved.Model.Graph.Input, saved.Model.Graph.Widths(), saved.Settings.Train.Steps)
	// Output:
	// run example made 4 steps; done: true
	// 3x32x32 map[fc1:64 fc2:64] 4
}

// Settings that are wrong are told all at once.
func ExampleGiven_Resolve() {
	given := run.Given{Assignments: []string{"workers=0", "optim.lrr=0.1"}}
	_, err := given.Resolve(run.Defaults())
	fmt.Println(errors.Is(err, run.ErrUsage))
	fmt.Println(err)
	// Output:
	// true
	// --set: unknown key optim.lrr: did you mean optim.lr?
	// workers 0: must be 1 to 1024
}
