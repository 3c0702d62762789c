package growth

import (
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

func init() { register(net2net{}) }

// net2net grows one site after the other by copies of its neurons, which share
// their outgoing weights with them: the function is preserved.
type net2net struct{}

func (net2net) String() string { return "net2net" }

func (net2net) Stages(c Config) []Stage {
	return []Stage{
		&find{streams: true},
		&turn{},
		&copies{},
		&moments{},
		&unmeasured{policy: "net2net", sentence: func(*prospect) string { return "copies of neurons, function preserved" }},
		&insert{},
	}
}

// copies chooses the neurons to copy at random, without repetition.
type copies struct{}

func (*copies) Ask(*State) *Round { return nil }

func (*copies) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		width := c.Width(s.Model.Graph)
		if width == 0 {
			s.refuse("a site of width zero has no neurons to copy")
			return
		}
		order := rng.New(s.Info.Seed, s.Info.Number, rng.Key("net2net "+string(c.ID))).Perm(width)
		c.both = copied(c.Layout, order[:min(c.cap, width)], s.Model)
	}
}

// copied returns copies of some neurons, each with half of the outgoing weights,
// and the change that leaves the other half to the neuron itself.
func copied(l site.Layout, which []uint32, m *nn.Model) site.Insertion {
	in := l.Empty(len(which))
	in.Update = make([]float32, l.UpdateLen())
	one := func(from uint32) kernel.Range { return kernel.Range{Lo: int(from), Hi: int(from) + 1} }
	for i, w := range l.Writers {
		alpha := l.AlphaOf(in, i)
		for _, from := range which {
			alpha = alpha[copy(alpha, w.RowsOf(one(from)).Of(m.Params)):]
			alpha = alpha[copy(alpha, w.BiasesOf(one(from)).Of(m.Params)):]
		}
	}
	for i, r := range l.Readers {
		omega, update, area := l.OmegaOf(in, i), l.UpdateOf(in, i), r.Outgoing()
		for o := range r.Outputs {
			for _, from := range which {
				for e, v := range r.ColumnsOf(o, one(from)).Of(m.Params) {
					half := float32(v / 2)
					omega[e] = half
					update[o*r.Rows()+int(from)*area+e] = -half
				}
				omega = omega[area:]
			}
		}
	}
	for _, from := range which {
		for _, f := range l.Neurons(one(from)).Filters() {
			in.Filter = append(append(in.Filter, f.Weight.Of(m.Params)...), f.Bias.Of(m.Params)...)
		}
	}
	in.Gain, in.Shift = nil, nil
	for _, norm := range l.AllNeurons().Norms() {
		for _, from := range which {
			in.Gain = append(in.Gain, norm.Weight.Of(m.Params)[from])
			in.Shift = append(in.Shift, norm.Bias.Of(m.Params)[from])
		}
	}
	return in
}
