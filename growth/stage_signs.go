package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
)

// signs measures the derivative of the loss by every neuron in the running with
// both of its signs, on samples that its statistics have not seen, and takes the
// better sign. A site none of whose neurons helps there makes a pool of them, or
// leaves. unit puts the amplitude on the outgoing weights, the pre-activation having
// size one, where activations are homogeneous; else it is the root of it on both sides.
type signs struct{ pool, unit bool }

func (*signs) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindNewborn}
	for _, c := range s.sites {
		if !c.pool {
			c.bothSigns(c.Homogeneous(s.Model.Graph), s.least(c))
			s.drawIncoming(c, &c.both, 2*c.pairs, c.shrink)
		}
		req.Newborn = append(req.Newborn, c.both)
	}
	return &Round{req, s.samples.newborn}
}

func (g *signs) Take(s *State, sums *measure.Sums) {
	for i, c := range s.sites {
		p := sums.Newborn(i)
		if c.pool {
			c.sizePool(p)
			continue
		}
		c.choose(p, choosing{unit: g.unit && c.Homogeneous(s.Model.Graph), sure: s.fixed.Gate.sure(), least: s.least(c)})
		r := c.record
		r.Params = r.Kept * c.cost
		switch why := "no neuron helps on fresh samples"; {
		case r.Kept > 0:
		case g.pool:
			c.poolOfSigns(p, why)
		default:
			r.Reason = why
		}
	}
	if !s.drop() {
		s.refuse("no neuron helps on fresh samples")
	}
}

// bothSigns makes the insertion of the neurons that stand out, then of their
// opposites, then room for random ones where there are fewer than least. Where an
// activation is not homogeneous its derivative at amplitude zero is that of small
// inputs, so incoming weights are shrunk.
func (c *prospect) bothSigns(homogeneous bool, least int) {
	k, a, area := c.record.Significant, c.Incoming.Rows(), c.Outgoing.Area()
	c.shrink = 1
	if !homogeneous {
		c.shrink = 1. / 1024
	}
	c.pairs, c.both = k, c.Empty(2*k+max(0, least-k))
	n := c.both.Count
	for j := range k {
		for i := range a {
			v := float64(c.shrink * c.neurons.Alpha.At(j, i))
			c.both.Alpha[j*a+i], c.both.Alpha[(k+j)*a+i] = float32(v), float32(-v)
		}
		for o := range c.Outputs {
			c.Spread(c.both.Omega[(o*n+j)*area:][:area], c.neurons.Omega, site.Outgoing{Output: o, Neuron: j}, 1)
			c.Spread(c.both.Omega[(o*n+k+j)*area:][:area], c.neurons.Omega, site.Outgoing{Output: o, Neuron: j}, -1)
		}
	}
}

// choosing says how neurons are chosen by their derivatives.
type choosing struct {
	unit  bool // make the neurons of unit size
	sure  bool // a derivative has to be above its standard error
	least int  // neurons that a site gains if it grows
}

// choose takes each neuron's better sign, and of those the neurons whose
// derivative on fresh samples is above its standard error, or above zero if it
// need not be sure.
func (c *prospect) choose(p measure.NewbornSums, how choosing) {
	r, k := c.record, c.pairs
	var keep, spare []int // indices in both
	for j := range k {
		plus, errPlus := p.Gain(j)
		minus, errMinus := p.Gain(k + j)
		best, gain, err := j, plus, errPlus
		if minus > plus {
			best, gain, err = k+j, minus, errMinus
		}
		gain, err = gain/c.shrink, err/c.shrink
		r.Derivatives, r.Errors = append(r.Derivatives, Number(gain)), append(r.Errors, Number(err))
		if gain > 0 && (gain > err || !how.sure) && !math.IsInf(gain, 0) {
			keep = append(keep, best)
			r.Predicted += Number(gain)
		} else {
			spare = append(spare, best)
		}
	}
	for j := 2 * k; j < c.both.Count; j++ {
		spare = append(spare, j)
	}
	r.Kept = len(keep)
	spare = spare[:min(len(spare), max(0, how.least-len(keep)))]
	c.kept = c.Pick(c.both, keep, p.Moments, 1/c.shrink)
	c.spare = c.Pick(c.both, spare, p.Moments, 1/c.shrink)
	if how.unit {
		c.UnitSize(&c.kept, keep, p.Moments)
		c.UnitSize(&c.spare, spare, p.Moments)
	}
	clear(c.spare.Omega)
}
