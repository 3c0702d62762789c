package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// PolicyRandom grows one site after the other by random incoming weights, with
// outgoing weights of zero.
const PolicyRandom = "random"

func init() { register(random{}) }

type random struct{}

func (random) String() string { return PolicyRandom }

func (random) Stages(c Config) []Stage { return drawn(PolicyRandom, &isotropic{}) }

// drawn are the stages of a policy that draws incoming weights in a stage of its own.
func drawn(policy string, draw Stage) []Stage {
	return []Stage{
		&find{streams: true},
		&turn{},
		draw,
		&moments{unit: func(c *prospect) bool { return c.Normalised() }},
		&unmeasured{policy: policy, sentence: func(*prospect) string { return policy + ", outgoing weights zero" }},
		&insert{},
	}
}

// isotropic draws incoming weights of the norm of those that the site has. In front of
// a normalisation of a chain their pre-activations get the size that it gives to others;
// the normalisations of a stream give its new channels size one themselves.
type isotropic struct{}

func (*isotropic) Ask(*State) *Round { return nil }

func (*isotropic) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		c.both = c.Empty(c.cap)
		s.drawIncoming(c, &c.both, 0, 1)
		s.drawFilters(c)
	}
}

// drawFilters draws the weights of all new neurons in each filter of the site, of the
// root mean square of those of the existing channels; if it has none, of variance 2 by
// the filter's area, and biases of zero.
func (s *State) drawFilters(c *prospect) {
	length, first := c.FilterLen(), 0
	c.both.Filter = make([]float32, c.both.Count*length)
	existing := c.AllNeurons().Filters()
	for i, f := range c.Filters {
		std := rootMeanSquare(existing[i].Weight.Of(s.Model.Params), math.Sqrt(2/float64(f.Area())))
		stream := rng.New(s.Info.Seed, s.Info.Number, rng.Key("growth filter "+string(f.ID)))
		for j := range c.both.Count {
			for i := range f.Area() {
				c.both.Filter[j*length+first+i] = float32(std * stream.Normal(uint64(j*f.Area()+i)))
			}
		}
		first += f.Len()
	}
}

// rootMeanSquare returns that of x, or otherwise if x is empty.
func rootMeanSquare(x []float32, otherwise float64) float64 {
	if len(x) == 0 {
		return otherwise
	}
	return math.Sqrt(linalg.SquareSum(x) / float64(len(x)))
}

// drawIncoming draws the incoming weights and biases of the neurons from first
// on, of factor times the root mean square of those of the existing neurons at each
// writer; if it has none, weights of He's size and biases of zero.
func (s *State) drawIncoming(c *prospect, in *site.Insertion, first int, factor float64) {
	all := c.AllNeurons()
	for i, w := range c.Writers {
		alpha, weights, a := c.AlphaOf(*in, i), w.Each*w.Weights(), w.Incoming()
		std := float64(factor * rootMeanSquare(w.RowsOf(all.Range).Of(s.Model.Params), math.Sqrt(2/float64(max(w.Weights(), 1)))))
		stream := rng.New(s.Info.Seed, s.Info.Number, rng.Key("growth "+string(w.ID)))
		for j := first; j < in.Count; j++ {
			for i := range weights {
				alpha[j*a+i] = float32(std * stream.Normal(uint64(j*weights+i)))
			}
		}
		if !w.Bias {
			continue
		}
		std = float64(factor * rootMeanSquare(w.BiasesOf(all.Range).Of(s.Model.Params), 0))
		stream = rng.New(s.Info.Seed, s.Info.Number, rng.Key("growth bias "+string(w.ID)))
		for j := first; j < in.Count; j++ {
			for i := range w.Each {
				alpha[j*a+weights+i] = float32(std * stream.Normal(uint64(j*w.Each+i)))
			}
		}
	}
}
