package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// lastSteps is over how many steps at the end of a run the loss is taken.
const lastSteps = 40

// methods are the first weights, as settings.
var methods = []struct {
	name string
	set  map[string]string
}{
	{"`fan_in`", nil},
	{"`arch_aware`", map[string]string{"train.init.rule": "arch_aware"}},
	{"`gradinit`", map[string]string{"train.init.learn": "gradinit", "train.init.iterations": "20", "train.init.lr": "0.05"}},
	{"`nio`", map[string]string{"train.init.learn": "nio", "train.init.iterations": "20", "train.init.lr": "0.05"}},
}

// vgg is a chain of eight convolutions without normalisation, a picture halved behind every other one.
func vgg() string {
	var b strings.Builder
	b.WriteString("layers:\n")
	for i, width := range []int{8, 8, 16, 16, 32, 32, 32, 32} {
		fmt.Fprintf(&b, "  conv%d: {conv2d: {out: %d, kernel: 3, padding: 1, bias: true}}\n  relu%d: relu\n", i+1, width, i+1)
		if i%2 == 1 {
			fmt.Fprintf(&b, "  pool%d: {maxpool2d: {kernel: 2}}\n", i+1)
		}
	}
	b.WriteString("  flatten: flatten\n  fc: {linear: {out: classes}}\n")
	return b.String()
}

// inits measures all methods at all rates, at the computation of so many gradients.
func (b *bench) inits(ctx context.Context) (list []Init, err error) {
	file := filepath.Join(b.dir, "vgg.yaml")
	if err := os.WriteFile(file, []byte(vgg()), 0o600); err != nil {
		return nil, err
	}
	g, err := nn.Build(nn.ModelConfig{Name: "vgg.yaml", Text: vgg(), Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10})
	if err != nil {
		return nil, err
	}
	budget := float64(3 * float64(g.FLOPs()) * float64(batch*b.jobs))
	for _, rate := range []float64{0.03, 0.1} {
		for _, m := range methods {
			one := Init{Init: m.name, Rate: rate}
			for seed := 1; seed <= b.seeds; seed++ {
				set := map[string]string{"model.name": file, "optim.lr": fmt.Sprint(rate), "optim.weight_decay": "0",
					"train.seed": strconv.Itoa(seed), "train.augment": "false", "train.epochs": "1000",
					"train.max_flops": fmt.Sprint(budget)}
				for key, value := range m.set {
					set[key] = value
				}
				c, err := b.run(ctx, "init", "", set)
				if err != nil {
					return nil, err
				}
				one.take(c, seed)
			}
			list = append(list, one)
		}
	}
	return list, nil
}

// take adds what a run came to. A loss that chance has too is no training: its run diverged.
func (i *Init) take(c *course, seed int) {
	loss := c.last(lastSteps, func(r trainer.StepRecord) float64 { return r.Loss })
	if !c.whole {
		loss = math.Inf(1)
	}
	i.Losses = append(i.Losses, Number(loss))
	if !(loss < portable.Log(10)-0.02) {
		i.Diverged++
	}
	if seed != 1 {
		return
	}
	i.Steps = len(c.steps)
	if len(c.scales) > 0 {
		i.Scales = []float64{math.Inf(1), 0}
		for _, s := range c.scales {
			if strings.HasSuffix(s.Tensor, ".weight") {
				i.Scales[0], i.Scales[1] = min(i.Scales[0], s.Scale), max(i.Scales[1], s.Scale)
			}
		}
	}
}
