package nn

// compiler holds what is known while a program is built.
type compiler struct {
	*Program
	*tape
	shapes        map[NodeID]Shape
	params        map[string]Entry // entries by their names
	buffers       map[string]Entry
	taken         map[NodeID]bool  // nodes that run with the one before them
	keep          map[NodeID]bool  // nodes whose gradient is to stay
	stored        map[NodeID]bool  // nodes whose value is to stay
	wants         map[NodeID]bool  // nodes whose gradient somebody needs
	value         map[NodeID]buf   // places of the nodes' outputs
	contributions map[NodeID][]buf // gradients its consumers have sent to a node, in order
}

// vectorOf returns the offset of parameters that kernels read as they are in a
// Packed's vector.
func (c *compiler) vectorOf(e Entry) int {
	at := c.vector
	c.vectors = append(c.vectors, packedVector{e, at})
	c.vector += e.Len()
	return at
}

func (c *compiler) compile() {
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		want := c.keep[n.ID] || !c.signals && c.trained(n)
		for _, in := range n.Inputs {
			want = want || c.wants[in]
		}
		c.wants[n.ID] = want
	}
	c.value[c.graph.Nodes[0].ID] = inputBuf
	units := c.units()
	for _, u := range units {
		u.forward(c)
	}
	c.forward = len(c.tape.steps)
	c.logits = c.value[c.graph.Output().ID]
	c.tape.keep(c.logits)
	for id := range c.stored {
		c.tape.keep(c.value[id])
		c.values[id] = c.value[id]
	}
	if !c.inference {
		c.dLoss = c.tape.buffer(c.Program.output)
		c.tape.add(lossStep{}, c.dLoss, nil)
		c.contributions[c.graph.Output().ID] = []buf{c.dLoss}
		for i := len(units) - 1; i >= 0; i-- {
			units[i].backward(c)
		}
		c.gradient(&c.graph.Nodes[0]) // the input may be kept
	}
	c.planPacking()
	c.offsets, c.arena = c.tape.layout(c.blocks)
	c.Program.rows = c.tape.rows
	for _, s := range c.tape.steps {
		c.Program.steps = append(c.Program.steps, s.step)
	}
}

// trained reports whether n has parameters.
func (c *compiler) trained(n *Node) bool {
	_, has := c.params[n.tensor(RoleWeight)]
	return has
}

// lossStep holds the place of Workspace.Loss between forward and backward.
type lossStep struct{}

func (lossStep) run(*Workspace)            {}
func (lossStep) describe() (string, int64) { return "", 0 } // Loss is called between forward and backward

// output returns a new buffer for node n's value.
func (c *compiler) output(n *Node) buf {
	b := c.tape.buffer(c.shapes[n.ID])
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
		next := c.tape.buffer(c.shapes[n.ID])
		c.tape.add(&addStep{next, sum, part}, next, []buf{sum, part}, sum, part)
		sum = next
	}
	if c.keep[n.ID] {
		c.tape.keep(sum)
		c.grads[n.ID] = sum
	}
	return sum
}

// send contributes b to the gradient of node id.
func (c *compiler) send(id NodeID, b buf) {
	c.contributions[id] = append(c.contributions[id], b)
}
