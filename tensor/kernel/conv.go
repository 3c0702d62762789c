package kernel

// Conv is an immutable plan for one convolution, safe for use by several
// goroutines. Shapes: x and dx (blocks, InH, InW, InC, 32), y and dy (blocks,
// OutH, OutW, OutC, 32), w and dw (OutC, InC, KH, KW), bias and db (OutC).
type Conv struct {
	geometry Geometry
	isa      ISA
	forward  pass
	backward pass
	gradient gradient
}

// NewConv plans a convolution for the active instruction set. Packed weights
// belong to plans of the same geometry and instruction set.
func NewConv(g Geometry) *Conv {
	g.check()
	isa := Active()
	height := panelHeight(isa)
	return &Conv{
		geometry: g,
		isa:      isa,
		forward:  newPass(g.down().forward(), g.across().forward(), steps{1, g.Stride}, g, false, height),
		backward: newPass(g.down().backward(), g.across().backward(), steps{g.Stride, 1}, g, true, height),
		gradient: newGradient(g),
	}
}

// panelHeight returns the most rows of a tile.
func panelHeight(isa ISA) int {
	if isa == AVX2 || isa == NEON {
		return 6
	}
	return 14
}

// Geometry returns the shape planned for.
func (c *Conv) Geometry() Geometry { return c.geometry }

// PackedLen returns the length of the packed weights.
func (c *Conv) PackedLen() int { return 2 * c.geometry.weights() }

// Forward computes y = conv(x, w) + bias; bias may be nil.
func (c *Conv) Forward(y, x, packed, bias []float32, blocks int, scratch []float32) {
	c.checkData(y, x, blocks)
	g := c.geometry
	if len(packed) < c.PackedLen() || bias != nil && len(bias) < g.OutC {
		panic("kernel: Forward: slice too short")
	}
	c.forward.apply(c.isa, y[:blocks*g.outputLen()], x[:blocks*g.inputLen()], packed[:g.weights()], bias, blocks)
}

// BackwardData computes dx, the gradient at x, from dy, the gradient at y.
func (c *Conv) BackwardData(dx, dy, packed []float32, blocks int, scratch []float32) {
	c.checkData(dy, dx, blocks)
	g := c.geometry
	if len(packed) < c.PackedLen() {
		panic("kernel: BackwardData: slice too short")
	}
	n := g.weights()
	c.backward.apply(c.isa, dx[:blocks*g.inputLen()], dy[:blocks*g.outputLen()], packed[n:2*n], nil, blocks)
}

func (c *Conv) checkData(y, x []float32, blocks int) {
	if blocks < 0 || len(y) < blocks*c.geometry.outputLen() || len(x) < blocks*c.geometry.inputLen() {
		panic("kernel: convolution data too short")
	}
}
