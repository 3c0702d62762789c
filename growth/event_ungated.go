package growth

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// gradMaxNeurons gives the sites of the largest gradient per parameter their
// outgoing weights. Incoming weights are zero, as in [gradmax], where the
// activation lets a gradient through at zero; before ReLU a small bias makes
// it do so, and where there is none, or a normalisation follows, incoming
// weights are small and random.
func (e *Event) gradMaxNeurons() {
	for _, c := range e.sites {
		for _, l := range c.neurons.Lambda {
			c.record.Predicted += Number(l * l)
		}
		c.kept.Count = len(c.neurons.Lambda)
	}
	e.takeBest(func(c *candidate) float64 { return float64(c.record.Predicted) }, "others have a larger gradient per parameter")
	for _, c := range e.sites {
		k, a, area := len(c.neurons.Lambda), c.first.rows(), c.second.area()
		c.both = c.empty(k)
		dead := c.norm != nil
		for _, f := range c.activations(e.model.Graph) {
			dead = dead || f.Flat
		}
		switch {
		case dead && (c.norm != nil || !c.first.bias):
			e.randomIncoming(c, &c.both, 0, 0.01)
		case dead:
			for j := range k {
				c.both.Alpha[j*a+a-1] = 1e-3
			}
		}
		for j := range k {
			for o := range c.outputs {
				c.outgoing(c.both.Omega[(o*k+j)*area:][:area], c.neurons.Omega, o, j, 1)
			}
		}
	}
	e.insertUngated()
}

// randomNeurons gives the site whose turn it is random incoming weights, of
// the norm of those that it has, and outgoing weights as Outgoing says.
func (e *Event) randomNeurons() {
	for _, c := range e.sites {
		c.both = c.empty(c.cap)
		e.randomIncoming(c, &c.both, 0, 1)
	}
	e.insertUngated()
}

// randomIncoming draws the incoming weights and biases of the neurons from first
// on, of factor times the root mean square of those of the site's existing
// neurons; if it has none, weights of He's size and biases of zero.
func (e *Event) randomIncoming(c *candidate, in *Insertion, first int, factor float64) {
	entries := nn.ByName(e.model.Graph.ParamEntries())
	size := func(role string, otherwise float64) float64 {
		existing := entries[string(c.First)+"."+role].Of(e.model.Params)
		if len(existing) == 0 {
			return float64(factor * otherwise)
		}
		return float64(factor * math.Sqrt(rowSquares(existing)/float64(len(existing))))
	}
	weights, a := c.first.weights(), c.first.rows()
	std := size(nn.RoleWeight, math.Sqrt(2/float64(max(weights, 1))))
	s := rng.New(e.info.Seed, e.info.Number, rng.Key("growth "+string(c.ID)))
	for j := first; j < in.Count; j++ {
		for i := range weights {
			in.Alpha[j*a+i] = float32(std * s.Normal(uint64(j*weights+i)))
		}
	}
	if !c.first.bias {
		return
	}
	std = size(nn.RoleBias, 0)
	s = rng.New(e.info.Seed, e.info.Number, rng.Key("growth bias "+string(c.ID)))
	for j := first; j < in.Count; j++ {
		in.Alpha[j*a+weights] = float32(std * s.Normal(uint64(j)))
	}
}

// zeroOutNeurons gives the sites of the largest total per parameter tiny's
// incoming weights, and outgoing weights of zero.
func (e *Event) zeroOutNeurons() {
	for _, c := range e.sites {
		c.kept.Count = c.record.Significant
	}
	e.takeBest(func(c *candidate) float64 { return float64(c.record.Total) }, "others have more to gain per parameter")
	for _, c := range e.sites {
		c.both = c.empty(c.record.Significant)
		for j := range c.both.Count {
			for i, v := range c.neurons.Alpha.RawRowView(j) {
				c.both.Alpha[j*c.first.rows()+i] = float32(v)
			}
		}
	}
	e.insertUngated()
}

// takeBest leaves the sites of the most value per parameter that the limits allow.
func (e *Event) takeBest(value func(c *candidate) float64, reason string) {
	perParam := func(c *candidate) float64 { return value(c) / float64(c.kept.Count*c.cost) }
	slices.SortStableFunc(e.sites, func(a, b *candidate) int { return cmp.Compare(perParam(b), perParam(a)) })
	chosen := e.affordable(e.sites)
	for _, c := range e.sites {
		if !slices.Contains(chosen, c) {
			c.record.Reason, c.record.Waits = reason, true
		}
	}
	e.sites = chosen
}

// copyNeurons gives the site whose turn it is copies of its own neurons, chosen
// at random without repetition; each shares its outgoing weights with its copy.
func (e *Event) copyNeurons() {
	params := nn.ByName(e.model.Graph.ParamEntries())
	for _, c := range e.sites {
		width := c.width(e.model.Graph)
		if width == 0 {
			e.refuse("a site of width zero has no neurons to copy")
			return
		}
		order := rng.New(e.info.Seed, e.info.Number, rng.Key("net2net "+string(c.ID))).Perm(width)
		c.both = c.empty(min(c.cap, width))
		c.copyFrom(order, params, e.model)
	}
	e.insertUngated()
}

// copyFrom fills both with copies of the first neurons in order.
func (c *candidate) copyFrom(order []uint32, params map[string]nn.Entry, m *nn.Model) {
	in, a, area := &c.both, c.first.rows(), c.second.area()
	values := func(id nn.NodeID, role string) []float32 { return params[string(id)+"."+role].Of(m.Params) }
	first, second := values(c.First, nn.RoleWeight), values(c.Second, nn.RoleWeight)
	weights, old := c.first.weights(), c.second.weights()
	in.Update = make([]float32, c.outputs*c.second.rows())
	for k := range in.Count {
		from := int(order[k])
		copy(in.Alpha[k*a:], first[from*weights:][:weights])
		if c.first.bias {
			in.Alpha[k*a+weights] = values(c.First, nn.RoleBias)[from]
		}
		for o := range c.outputs {
			for e := range area {
				half := float32(second[o*old+from*area+e] / 2)
				in.Omega[(o*in.Count+k)*area+e] = half
				in.Update[o*c.second.rows()+from*area+e] = -half
			}
		}
		if c.norm != nil {
			in.Gain = append(in.Gain, values(c.norm.ID, nn.RoleWeight)[from])
			in.Shift = append(in.Shift, values(c.norm.ID, nn.RoleBias)[from])
		}
	}
}

// insertUngated grows the sites in the running with their neurons as they are:
// these change the loss by nothing yet, so there is nothing to measure but the
// moments that a normalisation needs.
func (e *Event) insertUngated() {
	req := &Request{Kind: KindNewborn}
	measure := false
	for _, c := range e.sites {
		measure = measure || c.norm != nil || e.cfg.Policy == PolicyZeroOut
		req.Newborn = append(req.Newborn, c.both)
	}
	if measure {
		e.ask(req, e.ranges[1], e.finishUngated)
		return
	}
	for _, c := range e.sites {
		c.kept = c.both
	}
	e.growUngated()
}

func (e *Event) finishUngated(sums []float64) {
	e.record.Loss = Number(sums[1] / sums[0])
	for i, s := range e.newborn(sums) {
		c := e.sites[i]
		all := make([]int, c.both.Count)
		for j := range all {
			all[j] = j
		}
		c.kept = c.pick(all, s, 1)
		c.kept.Gain, c.kept.Shift, c.kept.Update = c.both.Gain, c.both.Shift, c.both.Update
		if (e.cfg.Policy == PolicyZeroOut || e.cfg.Policy == PolicyRandom && c.norm != nil) && c.homogeneous(e.model.Graph) {
			c.unitSize(&c.kept, all, s)
		}
	}
	e.growUngated()
}

func (e *Event) growUngated() {
	var ins []Insertion
	for _, c := range e.sites {
		if e.cfg.Policy == PolicyRandom {
			e.connect(c, &c.kept)
		}
		c.record.Kept, c.record.Params = c.kept.Count, c.kept.Count*c.cost
		ins = append(ins, c.kept)
		e.grown(c, 1, float64(c.record.Predicted), 0)
	}
	e.grow(ins, fmt.Sprintf("policy %s grows without measuring", e.cfg.Policy))
}
