package growth

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// The hypergradient by gates a ([idarts]) is
//
//	dL_val/da - gamma d2L_tr/(da dw) p,  p = sum over k = 0 to K of (1 - gamma H)^k dL_val/dw,
//
// w being the weights of the network without candidates and H the Hessian of L_tr by them: what the
// validation loss changes by with a gate behind a step of size gamma of the weights on the training loss. Neither loss
// depends on the weights of candidates while gates are 0, so that these have no part in it. Products with H and with
// the mixed derivative are differences of gradients. The samples of the validation loss are those that
// other policies measure amplitudes on: training samples of the event that L_tr does not read.

// hypergradient gives candidates outgoing weights and takes the derivatives of the validation loss.
type hypergradient struct {
	term []float64 // (1 - gamma H)^k dL_val/dw
	sum  []float64 // p, as far as it goes
}

func (*hypergradient) Ask(s *State) *Round {
	for _, c := range s.sites {
		s.drawOutgoing(c, &c.kept)
	}
	return &Round{&measure.Request{Kind: measure.KindGradients, Newborn: candidates(s), Weights: true}, s.samples.amplitude}
}

func (h *hypergradient) Take(s *State, sums *measure.Sums) {
	s.Record.Loss = Number(sums.MeanLoss())
	if h.term = sums.Weights(); !linalg.Finite(h.term) {
		s.refuse("the gradient of the validation loss is not finite")
		return
	}
	h.sum = slices.Clone(h.term)
	for i, c := range s.sites {
		c.gates.values = sums.Gates(i)
	}
}

// candidates are those of all sites in the running.
func candidates(s *State) []site.Insertion {
	var out []site.Insertion
	for _, c := range s.sites {
		out = append(out, c.kept)
	}
	return out
}

// drawOutgoing draws the outgoing weights of the neurons, of the root mean square of those of the existing
// neurons at each reader; where these are none or zero, of He's size.
func (s *State) drawOutgoing(c *prospect, in *site.Insertion) {
	all := c.AllNeurons()
	for i, r := range c.Readers {
		squares, n := 0.0, 0
		for o := range r.Outputs {
			x := r.ColumnsOf(o, all.Range).Of(s.Model.Params)
			squares, n = squares+linalg.SquareSum(x), n+len(x)
		}
		std := math.Sqrt(squares / float64(max(n, 1)))
		if !(std > 0) {
			std = math.Sqrt(2 / float64(max(r.Weights(), r.Outgoing(), 1)))
		}
		stream := rng.New(s.Info.Seed, s.Info.Number, rng.Key("growth gate "+string(c.ID)+" "+string(r.ID)))
		for j, omega := 0, c.OmegaOf(*in, i); j < len(omega); j++ {
			omega[j] = float32(std * stream.Normal(uint64(j)))
		}
	}
}

// along returns the direction of v and its length.
func along(v []float64) (unit []float32, length float64) {
	for _, x := range v {
		length += float64(x * x)
	}
	if length = math.Sqrt(length); length == 0 || math.IsInf(length, 0) || math.IsNaN(length) {
		return nil, 0
	}
	unit = make([]float32, len(v))
	for i, x := range v {
		unit[i] = float32(x / length)
	}
	return unit, length
}

// neumann takes the next power of 1 - gamma H.
type neumann struct{ *hypergradient }

func (n *neumann) Ask(s *State) *Round {
	unit, _ := along(n.term)
	if unit == nil || s.gamma() == 0 {
		return nil
	}
	return &Round{&measure.Request{Kind: measure.KindGradients, Weights: true, Along: unit, By: s.Settings.Hypergrad.R},
		s.samples.statistics}
}

func (n *neumann) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		return
	}
	_, length := along(n.term)
	for i, curved := range sums.Weights() {
		n.term[i] -= float64(s.gamma() * float64(length*curved))
		n.sum[i] += n.term[i]
	}
	if !linalg.Finite(n.sum) {
		s.refuse("the Neumann series of the hypergradient is not finite: lower growth.hypergrad.step or growth.hypergrad.terms")
	}
}

// mixed makes hypergradients of the derivatives by gates.
type mixed struct{ *hypergradient }

func (m *mixed) Ask(s *State) *Round {
	unit, _ := along(m.sum)
	if unit == nil || s.gamma() == 0 {
		return nil
	}
	return &Round{&measure.Request{Kind: measure.KindGradients, Newborn: candidates(s), Along: unit, By: s.Settings.Hypergrad.R},
		s.samples.statistics}
}

func (m *mixed) Take(s *State, sums *measure.Sums) {
	_, length := along(m.sum)
	for i, c := range s.sites {
		if sums != nil {
			for j, v := range sums.Gates(i) {
				c.gates.values[j] -= float64(s.gamma() * float64(length*v))
			}
		}
		if !linalg.Finite(c.gates.values) {
			c.record.Reason = "its hypergradients are not finite"
		}
	}
	if !s.drop() {
		s.refuse("no site has a hypergradient")
	}
}
