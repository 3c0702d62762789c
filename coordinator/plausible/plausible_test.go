package plausible

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// graph has batch norms of three and of two channels.
func graph() *nn.Graph {
	return &nn.Graph{Input: nn.Shape{C: 3, H: 2, W: 2}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "bn1", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"x"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "flat", Op: nn.OpFlatten, Inputs: []nn.NodeID{"bn1"}},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"flat"}, Out: 2, Bias: true},
		{ID: "bn2", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"bn2"}, Out: 3, Bias: true},
	}}
}

func round(k proto.Kind) Round {
	return Of(proto.RoundSpec{Kind: k, Offset: 100, Count: 30, MicroShard: 8}, graph())
}

// honest are sums over 14 samples, micro-shards 2 and 3 of which the last is not full.
func honest(k proto.Kind) proto.Sums {
	switch k {
	case proto.Evaluate:
		return proto.Sums{F64: []float64{14, 30, 5}}
	case proto.Growth:
		return proto.Sums{F64: []float64{14, 30, 5, 2, 100, -7, 0}}
	}
	return proto.Sums{F32: []float32{3, -14, 0}, F64: []float64{14, 30, 5,
		56, -20, 0, 56, 100, 0, 56, // 14 images of 4 pixels: the first channel is constant, the last is zero
		28, 1, 56, 30, 14, 0, 0}}
}

func look(k proto.Kind, s proto.Sums) Finding {
	squares := 0.0
	for _, v := range s.F32 {
		squares += float64(float64(v) * float64(v))
	}
	return round(k).Look(proto.Block{Lo: 2, Hi: 4}, s, math.Sqrt(squares))
}

func TestHonestSumsArePlausible(t *testing.T) {
	for _, k := range []proto.Kind{proto.Gradient, proto.Evaluate, proto.Growth} {
		f := look(k, honest(k))
		if f.Wrong != "" || f.Doubt != "" || (&Scale{}).Doubt(k, "a", f) != "" {
			t.Errorf("%s: %+v, %s", k, f, (&Scale{}).Doubt(k, "a", f))
		}
	}
}

func TestWhatArithmeticRulesOut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	all := []proto.Kind{proto.Gradient, proto.Evaluate, proto.Growth}
	for _, c := range []struct {
		name         string
		kinds        []proto.Kind
		change       func(s proto.Sums)
		wrong, doubt string
	}{
		{"twice the samples", all, func(s proto.Sums) { s.F64[0] = 28 }, "over 28 samples, the block has 14", ""},
		{"samples that are no number", all, func(s proto.Sums) { s.F64[0] = nan }, "samples", ""},
		{"more correct than samples", all, func(s proto.Sums) { s.F64[2] = 15 }, "15 of 14", ""},
		{"fewer correct than none", all, func(s proto.Sums) { s.F64[2] = -1 }, "-1 of 14", ""},
		{"half a correct one", all, func(s proto.Sums) { s.F64[2] = 0.5 }, "0.5 of 14", ""},
		{"correct ones that are no number", all, func(s proto.Sums) { s.F64[2] = nan }, "NaN of 14", ""},
		{"a loss that is no number", all, func(s proto.Sums) { s.F64[1] = nan }, "", "none"},
		{"an infinite loss", all, func(s proto.Sums) { s.F64[1] = inf }, "", "none"},
		{"a negative loss", all, func(s proto.Sums) { s.F64[1] = -1 }, "", "loss is -1"},
		{"a huge loss", all, func(s proto.Sums) { s.F64[1] = 1e30 }, "", "its loss is"},
		{"micro-shards", all[2:], func(s proto.Sums) { s.F64[3] = 1 }, "2 micro-shards", ""},
		{"statistics that are no number", all[2:], func(s proto.Sums) { s.F64[6] = nan }, "", "none"},
		{"huge statistics", all[2:], func(s proto.Sums) { s.F64[5] = -1e20 }, "", "its statistics is"},
		{"a gradient that is no number", all[:1], func(s proto.Sums) { s.F32[2] = float32(nan) }, "", "none"},
		{"an infinite gradient", all[:1], func(s proto.Sums) { s.F32[0] = float32(-inf) }, "", "none"},
		{"a huge gradient", all[:1], func(s proto.Sums) { s.F32[1] = 1e30 }, "", "its gradient is"},
		{"moments that are no number", all[:1], func(s proto.Sums) { s.F64[4] = nan }, "", "none"},
		{"moments of fewer values", all[:1], func(s proto.Sums) { s.F64[9] = 13 }, "over 13 values", ""},
		{"moments of no values", all[:1], func(s proto.Sums) { s.F64[9] = 0 }, "over 0 values", ""},
		{"moments of broken values", all[:1], func(s proto.Sums) { s.F64[14] = 14.5 }, "over 14.5 values", ""},
		{"halves of a part", all[:1], func(s proto.Sums) { s.F64[15] = 1 }, "halves of a batch", ""},
		{"halves told by what they are a part of", all[:1], func(s proto.Sums) { s.F64[16] = 1 }, "nobody asked", ""},
		{"a negative square", all[:1], func(s proto.Sums) { s.F64[8] = -1 }, "", "channel 2 of batch-norm layer 1"},
		{"a mean beyond the squares", all[:1], func(s proto.Sums) { s.F64[10] = 29 }, "", "channel 0 of batch-norm layer 2"},
		{"a mean without squares", all[:1], func(s proto.Sums) { s.F64[5] = 1 }, "", "channel 2 of batch-norm layer 1"},
	} {
		for _, k := range c.kinds {
			s := honest(k)
			c.change(s)
			f := look(k, s)
			if (c.wrong == "") != (f.Wrong == "") || !strings.Contains(f.Wrong, c.wrong) {
				t.Errorf("%s, %s: wrong is %q, want %q", c.name, k, f.Wrong, c.wrong)
			}
			if doubt := (&Scale{}).Doubt(k, "a", f); c.wrong == "" && (doubt == "" || !strings.Contains(doubt, c.doubt)) {
				t.Errorf("%s, %s: the doubt is %q, want %q", c.name, k, doubt, c.doubt)
			}
		}
	}
}

// of returns a finding of that size.
func of(gradient float64) Finding { return Finding{sizes: sizes{ofGradient: gradient}} }

func TestSizesAreComparedWithThoseOfOthers(t *testing.T) {
	var s Scale
	for i := range 20 {
		s.Learn(proto.Gradient, proto.Key(fmt.Sprint("k", i%2)), of(2))
	}
	if why := s.Doubt(proto.Gradient, "k0", of(1999)); why != "" {
		t.Error(why)
	}
	if s.Doubt(proto.Gradient, "k0", of(2001)) == "" {
		t.Error("a thousand times as much as ever raises no doubt")
	}
	// Whoever sends more and more raises the bound of others, never its own.
	for size := 2.0; size < 1e9; size *= 900 {
		s.Learn(proto.Gradient, "k0", of(size))
	}
	if s.Doubt(proto.Gradient, "k0", of(2001)) == "" {
		t.Error("a key raised its own bound")
	}
	// Small gradients say nothing.
	var small Scale
	for range 20 {
		small.Learn(proto.Gradient, "a", of(1e-9))
	}
	if why := small.Doubt(proto.Gradient, "b", of(900)); why != "" {
		t.Error(why)
	}
	// What is no number teaches nothing, and growth rounds nothing about each other.
	small.Learn(proto.Gradient, "a", of(math.Inf(1)))
	if small.Doubt(proto.Gradient, "b", of(1001)) == "" {
		t.Error("infinity was learnt")
	}
	for range 20 {
		small.Learn(proto.Growth, "a", Finding{sizes: sizes{ofStatistics: 1e6}})
	}
	small.Open(proto.Growth)
	if why := small.Doubt(proto.Growth, "b", Finding{sizes: sizes{ofStatistics: 9e8}}); why != "" {
		t.Error(why)
	}
}

func TestFewKeysAreRemembered(t *testing.T) {
	var s Scale
	for i := range 3 * maxKeys {
		s.Learn(proto.Gradient, proto.Key(fmt.Sprint(i)), of(1))
	}
	if n := len(s.kinds[proto.Gradient]); n > maxKeys {
		t.Errorf("%d keys are remembered", n)
	}
}

// ridingRound is a gradient round that N and S of one site ride along with.
func ridingRound(metric bool) (Round, proto.Sums) {
	r, s := round(proto.Gradient), honest(proto.Gradient)
	r.Riding, r.Metric = measure.RidingSites(graph()), metric
	for _, site := range r.Riding {
		if metric { // of inputs that are all one
			for range site.MetricLen {
				s.F64 = append(s.F64, 14)
			}
		}
		for range site.NLen {
			s.F64 = append(s.F64, -3)
		}
	}
	return r, s
}

func TestWhatRidesAlongIsLookedAt(t *testing.T) {
	base := len(honest(proto.Gradient).F64)
	for name, c := range map[string]struct {
		metric bool
		change func(v []float64) // behind the moments
		doubt  string
	}{
		"N":                             {false, func([]float64) {}, ""},
		"N and S":                       {true, func([]float64) {}, ""},
		"N that is no number":           {false, func(v []float64) { v[1] = math.NaN() }, "numbers that rode along are none"},
		"N without end":                 {true, func(v []float64) { v[len(v)-1] = math.Inf(1) }, "numbers that rode along are none"},
		"a huge N":                      {false, func(v []float64) { v[0] = -1e9 }, "its statistics that rode along is"},
		"a negative square":             {true, func(v []float64) { v[0] = -1 }, "the squares of input 0 sum to -1"},
		"a huge square":                 {true, func(v []float64) { v[0] = 1e12 }, "the squares of input 0 sum to"},
		"a product beyond its squares":  {true, func(v []float64) { v[1] = 20 }, "the product of inputs 0 and 1"},
		"a product just within squares": {true, func(v []float64) { v[1] = 14.01 }, ""},
	} {
		r, s := ridingRound(c.metric)
		if len(r.Riding) == 0 {
			t.Fatal("no site")
		}
		c.change(s.F64[base:])
		f := r.Look(proto.Block{Lo: 2, Hi: 4}, s, 10)
		if f.Wrong != "" {
			t.Errorf("%s: wrong is %q", name, f.Wrong)
		}
		if doubt := (&Scale{}).Doubt(proto.Gradient, "a", f); (c.doubt == "") != (doubt == "") || !strings.Contains(doubt, c.doubt) {
			t.Errorf("%s: the doubt is %q, want %q", name, doubt, c.doubt)
		}
	}
}
