package growth

import (
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

func (*copies) Take(s *State, _ *Sums) {
	for _, c := range s.sites {
		width := c.width(s.Model.Graph)
		if width == 0 {
			s.refuse("a site of width zero has no neurons to copy")
			return
		}
		order := rng.New(s.Info.Seed, s.Info.Number, rng.Key("net2net "+string(c.ID))).Perm(width)
		c.both = copied(c.layout, order[:min(c.cap, width)], s.Model)
	}
}

// copied returns copies of some neurons, each with half of the outgoing weights,
// and the change that leaves the other half to the neuron itself.
func copied(l layout, which []uint32, m *nn.Model) Insertion {
	params := nn.ByName(m.Graph.ParamEntries())
	in, a, area := l.empty(len(which)), l.first.rows(), l.second.area()
	values := func(id nn.NodeID, role string) []float32 { return params[string(id)+"."+role].Of(m.Params) }
	first, second := values(l.First, nn.RoleWeight), values(l.Second, nn.RoleWeight)
	weights, old := l.first.weights(), l.second.weights()
	in.Update = make([]float32, l.outputs*l.second.rows())
	for k, from := range which {
		from := int(from)
		copy(in.Alpha[k*a:], first[from*weights:][:weights])
		if l.first.bias {
			in.Alpha[k*a+weights] = values(l.First, nn.RoleBias)[from]
		}
		for o := range l.outputs {
			for e := range area {
				half := float32(second[o*old+from*area+e] / 2)
				in.Omega[(o*in.Count+k)*area+e] = half
				in.Update[o*l.second.rows()+from*area+e] = -half
			}
		}
		if l.norm != nil {
			in.Gain = append(in.Gain, values(l.norm.ID, nn.RoleWeight)[from])
			in.Shift = append(in.Shift, values(l.norm.ID, nn.RoleBias)[from])
		}
	}
	return in
}
