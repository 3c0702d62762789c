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
	perParam := func(c *candidate) float64 { return float64(c.record.Predicted) / float64(c.kept.Count*c.cost) }
	slices.SortStableFunc(e.sites, func(a, b *candidate) int { return cmp.Compare(perParam(b), perParam(a)) })
	chosen := e.affordable(e.sites)
	for _, c := range e.sites {
		if !slices.Contains(chosen, c) {
			c.record.Reason = "others have a larger gradient per parameter"
		}
	}
	e.sites = chosen
	for _, c := range e.sites {
		k, a, area := len(c.neurons.Lambda), c.first.rows(), c.second.area()
		c.both = c.empty(k)
		dead := c.norm != nil
		for _, op := range c.activations(e.model.Graph) {
			dead = dead || op == nn.OpReLU
		}
		switch {
		case dead && (c.norm != nil || !c.first.bias):
			e.randomIncoming(c, &c.both, 0.01)
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
// the norm of those that it has, and outgoing weights of zero.
func (e *Event) randomNeurons() {
	for _, c := range e.sites {
		c.both = c.empty(c.cap)
		e.randomIncoming(c, &c.both, 1)
	}
	e.insertUngated()
}

// randomIncoming draws incoming weights, biases zero, of factor times the root
// mean square norm of the site's existing neurons, or of He's if it has none.
func (e *Event) randomIncoming(c *candidate, in *Insertion, factor float64) {
	entry := byName(e.model.Graph.ParamEntries())[string(c.First)+"."+nn.RoleWeight]
	weights, a := c.first.weights(), c.first.rows()
	std := math.Sqrt(2 / float64(max(weights, 1)))
	if existing := entry.Of(e.model.Params); len(existing) > 0 {
		std = math.Sqrt(rowSquares(existing) / float64(len(existing)))
	}
	s := rng.New(e.info.Seed, e.info.Number, rng.Key("growth "+string(c.ID)))
	for j := range in.Count {
		for i := range weights {
			in.Alpha[j*a+i] = float32(factor * std * s.Normal(uint64(j*weights+i)))
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
		measure = measure || c.norm != nil
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
	}
	e.growUngated()
}

func (e *Event) growUngated() {
	var ins []Insertion
	for _, c := range e.sites {
		c.record.Kept, c.record.Params = c.kept.Count, c.kept.Count*c.cost
		ins = append(ins, c.kept)
		e.grown(c, 1, float64(c.record.Predicted), 0)
	}
	e.grow(ins, fmt.Sprintf("policy %s grows without measuring", e.cfg.Policy))
}
