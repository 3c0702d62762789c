package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

// widths are those of the network of the points, and twice that.
var widths = [4]int{8, 16, 32, 64}

// points measures networks early and late, at a low and at a high rate.
func (b *bench) points(ctx context.Context) (list []Point, err error) {
	for _, rate := range []float64{0.01, 0.05} {
		for _, steps := range []int{100, 500} {
			for seed := 1; seed <= b.seeds; seed++ {
				p := Point{Rate: rate, Batch: batch, Steps: steps, Seed: seed}
				if err := b.point(ctx, &p); err != nil {
					return nil, err
				}
				list = append(list, p)
			}
		}
	}
	return list, nil
}

func (b *bench) point(ctx context.Context, p *Point) error {
	set := map[string]string{"model.name": "vgg", "model.widths": text(widths, 1), "optim.lr": fmt.Sprint(p.Rate),
		"train.seed": strconv.Itoa(p.Seed), "train.steps": strconv.Itoa(p.Steps)}
	base, err := b.runs.Train(ctx, "base", stat.Given(b.common(), set))
	if err != nil {
		return err
	}
	last := min(50, p.Steps)
	p.Cosine = base.Last(last, func(r trainer.StepRecord) float64 { return r.GradCosine })
	p.NoiseScale = base.Last(1, func(r trainer.StepRecord) float64 { return r.NoiseScale })
	p.Loss = *base.Result.TestLoss
	delete(set, "model.name")
	delete(set, "model.widths")
	set["train.seed"] = strconv.Itoa(100 + p.Seed) // samples in another order
	for _, way := range []struct {
		set  map[string]string
		loss *float64
	}{
		{map[string]string{"train.steps": strconv.Itoa(4 * b.steps)}, &p.More},
		{map[string]string{"train.steps": strconv.Itoa(b.steps), "train.batch": strconv.Itoa(4 * batch)}, &p.Larger},
		{map[string]string{"train.steps": strconv.Itoa(b.steps), "growth.policy": "random", "growth.every_steps": "1",
			"growth.until": "1", "growth.gate": "false", "growth.samples": "256", "growth.max_neurons": "1024",
			"growth.widths": fmt.Sprintf("{conv1: %d, conv2: %d, conv3: %d, conv4: %d}", 2*widths[0], 2*widths[1], 2*widths[2],
				2*widths[3])},
			&p.Wider},
	} {
		all := maps.Clone(set)
		maps.Copy(all, way.set)
		g := stat.Given(b.common(), all)
		g.From = base.Dir
		next, err := b.runs.Train(ctx, "next", g)
		if err != nil {
			return err
		}
		*way.loss = *next.Result.TestLoss
	}
	return nil
}

// text writes widths, so many times as large, as a setting.
func text(w [4]int, factor int) string {
	return fmt.Sprintf("[%d, %d, %d, %d]", factor*w[0], factor*w[1], factor*w[2], factor*w[3])
}
