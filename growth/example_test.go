package growth_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// parity returns n samples of two signs, whose class is whether they differ: no network of one neuron learns it.
func parity(seed uint64, n int) *nn.Batch {
	b, signs := nn.NewBatch(n, nn.Shape{C: 2, H: 1, W: 1}, 0), rng.New(seed)
	b.N = n
	for i := range n {
		p, q := signs.Uintn(uint64(2*i), 2), signs.Uintn(uint64(2*i+1), 2)
		at := i / tensor.Lanes * 2 * tensor.Lanes
		b.X[at+i%tensor.Lanes], b.X[at+tensor.Lanes+i%tensor.Lanes] = float32(2*p)-1, float32(2*q)-1
		b.Labels[i] = int32(p ^ q)
	}
	return b
}

// A growth event asks for sums over samples until it is decided; who computes them, and where, is up to the
// caller. Package worker computes them on all processors (worker.Local), a run on all its workers.
func ExampleNewEvent() {
	g := &nn.Graph{Input: nn.Shape{C: 2, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "hidden", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 1, Bias: true},
		{ID: "act", Op: nn.OpReLU, Inputs: []nn.NodeID{"hidden"}},
		{ID: "out", Op: nn.OpLinear, Inputs: []nn.NodeID{"act"}, Out: 2, Bias: true},
	}}
	m := nn.Init(g, 1)
	c := growth.DefaultOf(growth.PolicyTiny)
	c.MaxNeurons, c.Gate = 2, false
	e := growth.NewEvent(c, m, nil, growth.EventInfo{Seed: 1, TrainSamples: 2048, MicroShard: 32})
	for {
		request, samples, asks := e.Next()
		if !asks {
			break
		}
		job, err := measure.NewJob(m.Graph, request, 32)
		if err != nil {
			fmt.Println(err)
			return
		}
		runner, total, part := job.NewRunner(), make([]float64, job.Len()), make([]float64, job.Len())
		for i := samples.Offset; i < samples.Offset+samples.Count; i += 32 {
			runner.Run(part, m.Params, m.Buffers, parity(uint64(i), 32))
			for j, v := range part {
				total[j] += v
			}
		}
		if err := e.Feed(total); err != nil {
			fmt.Println(err)
			return
		}
	}
	o := e.Outcome()
	fmt.Println(o.Grown, o.Model.Graph.Widths())
	// Output: true map[hidden:3]
}

// Where a network can be widened, and why not elsewhere.
func Example_sites() {
	g, err := nn.Build(nn.ModelConfig{Name: "vit", Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range site.All(g)[:2] {
		fmt.Println(s.ID, "has", s.Width(g))
	}
	fmt.Println(site.FixedWidths(g)[0].Why)
	// Output:
	// tokens.conv1 has 64
	// block.0.attention has 4
	// block.0.norm1 (layernorm) makes what becomes of a channel depend on others, which a new one would change
}
