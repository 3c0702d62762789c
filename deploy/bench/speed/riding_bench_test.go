package speed_test

import (
	"context"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// BenchmarkRidingSteps tells what statistics that ride along cost a whole step on
// average: samples, gradient, reduction, update and window. Steps of a run with them
// and of one without are made in turn, one by one, so that what else the machine does
// falls on both.
func BenchmarkRidingSteps(b *testing.B) {
	set, err := dataset.Open(dataset.Config{Name: "shapes", Limit: 4096})
	if err != nil {
		b.Fatal(err)
	}
	for name, c := range map[string]nn.ModelConfig{
		"vgg 12-24-64-128": {Name: "vgg", Widths: []int{12, 24, 64, 128}},
		"vgg 4-4-4-4":      {Name: "vgg", Widths: []int{4, 4, 4, 4}},
		"resnet18 4":       {Name: "resnet18", Width: 4},
	} {
		c.Input, c.Classes = nn.Shape{C: 3, H: 32, W: 32}, 10
		g, err := nn.Build(c)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			var trainers [2]*trainer.Trainer
			var rounds [2]*worker.Rounds
			for i, part := range []float64{0, growth.RidingPart} {
				s := trainer.Settings{Train: trainer.Default(), Optimizer: optim.Default(), Growth: growth.DefaultOf(growth.PolicyRandom),
					Data: trainer.Data{Train: set.Len(dataset.Train), Test: set.Len(dataset.Test)}}
				s.Train.Epochs, s.Train.EvalEpochs, s.Train.Augment = 1e5, 0, true
				s.Growth.EverySteps, s.Growth.Until, s.Growth.Riding = 1e9, 1, part
				if trainers[i], err = trainer.New(s, nn.Init(g, 1)); err != nil {
					b.Fatal(err)
				}
				if _, err := trainers[i].Begin(); err != nil {
					b.Fatal(err)
				}
				rounds[i] = worker.Local{Samples: set, Threads: 1}.Rounds()
			}
			var spent [2]float64
			const turn = 80 // steps: S rides along once
			for b.Loop() {
				for range turn {
					for i, t := range trainers {
						began := cputime.Used().Seconds()
						r, _ := t.Next()
						sums, err := rounds[i].Sums(context.Background(), t.Model(), r.RoundSpec, worker.Beside{Request: r.Request})
						if err != nil {
							b.Fatal(err)
						}
						if _, err := t.Apply(sums); err != nil {
							b.Fatal(err)
						}
						rounds[i].Release(sums)
						spent[i] += cputime.Used().Seconds() - began
					}
				}
			}
			b.ReportMetric(100*(spent[1]/spent[0]-1), "%riding")
			b.ReportMetric(1e3*spent[0]/float64(turn*b.N), "ms/step")
		})
	}
}
