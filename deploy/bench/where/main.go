// Command where asks which rule tells where width is worth its computation. The
// plan `where` of deploy/bench/campaign has trained networks with one layer twice as
// wide each, from the beginning and with equal computation: their accuracy less
// that of the network as it is is the worth of width there. This command trains
// each of these networks for a few hundred steps, as a growth event finds it, scores
// all layers by every rule, and compares the order of scores with that of worth
// (Spearman's rank correlation). It prints JSON, which deploy/bench/render renders.
//
//	go run ./deploy/bench/campaign -plan where -data-dir CIFAR -runs DIR
//	go run ./deploy/bench/where -data-dir CIFAR > deploy/bench/results/where.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

func main() { stat.Main("where", command) }

// Report is what the command prints.
type Report struct {
	Effort   Effort    `json:"effort"`
	Networks []Network `json:"networks"`
}

// Effort says how scores are measured.
type Effort struct {
	Steps   int `json:"steps"`   // training steps before the scores are taken
	Samples int `json:"samples"` // samples of the statistics
	Fork    int `json:"fork"`    // steps after the site has grown
}

// Network is a network with the worth of width of its layers.
type Network struct {
	Name   string  `json:"network"`
	Budget float64 `json:"budget"` // FLOPs of the runs that tell the worth
	// Accuracy is that of the network as it is, by seed.
	Accuracy []float64 `json:"accuracy"`
	Sites    []Site    `json:"sites"`
	// Spearman is the rank correlation of each rule's scores with the worth.
	Spearman map[string]float64 `json:"spearman"`

	set map[string]string // its settings
}

// Site is a layer that was twice as wide; of a stream of a residual network, which
// several layers write, the first one.
type Site struct {
	Layer    string    `json:"layer"`
	Width    int       `json:"width"`
	Accuracy []float64 `json:"accuracy"` // accuracy when it is twice as wide, by seed
	Worth    float64   `json:"worth"`    // mean of the differences
	FLOPs    int64     `json:"flops"`    // FLOPs of one sample, forward, that it costs
	// Scores are those of the rules, each for the same computation.
	Scores map[string]float64 `json:"scores"`

	set map[string]string // the settings of the network when it is twice as wide
}

func command(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("where", flag.ContinueOnError)
	results := f.String("results", "deploy/bench/results/where.jsonl", "file of the campaign's results")
	dataDir := f.String("data-dir", "", "directory of the data set's files")
	var e Effort
	f.IntVar(&e.Steps, "steps", 300, "steps of training before scores are measured")
	f.IntVar(&e.Samples, "samples", 16384, "samples of statistics")
	f.IntVar(&e.Fork, "fork", 50, "steps of training of a grown copy")
	if err := f.Parse(args); err != nil {
		return err
	}
	if e.Steps < 1 || e.Samples < 1 || e.Fork < 1 {
		return errors.New("-steps, -samples and -fork must be at least 1")
	}
	networks, err := read(*results)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tinygrow-where-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	runs := &stat.Runs{Dir: dir}
	for _, n := range networks {
		runs.Most += 2 + len(n.Sites)
	}
	for i := range networks {
		n := &networks[i]
		fmt.Fprintf(os.Stderr, "%s: %d layers\n", n.Name, len(n.Sites))
		if err := (&scorer{Network: n, Effort: e, dataDir: *dataDir, runs: runs}).score(ctx); err != nil {
			return fmt.Errorf("%s: %w", n.Name, err)
		}
	}
	return stat.Print(Report{e, networks})
}
