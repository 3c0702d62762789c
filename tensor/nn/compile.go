package nn

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// compiler holds what is known while a program is built.
type compiler struct {
	*Program
	*plan
	shapes        map[NodeID]Shape
	layerOf       map[NodeID]*layer
	normOf        map[NodeID]*norm
	keep          map[NodeID]bool  // nodes whose gradient is to stay
	stored        map[NodeID]bool  // nodes whose value is to stay
	wants         map[NodeID]bool  // nodes whose gradient somebody needs
	value         map[NodeID]buf   // where a node's output lies
	contributions map[NodeID][]buf // gradients its consumers have sent to a node, in order
}

// parameters lays out layers and norms in node order.
func (c *compiler) parameters() {
	params, buffers := map[string]Entry{}, map[string]Entry{}
	for _, e := range c.graph.ParamEntries() {
		params[e.Name] = e
	}
	for _, e := range c.graph.BufferEntries() {
		buffers[e.Name] = e
	}
	c.layerOf, c.normOf = map[NodeID]*layer{}, map[NodeID]*norm{}
	vector := func(n int) int { c.vector += n; return c.vector - n }
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		name := string(n.ID) + "."
		switch n.Op {
		case OpConv, OpLinear:
			in := c.shapes[n.Inputs[0]]
			geometry := kernel.Geometry{InC: in.C, InH: in.H, InW: in.W, OutC: n.Out, KH: n.Kernel, KW: n.Kernel, Stride: n.Stride, Pad: n.Pad}
			if n.Op == OpLinear {
				geometry.KH, geometry.KW, geometry.Stride = in.H, in.W, 1
			}
			l := &layer{conv: kernel.NewConv(geometry), weight: params[name+RoleWeight], bias: params[name+RoleBias], panel: c.panels}
			l.packedLen = l.conv.PackedLen()
			c.panels += (l.packedLen + 15) &^ 15
			if n.Bias {
				l.biasVec = vector(n.Out)
			}
			c.scratch = max(c.scratch, l.conv.ScratchLen(c.blocks))
			c.layers = append(c.layers, l)
			c.layerOf[n.ID] = l
		case OpBatchNorm:
			s := c.shapes[n.ID]
			b := &norm{channels: s.C, pixels: s.H * s.W, eps: n.Eps, weight: params[name+RoleWeight], bias: params[name+RoleBias],
				mean: buffers[name+RoleRunningMean], variance: buffers[name+RoleRunningVar],
				gammaVec: vector(s.C), betaVec: vector(s.C), state: c.normState(), moments: c.moments}
			c.moments += 2*s.C + 1
			c.sums = max(c.sums, s.C)
			c.norms = append(c.norms, b)
			c.normOf[n.ID] = b
		}
	}
}

// normState returns the number of channels of all norms so far.
func (c *compiler) normState() int {
	n := 0
	for _, b := range c.norms {
		n += b.channels
	}
	return n
}

func (c *compiler) compile() {
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		want := c.keep[n.ID] || !c.signals && (c.layerOf[n.ID] != nil || c.normOf[n.ID] != nil)
		for _, in := range n.Inputs {
			want = want || c.wants[in]
		}
		c.wants[n.ID] = want
		if l := c.layerOf[n.ID]; l != nil {
			l.forwardOnly = c.inference || !c.wants[n.Inputs[0]]
		}
	}
	c.value[c.graph.Nodes[0].ID] = inputBuf
	units := c.units()
	for _, u := range units {
		u.forward(c)
	}
	c.forward = len(c.plan.steps)
	c.logits = c.value[c.graph.Output().ID]
	c.plan.keep(c.logits)
	for id := range c.stored {
		c.plan.keep(c.value[id])
		c.values[id] = c.value[id]
	}
	if !c.inference {
		c.dLoss = c.plan.buffer(c.Program.output)
		c.plan.add(lossStep{}, c.dLoss, nil)
		c.contributions[c.graph.Output().ID] = []buf{c.dLoss}
		for i := len(units) - 1; i >= 0; i-- {
			units[i].backward(c)
		}
		c.gradient(&c.graph.Nodes[0]) // of the input, if it is kept
	}
	c.planPacking()
	c.offsets, c.arena = c.plan.layout(c.blocks)
	c.Program.rows = c.plan.rows
	for _, s := range c.plan.steps {
		c.Program.steps = append(c.Program.steps, s.step)
	}
}

// lossStep holds the place of Workspace.Loss between forward and backward.
type lossStep struct{}

func (lossStep) run(*Workspace) {}

// output returns a new buffer for node n's value.
func (c *compiler) output(n *Node) buf {
	b := c.plan.buffer(c.shapes[n.ID])
	c.value[n.ID] = b
	return b
}

// in returns the value of n's input i.
func (c *compiler) in(n *Node, i int) buf { return c.value[n.Inputs[i]] }

// gradient returns the sum of what n's consumers sent, in the order in which
// they sent it (the last consumer first), or noBuf where nobody needs it.
func (c *compiler) gradient(n *Node) buf {
	if !c.wants[n.ID] {
		return noBuf
	}
	parts := c.contributions[n.ID]
	sum := parts[0]
	for _, part := range parts[1:] {
		next := c.plan.buffer(c.shapes[n.ID])
		c.plan.add(&addStep{next, sum, part}, next, []buf{sum, part}, sum, part)
		sum = next
	}
	if c.keep[n.ID] {
		c.plan.keep(sum)
		c.grads[n.ID] = sum
	}
	return sum
}

// send contributes b to the gradient of node id.
func (c *compiler) send(id NodeID, b buf) {
	c.contributions[id] = append(c.contributions[id], b)
}
