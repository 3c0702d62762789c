package local

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Replica is a network on its way through the steps of a round.
type Replica struct {
	// Params are its weights, which Step changes.
	Params []float32

	plan  *Plan
	graph *nn.Graph
	opt   *optim.Optimizer
	each  Each
	steps int
	sums  []float64 // metrics and moments of the steps so far
}

// Each calls f for all 0 <= i < n, in any order, by as many goroutines as whoever wrote it likes.
type Each func(n int, f func(i int))

// span is the number of parameters that one goroutine updates at a time.
const span = 1 << 15

// NewReplica returns a replica with the weights params, which are copied, of a network that p was
// checked for. Its updates are spread by each.
func NewReplica(p *Plan, g *nn.Graph, params []float32, each Each) *Replica {
	return &Replica{Params: slices.Clone(params), plan: p, graph: g, opt: optim.New(p.Optimizer, p.layout(g)), each: each,
		sums: make([]float64, g.GradientSums().Len())}
}

// Step takes the next step of the plan, by the sums over its samples of a gradient and of
// metrics and moments (nn.GradientSums). The bits do not depend on the goroutines.
func (r *Replica) Step(grad []float32, sums []float64) {
	scale := float32(1 / nn.MetricsOf(sums).N)
	spans := (len(grad) + span - 1) / span
	squares := make([]float64, spans)
	r.each(spans, func(i int) { squares[i] = optim.Squares(grad[i*span : min((i+1)*span, len(grad))]) })
	u := r.opt.Begin(optim.Clip(squares, scale, r.plan.Optimizer.ClipNorm), r.plan.Rates[r.steps])
	r.each(u.Prepared(), func(i int) { u.Prepare(i, r.Params, grad) })
	r.each(spans, func(i int) {
		u.Apply(r.Params, grad, kernel.Range{Lo: i * span, Hi: min((i+1)*span, len(grad))})
	})
	for i, v := range sums[:nn.MetricsLen] {
		r.sums[i] += v
	}
	layout := r.graph.GradientSums()
	nn.DecayMoments(r.graph, layout.Moments(r.sums), layout.Moments(sums))
	r.steps++
}

// Put writes what the steps led to: by how much the weights are smaller than they were at the
// beginning, which is what a gradient would have them move by, and metrics and moments of all steps.
func (r *Replica) Put(change []float32, sums []float64, began []float32) {
	for i, v := range began {
		change[i] = v - r.Params[i]
	}
	copy(sums, r.sums)
}
