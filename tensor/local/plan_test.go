package local

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func inTurn(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// mlp has a layer of 4 x 5 weights that grew by an output and by an input.
func mlp() *nn.Graph {
	return &nn.Graph{Input: nn.Shape{C: 5, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 4},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"bn"}, Out: 3, Bias: true},
	}}
}

func births() *optim.Births {
	return &optim.Births{Outputs: []optim.Birth{{To: 3}, {To: 4, Event: 2}}, Inputs: []optim.Birth{{To: 5}}}
}

func plan() *Plan {
	c := optim.Default()
	c.Births = optim.VarianceTransfer
	p := &Plan{Optimizer: c, Rates: []float64{0.1, 0.25, 1. / 3}, Births: make([]*optim.Births, 5)}
	p.Births[0] = births()
	return p
}

func TestPlansSurviveTheWay(t *testing.T) {
	p := plan()
	got, err := Parse(p.JSON())
	if err != nil || !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, %v, want %+v", got, err, p)
	}
	if err := got.Check(mlp(), 3); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "{", "[]", `{"rates":[1]} {}`, `{"what":1}`, `{"rates":["a"]}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func TestPlansThatCannotBeFollowedAreRefused(t *testing.T) {
	for want, change := range map[string]func(p *Plan){
		"2 rates for 3 steps":        func(p *Plan) { p.Rates = p.Rates[:2] },
		"rate NaN of step 1":         func(p *Plan) { p.Rates[1] = math.NaN() },
		"rate -1 of step 0":          func(p *Plan) { p.Rates[0] = -1 },
		"rate +Inf of step 2":        func(p *Plan) { p.Rates[2] = math.Inf(1) },
		"births of 4 tensors":        func(p *Plan) { p.Births = p.Births[:4] },
		"are not of its 20 weights":  func(p *Plan) { p.Births[0].Outputs[1].To = 5 },
		"fc1.weight are not of its ": func(p *Plan) { p.Births[0].Outputs[0].To = 4 },
		"births of fc1.weight are":   func(p *Plan) { p.Births[0].Inputs = nil },
		"fc1.weight are not of":      func(p *Plan) { p.Births[0].Inputs[0].Event = -1 },
		"lr 0: must be":              func(p *Plan) { p.Optimizer.LR = 0 },
	} {
		p := plan()
		change(p)
		if err := p.Check(mlp(), 3); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// A replica is one optimizer that begins anew, and tells by how much it moved.
func TestReplicaIsAnOptimizer(t *testing.T) {
	g, p := mlp(), plan()
	m := nn.Init(g, 1)
	r, alone := NewReplica(p, g, m.Params, inTurn), m.Clone()
	o := optim.New(p.Optimizer, p.layout(g))
	grad, sums := make([]float32, len(m.Params)), make([]float64, g.GradientSums().Len())
	var count float64
	for i, rate := range p.Rates {
		for k := range grad {
			grad[k] = float32((i+k)%5) - 2
		}
		for k := range sums {
			sums[k] = float64(10 + i)
		}
		r.Step(grad, sums)
		scale := float32(1. / float64(10+i))
		o.Step(alone.Params, grad, optim.Clip([]float64{optim.Squares(grad)}, scale, p.Optimizer.ClipNorm), rate)
		count = float64(0.9*count) + float64(10+i)
	}
	change, all := make([]float32, len(grad)), make([]float64, len(sums))
	r.Put(change, all, m.Params)
	for i, v := range alone.Params {
		if r.Params[i] != v || change[i] != m.Params[i]-v {
			t.Fatalf("weight %d is %v and moved by %v, want %v and %v", i, r.Params[i], change[i], v, m.Params[i]-v)
		}
	}
	if all[0] != 33 || math.Abs(all[len(all)-1-nn.HalvesLen]-count) > 1e-12 {
		t.Errorf("sums %v, want 33 samples and moments of %v", all, count)
	}
}

// FuzzPlan follows what may be a plan.
func FuzzPlan(f *testing.F) {
	f.Add(plan().JSON())
	f.Add([]byte(`{"optimizer":{"name":"muon","lr":1},"rates":[1,2,3]}`))
	g := mlp()
	m := nn.Init(g, 1)
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil || p.Check(g, len(p.Rates)) != nil {
			return
		}
		r := NewReplica(p, g, m.Params, inTurn)
		sums := make([]float64, g.GradientSums().Len())
		sums[0] = 1
		for range min(len(p.Rates), 3) {
			r.Step(make([]float32, len(m.Params)), sums)
		}
	})
}
