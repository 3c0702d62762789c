package nn

// OpBatchNorm is PyTorch's batch normalisation over the channels of its input,
// with Node.Eps and Node.Momentum. Its weight, bias and running statistics have
// one value a channel.
var OpBatchNorm = register("batchnorm", batchNormOp{})

type batchNormOp struct{ plain }

func (batchNormOp) role() Role   { return Scales }
func (batchNormOp) uses() fields { return fields{eps: true, momentum: true} }

func (batchNormOp) faults(n *Node, say func(format string, args ...any)) {
	if !(n.Momentum >= 0 && n.Momentum <= 1) {
		say("momentum %v: must be 0 to 1", n.Momentum)
	}
}

func (batchNormOp) params(_ *Node, in Shape) []tensorShape {
	return []tensorShape{{RoleWeight, []int{in.C}}, {RoleBias, []int{in.C}}}
}

func (batchNormOp) buffers(_ *Node, in Shape) []tensorShape {
	return []tensorShape{{RoleRunningMean, []int{in.C}}, {RoleRunningVar, []int{in.C}}}
}

// fresh is the identity with running mean 0 and variance 1. Behind a layer
// that reads nothing the weight is opening too: it is the size which the
// normalisation gives to the first values that come.
func (batchNormOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	before := g.Node(n.Inputs[0])
	shut := before.Op.Role() == Mixes && shapes[before.Inputs[0]].Len() == 0 && g.opensFlat(n.ID)
	switch {
	case e.Role == RoleRunningMean, e.Role == RoleBias && !shut:
		return nil
	case e.Role != RoleRunningVar && shut:
		return constant(opening)
	}
	return constant(1)
}

// unit takes with it, where nobody else reads or keeps what lies between, a
// following ReLU, a maximum over tiles after that, or an addition and its ReLU.
func (batchNormOp) unit(c *compiler, n *Node) unit {
	u := &normUnit{norm: n, last: n, state: c.normalisation(n)}
	if next := c.only(n, OpReLU); next != nil {
		u.relu = true
		c.take(u, next)
		if pool := c.only(next, OpMaxPool); pool != nil && pool.kernelWindow().pooling(c.shapes[next.ID]).Tiles() {
			u.pool = pool
			c.take(u, pool)
		}
	} else if sum := c.only(n, OpAdd); sum != nil && len(sum.Inputs) == 2 {
		u.add = sum
		c.take(u, sum)
		if next := c.only(sum, OpReLU); next != nil {
			u.relu = true
			c.take(u, next)
		}
	}
	return u
}
