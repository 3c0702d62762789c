package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// askNewborn asks for the derivatives of every neuron in the running with both
// of its signs, on samples that its statistics have not seen.
func (e *Event) askNewborn() {
	req := &Request{Kind: KindNewborn}
	for _, c := range e.sites {
		if !c.random {
			c.bothSigns(e.model.Graph, e.least(c))
			e.randomIncoming(c, &c.both, 2*c.pairs, c.shrink)
		}
		req.Newborn = append(req.Newborn, c.both)
	}
	e.ask(req, e.ranges[1], e.chooseSigns)
}

// bothSigns makes the insertion of the neurons that stand out, then of their
// opposites, then room for random ones where there are fewer than least. Where an activation is not homogeneous its derivative at amplitude zero is
// that of small inputs, so incoming weights are shrunk.
func (c *candidate) bothSigns(g *nn.Graph, least int) {
	k, a, area := c.record.Significant, c.first.rows(), c.second.area()
	c.shrink = 1
	if !c.homogeneous(g) {
		c.shrink = 1. / 1024
	}
	c.pairs, c.both = k, c.empty(2*k+max(0, least-k))
	n := c.both.Count
	for j := range k {
		for i := range a {
			v := float64(c.shrink * c.neurons.Alpha.At(j, i))
			c.both.Alpha[j*a+i], c.both.Alpha[(k+j)*a+i] = float32(v), float32(-v)
		}
		for o := range c.outputs {
			c.outgoing(c.both.Omega[(o*n+j)*area:][:area], c.neurons.Omega, o, j, 1)
			c.outgoing(c.both.Omega[(o*n+k+j)*area:][:area], c.neurons.Omega, o, j, -1)
		}
	}
}

// homogeneous reports whether all activations between are.
func (c *candidate) homogeneous(g *nn.Graph) bool {
	for _, f := range c.activations(g) {
		if !f.Homogeneous {
			return false
		}
	}
	return true
}

// empty returns an insertion of k neurons of zeros.
func (c *candidate) empty(k int) Insertion {
	in := Insertion{Site: c.ID, Count: k, Alpha: make([]float32, k*c.first.rows()), Omega: make([]float32, c.outputs*k*c.second.area())}
	if c.norm != nil {
		in.Mean, in.Var = make([]float64, k), make([]float64, k)
	}
	return in
}

// newbornSums reads the part of one insertion of k neurons.
type newbornSums struct {
	k         int
	sums      []float64
	n, shards float64
}

// gain returns the decrease of the mean loss by amplitude of neuron j at
// amplitude zero, and its standard error from the spread over micro-shards.
func (s newbornSums) gain(j int) (gain, err float64) {
	d, d2 := s.sums[j], s.sums[s.k+j]
	gain = -d / s.n
	if s.shards > 1 {
		err = math.Sqrt(math.Max(0, d2-d*d/s.shards)*s.shards/(s.shards-1)) / s.n
	}
	return gain, err
}

// moments returns those of the pre-activation of neuron j.
func (s newbornSums) moments(j int) (mean, variance float64) {
	m := s.sums[2*s.k:]
	return moments(m[j], m[s.k+j], m[2*s.k])
}

// newborn returns the parts of the sums that belong to the sites in order.
func (e *Event) newborn(sums []float64) []newbornSums {
	var out []newbornSums
	at := header
	for _, c := range e.sites {
		n := newbornLen(c.both.Count)
		out = append(out, newbornSums{c.both.Count, sums[at : at+n], sums[0], sums[3]})
		at += n
	}
	return out
}

// chooseSigns takes each neuron's better sign, and of those the neurons whose
// derivative on fresh samples is above its standard error, or above zero if
// significance is not asked for.
func (e *Event) chooseSigns(sums []float64) {
	parts := e.newborn(sums)
	for i, c := range e.sites {
		if c.random {
			c.sizePool(parts[i])
			continue
		}
		c.choose(parts[i], e.cfg.Scale == ScaleUnit && c.homogeneous(e.model.Graph), e.cfg.Significance > 0, e.least(c))
		r := c.record
		r.Params = r.Kept * c.cost
		switch why := "no neuron helps on fresh samples"; {
		case r.Kept > 0:
		case e.cfg.fallsBack(false):
			c.poolOfSigns(parts[i], why)
		default:
			r.Reason = why
		}
	}
	if !e.drop() {
		e.refuse("no neuron helps on fresh samples")
		return
	}
	e.rank()
}

func (c *candidate) choose(s newbornSums, unit, sure bool, least int) {
	r, k := c.record, c.pairs
	var keep, spare []int // indices in both
	for j := range k {
		plus, errPlus := s.gain(j)
		minus, errMinus := s.gain(k + j)
		best, gain, err := j, plus, errPlus
		if minus > plus {
			best, gain, err = k+j, minus, errMinus
		}
		gain, err = gain/c.shrink, err/c.shrink
		r.Derivatives, r.Errors = append(r.Derivatives, Number(gain)), append(r.Errors, Number(err))
		if gain > 0 && (gain > err || !sure) && !math.IsInf(gain, 0) {
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
	spare = spare[:min(len(spare), max(0, least-len(keep)))]
	c.kept = c.pick(keep, s, 1/c.shrink)
	c.spare = c.pick(spare, s, 1/c.shrink)
	if unit {
		c.unitSize(&c.kept, keep, s)
		c.unitSize(&c.spare, spare, s)
	}
	clear(c.spare.Omega)
}

// pick returns the insertion of some of both's neurons, incoming weights
// multiplied by f.
func (c *candidate) pick(keep []int, s newbornSums, f float64) Insertion {
	in, a, area := c.empty(len(keep)), c.first.rows(), c.second.area()
	for j, from := range keep {
		for i := range a {
			in.Alpha[j*a+i] = float32(f * float64(c.both.Alpha[from*a+i]))
		}
		for o := range c.outputs {
			copy(in.Omega[(o*len(keep)+j)*area:][:area], c.both.Omega[(o*c.both.Count+from)*area:])
		}
		if c.norm != nil {
			mean, variance := s.moments(from)
			in.Mean[j], in.Var[j] = float64(f*mean), float64(f*f*variance)
		}
	}
	return in
}

// unitSize moves scale from the outgoing to the incoming weights, so that
// pre-activations have a mean square of one, whatever the amplitude. from are
// the neurons' places in both. The activations must be homogeneous.
func (c *candidate) unitSize(in *Insertion, from []int, s newbornSums) {
	in.Fixed = true
	a, area := c.first.rows(), c.second.area()
	for j, at := range from {
		mean, variance := s.moments(at)
		size := math.Sqrt(float64(mean*mean) + variance)
		if !(size > 1e-12) || math.IsInf(size, 0) {
			continue
		}
		for i := range a {
			in.Alpha[j*a+i] = float32(float64(in.Alpha[j*a+i]) / size)
		}
		for o := range c.outputs {
			row := in.Omega[(o*in.Count+j)*area:][:area]
			for e := range row {
				row[e] = float32(float64(row[e]) * size)
			}
		}
		if c.norm != nil {
			in.Mean[j], in.Var[j] = in.Mean[j]/size, in.Var[j]/size/size
		}
	}
}
