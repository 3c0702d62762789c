package kernel

// ScratchLen returns the scratch length that every method of c accepts for blocks.
func (c *Conv) ScratchLen(blocks int) int { return c.gradient.scratchLen(blocks) }

// BackwardWeights computes dw and db (which may be nil), the gradients at
// the weights and the bias summed over all samples, pixels and blocks.
// Lanes without a sample must be zero in dy.
func (c *Conv) BackwardWeights(dw, db, x, dy []float32, blocks int, scratch []float32) {
	c.checkData(dy, x, blocks)
	g := c.geometry
	if len(dw) < g.weights() || db != nil && len(db) < g.OutC {
		panic("kernel: BackwardWeights: slice too short")
	}
	if len(scratch) < c.ScratchLen(blocks) {
		panic("kernel: BackwardWeights: scratch too short")
	}
	if db != nil {
		db = db[:g.OutC]
	}
	c.gradient.run(c.isa, dw[:g.weights()], db, x[:blocks*g.inputLen()], dy[:blocks*g.outputLen()], blocks, scratch)
}
