package speed_test

import (
	"context"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// stepped is a network that is trained step by step.
type stepped struct {
	trainer *trainer.Trainer
	rounds  *worker.Rounds
	flops   float64   // of a step
	spent   []float64 // processor seconds of each step
}

func newStepped(b *testing.B, set *dataset.Set, widths ...int) *stepped {
	b.Helper()
	g, err := nn.Build(nn.ModelConfig{Name: "vgg", Widths: widths, Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10})
	if err != nil {
		b.Fatal(err)
	}
	s := trainer.Settings{Train: trainer.Default(), Optimizer: run.Defaults().Optimizer, Growth: growth.DefaultOf(growth.PolicyNone),
		Data: trainer.Data{Train: set.Len(dataset.Train), Test: set.Len(dataset.Test)}}
	s.Train.Epochs, s.Train.EvalEpochs, s.Train.Augment = 1e5, 0, true
	t, err := trainer.New(s, nn.Init(g, 1))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := t.Begin(); err != nil {
		b.Fatal(err)
	}
	return &stepped{trainer: t, rounds: worker.Local{Samples: set, Threads: 1}.Rounds(),
		flops: float64(3 * float64(s.Train.Batch) * float64(g.FLOPs()))}
}

// step makes one.
func (s *stepped) step(b *testing.B) {
	b.Helper()
	began := cputime.Used()
	r, _ := s.trainer.Next()
	sums, err := s.rounds.Sums(context.Background(), s.trainer.Model(), r.RoundSpec, worker.Beside{Request: r.Request})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := s.trainer.Apply(sums); err != nil {
		b.Fatal(err)
	}
	s.rounds.Release(sums)
	s.spent = append(s.spent, (cputime.Used() - began).Seconds())
}

// median returns that of the steps made.
func (s *stepped) median() float64 {
	slices.Sort(s.spent)
	return s.spent[len(s.spent)/2]
}

// BenchmarkGrownSteps tells what the steps of a run that grows cost, for equal FLOPs, over
// those of fixed networks: small networks and odd widths use a processor less well. The
// widths are those of `compute` at 4e12 FLOPs, seed 1 (deploy/bench/results/campaign.jsonl).
// Steps of all networks are made in turn, so that what else the machine does falls on all.
func BenchmarkGrownSteps(b *testing.B) {
	set, err := dataset.Open(dataset.Config{Name: "shapes", Limit: 4096})
	if err != nil {
		b.Fatal(err)
	}
	var grown []*stepped
	stages := []struct {
		steps  float64
		widths []int
	}{{50, []int{4, 4, 4, 4}}, {50, []int{4, 4, 7, 14}}, {50, []int{4, 7, 12, 24}}, {50, []int{4, 8, 16, 33}}, {50, []int{5, 9, 18, 37}},
		{50, []int{6, 10, 20, 41}}, {50, []int{6, 12, 22, 46}}, {50, []int{7, 12, 24, 51}}, {100, []int{7, 13, 27, 57}}, {100, []int{8, 15, 30, 57}},
		{100, []int{9, 16, 33, 64}}, {100, []int{9, 18, 37, 72}}, {150, []int{10, 20, 37, 80}}, {150, []int{11, 22, 41, 80}},
		{1927, []int{12, 22, 46, 88}}}
	for _, s := range stages {
		grown = append(grown, newStepped(b, set, s.widths...))
	}
	even, wide := newStepped(b, set, 12, 24, 48, 96), newStepped(b, set, 12, 24, 64, 128)
	all := append(slices.Clone(grown), even, wide)
	for b.Loop() {
		for _, s := range all {
			s.step(b)
		}
	}
	var seconds, flops, early float64
	for i, s := range stages {
		took := float64(s.steps * grown[i].median())
		seconds, flops = seconds+took, flops+float64(s.steps*grown[i].flops)
		if i < len(stages)-1 {
			early += took - float64(s.steps*grown[i].flops*even.median()/even.flops)
		}
	}
	b.ReportMetric(100*(float64(seconds/flops)/(even.median()/even.flops)-1), "%over-12-24-48-96")
	b.ReportMetric(100*(float64(seconds/flops)/(wide.median()/wide.flops)-1), "%over-12-24-64-128")
	b.ReportMetric(100*early/seconds, "%while-growing")
}
