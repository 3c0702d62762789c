package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// grid are the rates that are tried: from 0.01 to 10.24, by factors of 2.
func grid() (rates []float64) {
	for k := range 11 {
		rates = append(rates, math.Ldexp(0.01, k))
	}
	return rates
}

var rules = []string{optim.PathSum, optim.MinPath}

// rates finds the best rate of every network.
func (b *bench) rates(ctx context.Context, r *Report) error {
	for _, n := range networks() {
		row := Rate{Network: n.name, Factor: map[string]float64{}}
		g, err := b.build(n.text)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		for _, rule := range rules {
			row.Factor[rule] = factor(rule, g)
		}
		bests, largests := 0.0, 0.0
		for seed := range b.seeds {
			best, largest, err := b.best(ctx, n.text, seed+1)
			if err != nil {
				return fmt.Errorf("%s: %w", n.name, err)
			}
			if largest == 0 {
				return fmt.Errorf("%s: no rate of the grid trains it", n.name)
			}
			bests += math.Log(best)
			largests += math.Log(largest)
		}
		row.Best, row.Largest = math.Exp(bests/float64(b.seeds)), math.Exp(largests/float64(b.seeds))
		r.Grid = append(r.Grid, row)
		fmt.Fprintf(os.Stderr, "%s: best rate %.3g, largest %.3g, path_sum %.3g, min_path %.3g\n", n.name, row.Best, row.Largest,
			row.Factor[optim.PathSum], row.Factor[optim.MinPath])
	}
	r.Spearman = map[string]Ranks{}
	for _, rule := range rules {
		var best, largest, factors []float64
		for _, row := range r.Grid {
			best, largest, factors = append(best, row.Best), append(largest, row.Largest), append(factors, row.Factor[rule])
		}
		r.Spearman[rule] = Ranks{stat.Spearman(best, factors), stat.Spearman(largest, factors)}
	}
	return nil
}

// factor returns that of a rule on the rate that is best for one activation.
func factor(rule string, g *nn.Graph) float64 {
	return trainer.ArchFactor(optim.ArchConfig{Rule: rule, BaseDepth: 1}, g)
}

// build returns the graph that a text describes, on images of CIFAR-10.
func (b *bench) build(text string) (*nn.Graph, error) {
	return nn.Build(nn.ModelConfig{Name: "net.yaml", Text: text, Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10})
}

// best returns the rate of the grid whose run ends with the lowest training loss, and the largest
// one whose run ends with a lower loss than that of equal chances for all classes.
func (b *bench) best(ctx context.Context, text string, seed int) (best, largest float64, err error) {
	lowest := math.Inf(1)
	for _, rate := range grid() {
		losses, whole, err := b.losses(ctx, text, map[string]string{"train.seed": fmt.Sprint(seed), "optim.lr": fmt.Sprint(rate)})
		if err != nil {
			return 0, 0, err
		}
		loss := lastQuarter(losses, whole)
		if loss < lowest {
			best, lowest = rate, loss
		}
		if loss < math.Log(10) {
			largest = rate
		} else if largest > 0 {
			break
		}
	}
	return best, largest, nil
}

// deeper lets a residual network grow a block at every event, at rates up to those that are too
// high for it.
func (b *bench) deeper(ctx context.Context, r *Report) error {
	best, _, err := b.best(ctx, residual, 1)
	if err != nil {
		return err
	}
	g, err := b.build(residual)
	if err != nil {
		return err
	}
	for _, times := range []float64{1, 2, 4} {
		for _, rule := range append([]string{optim.ArchNone}, rules...) {
			row := Deeper{Rule: rule, Rate: times * best}
			// the rate at the start is the same by all rules
			lr := row.Rate / factor(rule, g)
			for seed := range b.seeds {
				losses, whole, err := b.losses(ctx, residual, map[string]string{"train.seed": fmt.Sprint(seed + 1), "train.epochs": "3",
					"optim.lr": fmt.Sprint(lr), "optim.arch.rule": rule, "growth.policy": "random", "growth.depth_every": "1",
					"growth.every_steps": fmt.Sprint(max(1, b.samples/64/8)), "growth.until": "0.5", "growth.max_neurons": "16",
					"growth.max_width": "64", "growth.samples_per_param": "0"})
				if err != nil {
					return err
				}
				if !whole {
					row.Diverged++
				}
				row.Losses = append(row.Losses, growth.Number(lastQuarter(losses, whole)))
				row.Steps = append(row.Steps, stepsTo(losses, b.target))
			}
			r.Deeper = append(r.Deeper, row)
			fmt.Fprintf(os.Stderr, "deeper, %s from %.3g: %d diverged, losses %.3g, steps %d\n", rule, row.Rate, row.Diverged, row.Losses,
				row.Steps)
		}
	}
	return nil
}

// stepsTo returns the first step at which the mean loss of 20 steps is at most target, 0 if none is.
func stepsTo(losses []float64, target float64) uint64 {
	const window = 20
	sum := 0.0
	for i, l := range losses {
		if sum += l; i >= window {
			sum -= losses[i-window]
		}
		if i+1 >= window && sum/window <= target {
			return uint64(i + 1)
		}
	}
	return 0
}
