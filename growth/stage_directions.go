package growth

import (
	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// directions replaces the first incoming weights of each chain by the solver's for the
// whole desired update, as many as stand out from noise.
type directions struct{}

func (d *directions) Ask(s *State) *Round {
	if len(d.chains(s)) == 0 {
		return nil
	}
	within := *s
	within.sites = d.chains(s)
	return (&neurons{}).Ask(&within)
}

// chains are the sites that the solver finds directions for.
func (*directions) chains(s *State) (out []*prospect) {
	for _, c := range s.sites {
		if !c.Stream {
			out = append(out, c)
		}
	}
	return out
}

func (d *directions) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		return
	}
	s.Record.Loss = Number(sums.MeanLoss())
	chains := d.chains(s)
	parallel.Each(len(chains), func(i int) {
		c, p := chains[i], sums.Neurons(i)
		if !p.Finite {
			c.record.Fallback = "its statistics are not finite"
			return
		}
		c.solve(p, solving{sums.Samples, s.fixed.Ridge, true})
		if c.record.Reason != "" {
			c.record.Reason, c.record.Fallback = "", c.record.Reason
			return
		}
		a := c.Incoming.Rows()
		for j := range min(c.record.Significant, c.both.Count) {
			for i, v := range c.neurons.Alpha.RawRowView(j) {
				c.both.Alpha[j*a+i] = float32(v)
			}
		}
	})
}
