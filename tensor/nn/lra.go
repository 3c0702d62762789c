package nn

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// LRA says that a network is trained without backpropagation, by recursive local representation
// alignment ([rec-lra], arXiv 2002.03911). Layer l reads z_{l-1} and computes h_l and z_l = phi(h_l). The
// error e_L of the output is the slope of the loss there, for cross-entropy the difference of outputs
// and target. On the way down
//
//	d_l  = E_{l+1} e_{l+1}           what layer l is asked to change
//	y_l  = phi(h_l - Beta d_l)       its target
//	e_l  = z_l - y_l                 its error
//	dW_l = e_l z_{l-1}^T             what stands in place of the gradient of its weights
//
// so that nothing is multiplied by a weight of the layers above, nor by a slope of an activation. The error
// synapses E are parameters of role RoleFeedback, behind all others: one tensor for every layer
// that another trained one lies before, of the shape of the layer's weights and applied like their
// transpose. So those of a convolution act at each position by the layer's own window.
//
// What lies between a layer and its activation belongs to the layer: normalisations, pools and
// dropout hand errors on by their own derivative, and an addition hands the same error to
// all that it adds.
type LRA struct {
	// Beta is how far targets move, above 0.
	Beta float64 `json:"beta" msgpack:"beta"`
	// Gamma is how fast error synapses learn: their gradient is -Gamma d_l e_{l+1}^T; 0: they stay as drawn.
	Gamma float64 `json:"gamma,omitempty" msgpack:"gamma,omitempty"`
	// Mirror lets them learn as the weights do in its place: their gradient is Gamma dW_{l+1}^T, so
	// that they come to be like the transposed weights ([lra-e], AAAI 2019, as in its authors' program).
	Mirror bool `json:"mirror,omitempty" msgpack:"mirror,omitempty"`
	// Seed is what error synapses are drawn by, also those of neurons that come later.
	Seed uint64 `json:"seed" msgpack:"seed"`
}

// Validate returns what is wrong with the numbers.
func (l *LRA) Validate() error {
	switch {
	case !(l.Beta > 0 && l.Beta <= 1e6):
		return fmt.Errorf("beta %v: must be above 0 and at most 1e6", l.Beta)
	case !(l.Gamma >= 0 && l.Gamma <= 1e6):
		return fmt.Errorf("gamma %v: must be 0 to 1e6", l.Gamma)
	case l.Mirror && l.Gamma == 0:
		return fmt.Errorf("gamma 0: error synapses that mirror the weights need one above 0")
	}
	return nil
}

// unaligned says why recursive LRA cannot train a network with n; empty: it can.
func (n *Node) unaligned() string {
	const served = "it serves conv2d, linear, batchnorm, activations, pools, dropout and add"
	switch n.Op.Role() {
	case Begins, Mixes, Scales, Pools, Joins:
		return ""
	case Activates, Offsets:
		if !n.Op.Own() {
			return ""
		}
	case Passes:
		if len(n.of().params(n, Shape{1, 1, 1})) == 0 {
			return ""
		}
	}
	return "recursive LRA has no rule for it: " + served
}

// fedBack returns the layers that error synapses belong to: those that another trained node lies before.
func (g *Graph) fedBack(shapes map[NodeID]Shape) []*Node {
	var list []*Node
	trained := map[NodeID]bool{} // nodes with parameters at or before them
	for i := range g.Nodes {
		n := &g.Nodes[i]
		before := slices.ContainsFunc(n.Inputs, func(in NodeID) bool { return trained[in] })
		if before && n.Op.Role() == Mixes {
			list = append(list, n)
		}
		trained[n.ID] = before || i > 0 && len(n.of().params(n, shapes[n.Inputs[0]])) > 0
	}
	return list
}

// feedback returns the shapes of all error synapses in the order of their layers.
func (g *Graph) feedback(shapes map[NodeID]Shape) (nodes []*Node, tensors []tensorShape) {
	if g.LRA == nil {
		return nil, nil
	}
	nodes = g.fedBack(shapes)
	for _, n := range nodes {
		weight := n.of().params(n, shapes[n.Inputs[0]])[0]
		tensors = append(tensors, tensorShape{RoleFeedback, weight.shape})
	}
	return nodes, tensors
}

// WithLRA returns m trained by recursive LRA, its error synapses drawn by the seed of l. An error names a
// layer that the rule cannot train.
func (m *Model) WithLRA(l LRA) (*Model, error) {
	m = m.WithoutLRA()
	out := m.Clone()
	out.Graph.LRA = &l
	if err := out.Graph.Validate(); err != nil {
		return nil, err
	}
	out.Params = make([]float32, out.Graph.NumParams())
	out.Graph.DrawFeedback(out.Params)
	copy(out.Params, m.Params)
	return out, nil
}

// WithoutLRA returns the network that m computes, which needs no error synapses: m itself if it has
// none.
func (m *Model) WithoutLRA() *Model {
	if m.Graph.LRA == nil {
		return m
	}
	g := m.Graph.Clone()
	g.LRA = nil
	return &Model{g, slices.Clone(m.Params[:m.Graph.NumForward()]), slices.Clone(m.Buffers)}
}

// DrawFeedback sets all error synapses among params, the parameters of g, to fresh values: of the
// variance of fresh weights of their layers, in a stream of this generation. Without LRA there are none.
func (g *Graph) DrawFeedback(params []float32) {
	if g.LRA == nil {
		return
	}
	shapes, seed := g.mustShapes(), rng.New(g.LRA.Seed, g.Generation).Uint64(0)
	for _, e := range g.ParamEntries() {
		if e.Role == RoleFeedback {
			g.fill(e, shapes, seed, params)
		}
	}
}

// alignStep computes the error e of an activation f, given what it read and gave, h and z, and by
// how much it is asked to change, d.
type alignStep struct {
	f          func(y, x []float32)
	e, h, d, z buf
	beta       float32
}

func (s *alignStep) run(w *Workspace) {
	e, d := w.at(s.e), w.at(s.d)
	for i, h := range w.at(s.h) {
		e[i] = h - float32(s.beta*d[i]) // e may lie where d does
	}
	s.f(e, e)
	for i, z := range w.at(s.z) {
		e[i] = z - e[i]
	}
}

func (s *alignStep) describe() (string, int64) { return "activation target", 0 }

// align sends the error of an activation to what it reads.
func (u *activationUnit) align(c *compiler, in NodeID) {
	s := &alignStep{f: u.forwards, h: c.in(u.n, 0), d: c.gradient(u.n), z: c.value[u.n.ID], beta: float32(c.graph.LRA.Beta)}
	s.e = c.tape.buffer(c.shapes[in])
	c.tape.add(s, s.e, []buf{s.h, s.d, s.z}, s.d)
	c.send(in, s.e)
}

// feedbackStep computes the gradient of a layer's error synapses, after that of its weights.
type feedbackStep struct {
	*layer
	d, e buf // what the synapses give and read
	lra  *LRA
}

func (s *feedbackStep) run(w *Workspace) {
	to, factor := s.feedback.Of(w.grad), float32(s.lra.Gamma)
	switch {
	case factor == 0:
		clear(to)
		return
	case s.lra.Mirror:
		copy(to, s.weight.Of(w.grad))
	default:
		s.conv.BackwardWeights(to, nil, w.at(s.d), w.at(s.e), w.blocks, w.scratch)
		factor = -factor
	}
	for i := range to {
		to[i] = float32(to[i] * factor)
	}
}

func (s *feedbackStep) describe() (string, int64) {
	if s.lra.Gamma == 0 || s.lra.Mirror {
		return "feedback", 0
	}
	return "feedback backward-weights", s.flops()
}
