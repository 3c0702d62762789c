package growth

import (
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
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
		&find{},
		&turn{},
		&copies{},
		&moments{},
		&unmeasured{policy: "net2net", sentence: func(*GrownRecord) string { return "copies of neurons, function preserved" }},
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
	params := nn.ByName(m.Graph.ParamEntries())
	in, a, area := l.Empty(len(which)), l.Incoming.Rows(), l.Outgoing.Area()
	values := func(id nn.NodeID, role string) []float32 { return params[string(id)+"."+role].Of(m.Params) }
	first, second := values(l.First, nn.RoleWeight), values(l.Second, nn.RoleWeight)
	weights, old := l.Incoming.Weights(), l.Outgoing.Weights()
	in.Update = make([]float32, l.Outputs*l.Outgoing.Rows())
	for k, from := range which {
		from := int(from)
		copy(in.Alpha[k*a:], first[from*weights:][:weights])
		if l.Incoming.Bias {
			in.Alpha[k*a+weights] = values(l.First, nn.RoleBias)[from]
		}
		for o := range l.Outputs {
			for e := range area {
				half := float32(second[o*old+from*area+e] / 2)
				in.Omega[(o*in.Count+k)*area+e] = half
				in.Update[o*l.Outgoing.Rows()+from*area+e] = -half
			}
		}
		for _, f := range l.Filters {
			in.Filter = append(in.Filter, values(f.ID, nn.RoleWeight)[from*f.Area():][:f.Area()]...)
			if f.Bias {
				in.Filter = append(in.Filter, values(f.ID, nn.RoleBias)[from])
			}
		}
	}
	norms, _ := l.Norms()
	for _, n := range norms {
		for _, from := range which {
			in.Gain = append(in.Gain, values(n.ID, nn.RoleWeight)[from])
			in.Shift = append(in.Shift, values(n.ID, nn.RoleBias)[from])
		}
	}
	return in
}
