package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/growth"
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
	file := filepath.Join(b.runs.Dir, "vgg.yaml")
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
				maps.Copy(set, m.set)
				r, err := b.runs.Train(ctx, "init", stat.Given(b.common(), set))
				if err != nil {
					return nil, err
				}
				one.take(r, seed)
			}
			list = append(list, one)
		}
	}
	return list, nil
}

// take adds what a run came to. A loss that chance has too is no training: its run diverged.
func (i *Init) take(r *stat.Run, seed int) {
	loss := r.Last(lastSteps, stat.Loss)
	if !r.Whole {
		loss = math.Inf(1)
	}
	i.Losses = append(i.Losses, growth.Number(loss))
	if !(loss < portable.Log(10)-0.02) {
		i.Diverged++
	}
	if seed != 1 {
		return
	}
	i.Steps = len(r.Steps)
	if len(r.Scales) > 0 {
		i.Scales = []float64{math.Inf(1), 0}
		for _, s := range r.Scales {
			if strings.HasSuffix(s.Tensor, ".weight") {
				i.Scales[0], i.Scales[1] = min(i.Scales[0], s.Scale), max(i.Scales[1], s.Scale)
			}
		}
	}
}
