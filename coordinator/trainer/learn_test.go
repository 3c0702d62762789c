package trainer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

func learnedToy(method string) Settings {
	s := toySettings()
	s.Train.Init.Learn, s.Train.Init.Iterations, s.Train.Init.LR, s.Train.Init.Gamma = method, 5, 0.05, 0.5
	s.Train.Epochs, s.Growth.EverySteps = 1, 2
	return s
}

// A run that learns its first weights tells of each iteration, begins to train with the
// fresh weights times the scales, and is the same wherever it is taken up.
func TestRestoreAnywhereInLearnedWeights(t *testing.T) {
	for _, method := range []string{initial.GradInit, initial.NIO} {
		for name, change := range map[string]func(*Settings){
			"plain":   func(*Settings) {},
			"average": func(s *Settings) { s.Optimizer.Average = 0.5 },
			"fp16":    func(s *Settings) { s.Train.Wire, s.Growth = "fp16", growth.DefaultOf(growth.PolicyNone) },
			"adamw":   func(s *Settings) { s.Optimizer.Name = "adamw" },
			"budget":  func(s *Settings) { s.Train.MaxFLOPs = 60000 },
		} {
			if method == initial.NIO && name != "plain" {
				continue
			}
			set := learnedToy(method)
			change(&set)
			_, told := restoreAnywhere(t, set, toyGraph(2))
			for i, a := range told[:5] {
				if a.Init == nil || a.Init.Iteration != i+1 || a.Init.Done != (i == 4) || a.Step != nil {
					t.Fatalf("%s, %s: record %d is %+v", method, name, i, a)
				}
			}
			if told[5].Step == nil || told[5].Step.Step != 1 {
				t.Errorf("%s, %s: no step behind the last iteration: %+v", method, name, told[5])
			}
		}
	}
}

func TestTrainingBeginsWithScaledWeights(t *testing.T) {
	set := learnedToy(initial.GradInit)
	set.Optimizer.Average = 0.5
	tr := newToyOf(t, set)
	fresh := tr.Model().Clone()
	var last *InitRecord
	turns := []string{tr.Weights().Turn}
	for last == nil || !last.Done {
		r, _ := tr.Next()
		if r.Kind != proto.Gradient || tr.Shares() || tr.GrowthDue() || r.Plan != nil || r.Request != nil {
			t.Fatalf("%+v", r)
		}
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if turns = append(turns, tr.Weights().Turn); a.Init != nil {
			last = a.Init
		}
		if a.NewWeights() != (a.Init != nil && a.Init.Done) || last != nil && !last.Done && !slices.Equal(tr.Model().Params, fresh.Params) {
			t.Fatal("weights change before the end")
		}
	}
	if !slices.IsSorted(turns) || len(slices.Compact(slices.Clone(turns))) != len(turns) {
		t.Errorf("keys of weights do not ascend: %q", turns)
	}
	for i, e := range fresh.Graph.ParamEntries() {
		scale := last.Scales[i]
		if scale.Tensor != e.Name || scale.Scale == 1 && e.Role == nn.RoleWeight {
			t.Errorf("%s has the scale %+v", e.Name, scale)
		}
		for k, v := range e.Of(fresh.Params) {
			if got := e.Of(tr.Model().Params)[k]; got != float32(scale.Scale)*v {
				t.Fatalf("%s: %v became %v, by %v", e.Name, v, got, scale.Scale)
			}
		}
	}
	if p, _ := tr.average.split(len(fresh.Params)); !slices.Equal(p, tr.Model().Params) {
		t.Error("the average does not begin with the scaled weights")
	}
	if last.Digest != tr.Digest().String() {
		t.Error("the record has another digest")
	}
}

// Which samples an iteration reads: those of the batch, and half of them with as many others.
func TestSamplesOfLearnedWeights(t *testing.T) {
	for method, want := range map[string][][2]uint64{
		initial.GradInit: {{0, 50}, {25, 75}, {50, 100}, {75, 125}, {100, 150}, {125, 175}, {150, 200}, {125, 175}},
		initial.NIO:      {{0, 25}, {25, 50}, {0, 25}, {0, 25}, {25, 50}, {25, 50}, {50, 75}, {75, 100}},
	} {
		set := learnedToy(method)
		set.Train.Init.Gamma = 1e6
		tr := newToyOf(t, set)
		for i, span := range want {
			r, _ := tr.Next()
			if got := [2]uint64{r.Offset, r.Offset + r.Count}; got != span || r.Order.Index != 0 {
				t.Errorf("%s: gradient %d is over %v, want %v", method, i, got, span)
			}
			if _, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards()))); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Losses that are no numbers end no run while first weights are learned.
func TestLearnedWeightsOfAnExplodingNetwork(t *testing.T) {
	tr := newToyOf(t, learnedToy(initial.GradInit))
	r, _ := tr.Next()
	s := compute(tr, r, proto.Root(r.MicroShards()))
	s.F64[1], s.F32[0] = math.NaN(), float32(math.NaN())
	a, err := tr.Apply(s)
	if err != nil || a.Init == nil || !a.Init.Shrunk {
		t.Errorf("%+v, %v", a.Init, err)
	}
	if s.F64[0]++; errors.Is(err, ErrDiverged) {
		t.Error(err)
	}
	if _, err := tr.Apply(s); err == nil {
		t.Error("sums over other samples are taken")
	}
}

func TestFaultsOfLearnedWeights(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"must be none, gradinit or nio": func(c *Config) { c.Init.Learn = "kaiming" },
		"init.iterations 0":             func(c *Config) { c.Init.Iterations = 0 },
		"init.gamma -1":                 func(c *Config) { c.Init.Gamma = -1 },
		"init.eta 0":                    func(c *Config) { c.Init.Eta = 0 },
		"init.lr NaN":                   func(c *Config) { c.Init.LR = math.NaN() },
		"init.min_scale 0":              func(c *Config) { c.Init.MinScale = 0 },
		"starts from a trained model":   func(c *Config) { c.From = strings.Repeat("0", 64) },
		"gradients of the loss": func(c *Config) {
			c.Update = DefaultUpdate()
			c.Update.Rule = RecLRA
		},
		"halves of a batch": func(c *Config) { c.Batch, c.MicroShard = 1, 1 },
	} {
		c := learnedToy(initial.NIO).Train
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
