package growth

import (
	"fmt"
	"slices"
)

// companions returns the sites that grow with the chosen ones: the others that
// have a bottleneck and may grow, each by as many neurons as take no more
// computation than those of the chosen site that take the most. So layers at low
// resolution, which are cheap, grow wider, as in networks made by hand. If the
// measured gain does not pay for all of them together, or too few samples would
// be left to train them, they grow by less; it returns none if there is no such way.
func (e *Event) companions(gain Number) []*candidate {
	if !e.cfg.Together {
		return nil
	}
	var flops int64
	for _, c := range e.chosen {
		flops = max(flops, int64(c.more())*c.flops)
	}
	for part := flops; part > 0; part = part * 3 / 4 {
		out, all := e.beside(part, gain)
		if all.Passed || len(out) == 0 {
			return out
		}
		if part == flops {
			for _, c := range out {
				c.record.Reason += "; with the others: " + all.Reason
			}
		}
	}
	return nil
}

// beside returns the sites that would grow with the chosen ones, each by as many
// neurons as take so much computation, and the gate's verdict on all together.
func (e *Event) beside(flops int64, gain Number) ([]*candidate, TrialRecord) {
	g := e.model.Graph.Clone()
	for _, c := range e.chosen {
		g.Node(c.First).Out += c.more()
	}
	var out []*candidate
	for _, c := range e.open {
		more := min(c.cap, int(flops/max(c.flops, 1)))
		if slices.Contains(e.chosen, c) || more == 0 {
			continue
		}
		g.Node(c.First).Out += more
		if e.tooLarge(g.NumParams(), g.FLOPs()) != "" {
			g.Node(c.First).Out -= more
			continue
		}
		c.both = c.empty(more)
		e.randomIncoming(c, &c.both, 0, 1)
		out = append(out, c)
	}
	all := TrialRecord{Params: g.NumParams() - e.record.ParamsBefore, FLOPs: g.FLOPs() - e.record.FLOPsBefore, Gain: gain}
	e.gate(&all)
	return out, all
}

// askMoments asks for the moments of the companions' pre-activations, and grows
// them with the chosen sites.
func (e *Event) askMoments(ins []Insertion, companions []*candidate, why string) {
	req := &Request{Kind: KindNewborn}
	for _, c := range companions {
		req.Newborn = append(req.Newborn, c.both)
	}
	e.sites = companions
	e.ask(req, e.ranges[1], func(sums []float64) {
		for i, s := range e.newborn(sums) {
			c := companions[i]
			all := make([]int, c.both.Count)
			for j := range all {
				all[j] = j
			}
			c.kept = c.pick(all, s, 1)
			if c.homogeneous(e.model.Graph) {
				c.unitSize(&c.kept, all, s)
			}
			e.connect(c, &c.kept)
			ins = append(ins, c.kept)
			c.record.Reason, c.record.Waits = "", false
			e.grown(c, 0, 0, 0)
			g := &e.record.Grown[len(e.record.Grown)-1]
			g.Sentence = fmt.Sprintf("%s %d -> %d %s: with the others, bottleneck %s, outgoing weights %s", g.Site, g.From, g.To, g.Unit, percent(float64(g.Share)), e.cfg.Outgoing)
		}
		e.grow(ins, why)
	})
}
