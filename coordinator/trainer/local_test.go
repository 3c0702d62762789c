package trainer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// localToy has two replicas of 25 samples, which take 3 steps and, at the end of an epoch, one.
func localToy() Settings {
	s := toySettings()
	s.Growth.Policy = growth.PolicyNone
	s.Optimizer.ClipNorm = 0
	s.Sync = DefaultSync()
	s.Sync.Every, s.Sync.Replicas = 3, 2
	return s
}

// A run of local steps is a loop over rounds, replicas and steps that knows nothing of sums:
// each replica begins with the common weights and no momentum, takes PyTorch's steps at the rate of
// the schedule, and the mean of what they changed makes a step of SGD with Nesterov's momentum.
func TestLocalRunIsAPlainLoop(t *testing.T) {
	s := localToy()
	tr := newToyOf(t, s)
	g := tr.Model().Graph
	program, err := nn.Compile(g, 16, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gradient := func(params []float32, epoch uint64, lo, n int) []float64 {
		out := make([]float64, len(params))
		for at := lo; at < lo+n; at += 16 {
			b, w := program.NewBatch(), program.NewWorkspace()
			fillToy(b, proto.Order{Split: "train", Stream: "epoch", Seed: 1, Index: epoch}, at, min(16, lo+n-at))
			w.Forward(program.Pack(nil, params), tr.Model().Buffers, b, nn.Train)
			w.Loss()
			one := make([]float32, len(params))
			w.Backward(one)
			for i, v := range one {
				out[i] += float64(v) / float64(n)
			}
		}
		return out
	}
	common := slices.Clone(tr.Model().Params)
	outer := make([]float64, len(common))
	for _, round := range []struct{ from, steps int }{{0, 3}, {3, 1}, {4, 3}, {7, 1}, {8, 3}, {11, 1}} {
		mean := make([]float64, len(common))
		for r := range 2 {
			params, velocity := slices.Clone(common), make([]float64, len(common))
			for step := round.from; step < round.from+round.steps; step++ {
				lr := 0.1 * 0.5 * (1 + math.Cos(math.Pi*float64(step)/12))
				for i, v := range gradient(params, uint64(step/4), step%4*50+r*25, 25) {
					velocity[i] = 0.9*velocity[i] + v + 1e-4*float64(params[i])
					params[i] -= float32(lr * velocity[i])
				}
			}
			for i, p := range params {
				mean[i] += float64(common[i]-p) / 2
			}
		}
		for i, v := range mean {
			outer[i] = 0.9*outer[i] + v
			common[i] -= float32(0.7 * (v + 0.9*outer[i]))
		}
	}
	var at []proto.Step
	run(t, tr, func() bool {
		if r, ok := tr.Next(); ok && r.Kind == proto.Local {
			at = append(at, r.Step)
		}
		return false
	})
	if !slices.Equal(at, []proto.Step{0, 3, 4, 7, 8, 11}) || tr.Step() != 12 || tr.Optimizer().Count() != 6 {
		t.Errorf("rounds from %v to %d, %d outer steps", at, tr.Step(), tr.Optimizer().Count())
	}
	for i, want := range common {
		if got := tr.Model().Params[i]; math.Abs(float64(got-want)) > 2e-5 {
			t.Fatalf("weight %d is %v, want %v", i, got, want)
		}
	}
	if at := tr.Progress(); at.LastEpoch.Samples != 200 || at.FLOPs != tr.cost(600) || at.Test.Samples != 70 {
		t.Errorf("%+v: want 200 samples an epoch and FLOPs of 600", at)
	}
}

// Rounds end with the epoch, the run and the budget, and rates are those that each step has in a run
// that adds up gradients.
func TestLocalRoundsEndWithTheEpochTheRunAndTheBudget(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *Settings)
		steps  []int
	}{
		"whole epochs": {func(*Settings) {}, []int{3, 1, 3, 1, 3, 1}},
		"six steps":    {func(s *Settings) { s.Train.Steps = 6 }, []int{3, 1, 2}},
		"a budget for five and a half": {func(s *Settings) {
			s.Train.MaxFLOPs = 5.5 * 50 * passes * float64(toyGraph(2).FLOPs())
		}, []int{3, 1, 2}},
	} {
		s := localToy()
		c.change(&s)
		tr := newToyOf(t, s)
		s.Sync = Sync{}
		plain := newToyOf(t, s)
		var rates []float64
		run(t, plain, func() bool {
			if r, ok := plain.Next(); ok && r.Kind == proto.Gradient {
				rates = append(rates, plain.rate(0))
			}
			return false
		})
		var steps []int
		run(t, tr, func() bool {
			r, ok := tr.Next()
			if !ok || r.Kind != proto.Local {
				return false
			}
			steps = append(steps, int(r.Local.Steps))
			want := rates[r.Step:][:r.Local.Steps]
			for i, rate := range r.Plan.Rates {
				if math.Abs(rate-want[i]) > 1e-12 {
					t.Errorf("%s: rates %v behind step %d, want %v", name, r.Plan.Rates, r.Step, want)
				}
			}
			return false
		})
		if !slices.Equal(steps, c.steps) {
			t.Errorf("%s: rounds of %v steps, want %v", name, steps, c.steps)
		}
	}
}

// Events, statistics that ride along and averages go with rounds of local steps, a restored trainer
// goes on to the same, and what is learnt is about what single steps learn.
func TestLocalRunsGrowAndGoOn(t *testing.T) {
	s := toySettings()
	s.Train.Epochs = 12
	s.Optimizer.Average = 0.2
	s.Growth = growth.DefaultOf(growth.PolicyCompute)
	s.Growth.EverySteps, s.Growth.Until, s.Growth.Riding, s.Growth.MaxFLOPs = 5, 0.9, 0.2, 3*toyGraph(2).FLOPs()
	s.Growth.Samples = 64
	plain := newToyOf(t, s)
	run(t, plain, never)
	s.Sync = DefaultSync()
	s.Sync.Every, s.Sync.Replicas = 3, 2
	whole := newToyOf(t, s)
	lines := run(t, whole, never)
	grown := 0
	for _, line := range lines {
		if strings.Contains(line, `"decision":"grow"`) {
			grown++
		}
	}
	if grown == 0 {
		t.Error("nothing grew")
	}
	for _, stop := range []proto.Step{3, 12, 20, 31} {
		tr := newToyOf(t, s)
		before := run(t, tr, func() bool { return tr.Step() >= stop })
		at := tr.Progress()
		at, err := at.WithValues(tr.Model().Graph, at.Values())
		if err != nil {
			t.Fatal(err)
		}
		var slots []optim.Slot
		for _, x := range tr.Slots() {
			slots = append(slots, optim.Slot{Name: x.Name, Data: slices.Clone(x.Data)})
		}
		again, err := Restore(s, tr.Model().Clone(), slots, tr.Optimizer().Count(), at)
		if err != nil {
			t.Fatal(err)
		}
		after := run(t, again, never)
		if again.Digest() != whole.Digest() || !slices.Equal(slices.Concat(before, after), lines) {
			t.Errorf("restored at step %d the run ends otherwise", tr.Step())
		}
	}
	chance := math.Log(3)
	if a, b := whole.Progress().Test.MeanLoss(), plain.Progress().Test.MeanLoss(); a > b+0.05 || a > chance-0.2 {
		t.Errorf("loss %v, with single steps %v, by chance %v", a, b, chance)
	}
}

func TestLocalStepsThatDivergeEndTheRun(t *testing.T) {
	tr := newToyOf(t, localToy())
	r, _ := tr.Next()
	s := proto.NewSums(r.Lengths)
	s.F64[0], s.F64[1] = float64(r.Count), math.NaN()
	if _, err := tr.Apply(s); !errors.Is(err, ErrDiverged) {
		t.Error(err)
	}
}
