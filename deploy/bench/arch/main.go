// Command arch measures what the learning rate by architecture ([arch-aware], arXiv
// 2402.17440) is worth on networks of ours. Of networks of several shapes and kernels, without
// normalisation, it finds the best constant rate of a grid after one epoch, and tells how well
// the rules of optim.ArchConfig rank them. Then it lets a residual network grow in depth at
// rates around the best one of its first shape, with and without a rule, and counts the runs
// that diverged and the steps to a training loss. It prints JSON.
//
//	go run ./deploy/bench/arch -data-dir CIFAR > deploy/bench/results/arch.json
package main

import (
	"context"
	"errors"
	"flag"
	"os"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/growth"
)

func main() { stat.Main("arch", command) }

// Report is what the command prints.
type Report struct {
	Samples int    `json:"samples"` // of CIFAR-10, gone through once by each run
	Seeds   int    `json:"seeds"`
	Grid    []Rate `json:"networks"`
	// Spearman tells by rule how its factors rank the networks.
	Spearman map[string]Ranks `json:"spearman"`
	Deeper   []Deeper         `json:"deeper,omitempty"`
}

// Ranks are rank correlations with the measured rates.
type Ranks struct {
	Best    float64 `json:"best_rate"`
	Largest float64 `json:"largest_rate"`
}

// Rate is the best rate of a network beside the factors of the rules.
type Rate struct {
	Network string             `json:"network"`
	Best    float64            `json:"best_rate"`    // geometric mean over the seeds
	Largest float64            `json:"largest_rate"` // likewise, the largest that trains at all
	Factor  map[string]float64 `json:"factor"`       // by rule, for a base depth of 1
}

// Deeper is how runs went that grew in depth.
type Deeper struct {
	Rule     string  `json:"rule"`
	Rate     float64 `json:"rate"` // of the network that they began with
	Diverged int     `json:"diverged"`
	// Steps to the target are those of each seed, 0 where it was not reached.
	Steps  []uint64        `json:"steps_to_target"`
	Losses []growth.Number `json:"losses"` // mean training loss of the last quarter, by seed
}

func command(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("arch", flag.ContinueOnError)
	var b bench
	f.StringVar(&b.dataDir, "data-dir", "", "directory of CIFAR-10's files")
	f.IntVar(&b.samples, "samples", 10000, "training samples of a run, gone through once")
	f.IntVar(&b.seeds, "seeds", 3, "seeds of each run")
	f.Float64Var(&b.target, "target", 1.9, "training loss that steps are counted to, in runs that grow in depth")
	if err := f.Parse(args); err != nil {
		return err
	}
	if b.dataDir == "" || b.samples < 1000 || b.seeds < 1 {
		return errors.New("give -data-dir, at least 1000 samples and a seed")
	}
	dir, err := os.MkdirTemp("", "tinygrow-arch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b.runs = stat.Runs{Dir: dir, Most: b.seeds * ((len(networks())*len(grid()) + 3*(1+len(rules))) + len(grid()))}
	r := Report{Samples: b.samples, Seeds: b.seeds}
	if err := b.rates(ctx, &r); err != nil {
		return err
	}
	if err := b.deeper(ctx, &r); err != nil {
		return err
	}
	return stat.Print(r)
}
