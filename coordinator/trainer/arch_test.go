package trainer

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// residualToy has one residual block, without normalisation.
func residualToy() *nn.Graph {
	layer := func(id, in nn.NodeID, out int) nn.Node {
		return nn.Node{ID: id, Op: nn.OpLinear, Inputs: []nn.NodeID{in}, Out: out, Bias: true}
	}
	relu := func(id, in nn.NodeID) nn.Node { return nn.Node{ID: id, Op: nn.OpReLU, Inputs: []nn.NodeID{in}} }
	return &nn.Graph{Input: nn.Shape{C: 4, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{{ID: "x", Op: nn.OpInput},
		layer("fc1", "x", 5), relu("relu1", "fc1"), layer("layer1.0.fc1", "relu1", 2), relu("layer1.0.relu1", "layer1.0.fc1"),
		layer("layer1.0.fc2", "layer1.0.relu1", 5), {ID: "layer1.0.add", Op: nn.OpAdd, Inputs: []nn.NodeID{"layer1.0.fc2", "relu1"}},
		relu("layer1.0.relu2", "layer1.0.add"), layer("fc", "layer1.0.relu2", 3)}}
}

// The rate falls as blocks are appended and their first neurons open new ways, at once, and
// restored runs have the same.
func TestRateFollowsTheArchitecture(t *testing.T) {
	set, g := toySettings(), residualToy()
	set.Train.Epochs, set.Optimizer.Schedule = 4, optim.Constant
	set.Growth.Policy, set.Growth.DepthEvery, set.Growth.Until = growth.PolicyRandom, 2, 0.9
	set.Optimizer.Arch = optim.ArchConfig{Rule: optim.PathSum, BaseDepth: 2}
	_, told := restoreAnywhere(t, set, g)
	// Two ways of 2 and 3 activations; each block that has neurons puts a ReLU of its own, and one
	// behind its sum, on the ways through it.
	want := 0.1 * math.Sqrt(8.0/(8+27))
	rates := map[float64]bool{}
	for i, a := range told {
		if a.Step == nil {
			continue
		}
		if i == 0 && math.Abs(a.Step.LR/want-1) > 1e-12 {
			t.Errorf("the first rate is %v, want %v", a.Step.LR, want)
		}
		rates[a.Step.LR] = true
	}
	if len(rates) < 3 {
		t.Errorf("%d rates: %v", len(rates), rates)
	}
}

func TestFreshWeightsByRule(t *testing.T) {
	c := Default()
	c.Seed = 5
	g := residualToy()
	if d := nn.Init(g, 5).Params; c.Model(g).Params[0] != d[0] {
		t.Error("the default is not nn.Init")
	}
	c.Init.Rule = ArchAware
	if d := nn.InitArchAware(g, 5).Params; c.Model(g).Params[len(d)-4] != d[len(d)-4] {
		t.Error("arch_aware is not nn.InitArchAware")
	}
	c.From = "00"
	if c.Init.Rule = "xavier"; c.Validate() == nil {
		t.Error("a rule that is none is taken")
	}
}
