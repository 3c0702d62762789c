package prune

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Gates are one gate for each neuron of all sites, sigmoid(Delta s) of a score s that learns [dnal]. It stands in
// front of every layer that reads the neuron, so that streams of residual networks have one gate a channel too.
//
// What a layer reads times g is what its weights times g read: the gates live in the weights of
// readers, w g / g0 with g0 = 1/2 of a score of 0. Programs, workers and messages know nothing of them; at the
// start no bit of the network changes, and a gradient of weights is all that the gradient of a score needs.
//
// Gates are never changed, but replaced.
type Gates struct {
	// Delta is that of the weights at hand. It never falls.
	Delta float64  `json:"delta"`
	Sites []Scored `json:"sites"`
}

// Scored is the scores s of the neurons of a site, in order.
type Scored struct {
	Site site.ID   `json:"site"`
	S    []float64 `json:"s"`
}

// NewGates returns the gates of g at the start: all half open.
func NewGates(g *nn.Graph) *Gates {
	out := &Gates{Delta: 1}
	for _, l := range layouts(g) {
		out.Sites = append(out.Sites, Scored{l.ID, make([]float64, l.Width(g))})
	}
	return out
}

// Fits returns an error if the gates are not those of g.
func (s *Gates) Fits(g *nn.Graph) error {
	sites := layouts(g)
	fits := len(sites) == len(s.Sites) && s.Delta >= 1 && s.Delta <= math.MaxFloat64
	for i := 0; fits && i < len(sites); i++ {
		fits = sites[i].ID == s.Sites[i].Site && sites[i].Width(g) == len(s.Sites[i].S)
	}
	if !fits {
		return fmt.Errorf("gates of %d sites do not fit the network, which has %d", len(s.Sites), len(sites))
	}
	return nil
}

// DeltaAt returns delta once a part of the stage of the gates is done: it grows geometrically from 1 to last.
func DeltaAt(part, last float64) float64 {
	return portable.Exp(float64(max(0, min(part, 1)) * portable.Log(last)))
}

// sigmoid returns 1 / (1 + exp(-x)).
func sigmoid(x float64) float64 {
	if x >= 0 {
		return 1 / (1 + portable.Exp(-x))
	}
	e := portable.Exp(x)
	return e / (1 + e)
}

// slope returns the derivative of sigmoid at x, which is symmetrical.
func slope(x float64) float64 { return float64(sigmoid(x) * sigmoid(-x)) }

// half is a gate of score 0.
const half = 0.5

// Open returns how far each gate is open, 0 to 1.
func (s *Gates) Open() []Scores {
	var out []Scores
	for _, at := range s.Sites {
		o := Scores{at.Site, make([]float64, len(at.S))}
		for j, v := range at.S {
			o.Scores[j] = sigmoid(float64(s.Delta * v))
		}
		out = append(out, o)
	}
	return out
}

// Weights writes the parameters of g behind the gates to dst: those of base, columns of readers multiplied. dst may be base.
func (s *Gates) Weights(g *nn.Graph, dst, base []float32) {
	copy(dst, base)
	open := s.Open()
	for i, l := range layouts(g) {
		for columns, j := range columns(&l) {
			factor := float64(open[i].Scores[j] / half)
			for k, v := range columns.Of(base) {
				dst[columns.Lo+k] = float32(factor * float64(v))
			}
		}
	}
}

// columns yields, for each reader of a site, each of its outputs and each neuron, where the weights lie by which
// it reads the neuron.
func columns(l *site.Layout) iter.Seq2[kernel.Range, int] {
	return func(yield func(kernel.Range, int) bool) {
		for _, r := range l.Readers {
			for o := range r.Outputs {
				for j := range l.AllNeurons().Len() {
					if !yield(r.ColumnsOf(o, kernel.Range{Lo: j, Hi: j + 1}), j) {
						return
					}
				}
			}
		}
	}
}

// Gradient returns the derivatives of the loss by the scores, for those of the loss by the parameters of g
// behind the gates, times scale. base are the parameters without gates.
//
//	dL/ds = Delta sigmoid'(Delta s) / g0 sum_w (dL/dw) w + lambda sigmoid'(s)
//
// The sum is over the weights w by which all readers read the neuron. The last term is that of
// lambda sum sigmoid(s), the price of open gates in the loss [dnal].
func (s *Gates) Gradient(g *nn.Graph, base, grad []float32, scale, lambda float64) []Scores {
	var out []Scores
	for i, l := range layouts(g) {
		at := s.Sites[i]
		sums := make([]float64, len(at.S))
		for columns, j := range columns(&l) {
			w := columns.Of(base)
			for k, d := range columns.Of(grad) {
				sums[j] += float64(float64(d) * float64(w[k]))
			}
		}
		for j, v := range at.S {
			chain := float64(float64(s.Delta*slope(float64(s.Delta*v))) / half)
			sums[j] = float64(float64(sums[j]*scale)*chain) + float64(lambda*slope(v))
		}
		out = append(out, Scores{at.Site, sums})
	}
	return out
}

// maxScore bounds the scores, which JSON has to hold.
const maxScore = 1e300

// Step returns the gates behind a step of SGD along the gradient of Gradient, and with delta, unless it would fall. A
// score stays where its step leads to no finite number.
func (s *Gates) Step(gradient []Scores, lr, delta float64) *Gates {
	out := &Gates{Delta: max(s.Delta, delta), Sites: slices.Clone(s.Sites)}
	for i, at := range out.Sites {
		next := slices.Clone(at.S)
		for j := range next {
			if to := next[j] - float64(lr*gradient[i].Scores[j]); math.Abs(to) <= maxScore {
				next[j] = to
			}
		}
		out.Sites[i].S = next
	}
	return out
}

// Closed returns the neurons whose gates are not above OpenGate. A site whose gates all are keeps the neuron of
// the highest score, of equals the first.
func (s *Gates) Closed() []site.Removal {
	open := s.Open()
	gone := make([][]int, len(open))
	for i, o := range open {
		best := -1
		for j := range o.Scores {
			if best < 0 || s.Sites[i].S[j] > s.Sites[i].S[best] {
				best = j
			}
		}
		for j, v := range o.Scores {
			if j != best && !(v > OpenGate) {
				gone[i] = append(gone[i], j)
			}
		}
	}
	return removals(open, gone)
}

// Ranks returns the scores s to rank neurons by, as multiples of their root mean square at the site: how large
// gradients of scores are differs from layer to layer.
func (s *Gates) Ranks() []Scores {
	var out []Scores
	for _, at := range s.Sites {
		r := Scores{at.Site, slices.Clone(at.S)}
		var squares float64
		for _, v := range r.Scores {
			squares += float64(v * v)
		}
		if size := math.Sqrt(squares / float64(max(len(r.Scores), 1))); size > 0 && size <= math.MaxFloat64 {
			for j := range r.Scores {
				r.Scores[j] /= size
			}
		}
		out = append(out, r)
	}
	return out
}
