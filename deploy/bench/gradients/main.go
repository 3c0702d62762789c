// Command gradients measures two things on CIFAR-10. First, whether the cosine and the noise scale of
// gradients tell if a larger batch helps: from networks at several points of their training it goes on with four
// times the computation, in more steps, in a larger batch or in a wider network, and tells what was left of the loss. Then,
// what first weights that were learned are worth in a network without normalisation, beside those
// by rule, at the same computation. It prints JSON.
//
//	go run ./deploy/bench/gradients -data-dir CIFAR -part points > deploy/bench/results/noise.json
//	go run ./deploy/bench/gradients -data-dir CIFAR -part inits > deploy/bench/results/inits.json
package main

import (
	"context"
	"errors"
	"flag"
	"os"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/growth"
)

func main() { stat.Main("gradients", command) }

// Report is what the command prints.
type Report struct {
	Seeds   int     `json:"seeds"`
	Samples int     `json:"samples"` // of each split
	Steps   int     `json:"steps,omitempty"`
	Jobs    int     `json:"jobs,omitempty"`
	Points  []Point `json:"points,omitempty"`
	Inits   []Init  `json:"inits,omitempty"`
}

// Point is a network in the middle of its training, and what came of it.
type Point struct {
	Rate  float64 `json:"rate"`
	Batch int     `json:"batch"`
	Steps int     `json:"steps"` // made before
	Seed  int     `json:"seed"`
	// Cosine is the mean over the last steps, NoiseScale that of the last one.
	Cosine     float64 `json:"cosine"`
	NoiseScale float64 `json:"noise_scale"`
	Loss       float64 `json:"loss"` // on the test samples
	// What is left of it after the same computation in more steps, a larger batch, a wider network.
	More   float64 `json:"more"`
	Larger float64 `json:"larger"`
	Wider  float64 `json:"wider"`
}

// Init is how runs with some first weights went, by seed.
type Init struct {
	Init string  `json:"init"`
	Rate float64 `json:"rate"`
	// Steps is how many the first seed's made: iterations of learning cost of the same budget.
	Steps    int             `json:"steps"`
	Diverged int             `json:"diverged"`
	Losses   []growth.Number `json:"losses"` // mean training loss of the last steps
	// Scales is the smallest and the largest scale, of the first seed.
	Scales []float64 `json:"scales,omitempty"`
}

func command(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("gradients", flag.ContinueOnError)
	var b bench
	f.StringVar(&b.dataDir, "data-dir", "", "directory of CIFAR-10's files")
	f.IntVar(&b.seeds, "seeds", 3, "seeds of each run")
	part := f.String("part", "", "what to measure: points or inits")
	f.IntVar(&b.samples, "samples", 8000, "samples of each split")
	f.IntVar(&b.steps, "steps", 60, "steps of a batch of 64 that a fourth of the computation of a point is")
	f.IntVar(&b.jobs, "jobs", 200, "gradients of a batch of 64 that a run with other first weights may spend")
	if err := f.Parse(args); err != nil {
		return err
	}
	if b.dataDir == "" || b.seeds < 1 || b.steps < 4 || b.jobs < 100 || b.samples < 1000 || *part != "points" && *part != "inits" {
		return errors.New("give -data-dir, -part points or inits, a seed, at least 1000 samples, 4 steps and 100 jobs")
	}
	dir, err := os.MkdirTemp("", "tinygrow-gradients-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.runs.Dir = dir
	r := Report{Seeds: b.seeds, Samples: b.samples}
	if *part == "points" {
		r.Steps, b.runs.Most = b.steps, 2*2*4*b.seeds
		r.Points, err = b.points(ctx)
	} else {
		r.Jobs, b.runs.Most = b.jobs, 2*len(methods)*b.seeds
		r.Inits, err = b.inits(ctx)
	}
	if err != nil {
		return err
	}
	return stat.Print(r)
}
