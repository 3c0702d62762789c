package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// How random neurons are connected that no solver gave outgoing weights.
const (
	OutgoingZero     = "zero"     // not yet: the function is preserved bit for bit
	OutgoingPairs    = "pairs"    // two by two, with equal incoming and opposite outgoing weights: it is preserved but for rounding
	OutgoingVariance = "variance" // at random; new and existing ones shrink so that the variance of their sum stays (arXiv 2306.12700)
)

// connect gives random neurons outgoing weights of the size of those that exist,
// or of He's where there are none.
func (e *Event) connect(c *candidate, in *Insertion) {
	if e.cfg.Outgoing == OutgoingZero || in.Count == 0 {
		return
	}
	existing := nn.ByName(e.model.Graph.ParamEntries())[string(c.Second)+"."+nn.RoleWeight].Of(e.model.Params)
	width, k, area := c.width(e.model.Graph), in.Count, c.second.area()
	std := math.Sqrt(2 / float64((width+k)*area))
	if len(existing) > 0 {
		std = math.Sqrt(squareSum(existing) / float64(len(existing)))
	}
	s := rng.New(e.info.Seed, e.info.Number, rng.Key("outgoing "+string(c.ID)))
	normal := func(o, j, i int) float64 { return float64(std * s.Normal(uint64((o*k+j)*area+i))) }
	if e.cfg.Outgoing == OutgoingPairs {
		c.pairUp(in, normal)
		return
	}
	keep := math.Sqrt(float64(width) / float64(width+k))
	in.Update = make([]float32, c.outputs*c.second.rows())
	for o := range c.outputs {
		for j := range k {
			for i := range area {
				in.Omega[(o*k+j)*area+i] = float32(keep * normal(o, j, i))
			}
		}
		old := c.second.weights()
		for i, v := range existing[o*old:][:old] {
			in.Update[o*c.second.rows()+i] = float32((keep - 1) * float64(v))
		}
	}
}

// pairUp makes every second neuron a copy of the one before, with outgoing
// weights of the opposite sign; a last one that is alone stays unconnected.
func (c *candidate) pairUp(in *Insertion, weight func(o, j, i int) float64) {
	a, k, area := c.first.rows(), in.Count, c.second.area()
	for j := 0; j+1 < k; j += 2 {
		copy(in.Alpha[(j+1)*a:][:a], in.Alpha[j*a:][:a])
		if c.norm != nil {
			in.Mean[j+1], in.Var[j+1] = in.Mean[j], in.Var[j]
		}
		for o := range c.outputs {
			for i := range area {
				v := float32(weight(o, j, i))
				in.Omega[(o*k+j)*area+i], in.Omega[(o*k+j+1)*area+i] = v, -v
			}
		}
	}
}
