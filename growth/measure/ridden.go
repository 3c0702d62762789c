package measure

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/site"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// RidingSite says what the sums of one site, or of one pair of a stream, mean that rode
// along: those of N, and in some rounds those of S before them. They are additive over
// samples. Of the pairs of one writer a single one has S.
type RidingSite struct {
	Site   site.ID
	Pair   site.Pair // empty at a chain
	Inputs int       // a, rows of N
	Whole  bool      // S is taken whole, not its diagonal alone
	// NLen and MetricLen are the numbers of sums of N and of S.
	NLen, MetricLen int

	outputs, offsets int
	bias             bool    // the last input is the constant 1
	factor           float64 // what sums over the other inputs are multiplied by
	bands            float64 // how many bands take turns, one in each sum
	flops            [2]float64
}

// RidingSites returns the sites of Riding(g) in its order, the pairs of a stream behind
// each other.
func RidingSites(g *nn.Graph) []RidingSite {
	var out []RidingSite
	for _, s := range ridingSites(g) {
		r := RidingSite{Site: s.ID, Pair: s.pair, Inputs: s.a, Whole: s.metric, NLen: s.ridingLen(false), outputs: s.c, offsets: s.offsets,
			bias: s.Incoming.Bias, factor: 1, bands: 1}
		r.MetricLen = s.ridingLen(true) - r.NLen
		positions := s.Outgoing.Positions() // at which each product is made
		if s.full {
			positions, r.factor = len(s.ways), s.factor()
		} else if n := len(s.bandUnfolds()); n > 0 {
			r.bands, r.factor = float64(n), s.factor()
		}
		r.flops = [2]float64{float64(2 * s.a * s.c), float64(2 * r.MetricLen)}
		for i := range r.flops {
			r.flops[i] = float64(r.flops[i] * (float64(positions) / r.bands))
		}
		out = append(out, r)
	}
	return out
}

// Rides reports whether N of the site rides along in a turn.
func (s RidingSite) Rides(turn uint64) bool { return s.Pair == (site.Pair{}) || RidesStreams(turn) }

// RidingFLOPs returns the operations that the statistics of a turn take for one sample,
// beside those of the gradient: two for each product.
func RidingFLOPs(sites []RidingSite, turn uint64) float64 {
	sum, metric := 0.0, RidesMetric(turn)
	for _, s := range sites {
		if !s.Rides(turn) {
			continue
		}
		sum += s.flops[0]
		if metric {
			sum += s.flops[1]
		}
	}
	return sum
}

// RidingLen returns the number of sums of a round.
func RidingLen(sites []RidingSite, metric bool) int {
	n := 0
	for _, s := range sites {
		n += s.NLen
		if metric {
			n += s.MetricLen
		}
	}
	return n
}

// Columns returns how many columns N has: outputs of Second times kernel offsets.
func (s RidingSite) Columns() int { return s.outputs * s.offsets }

// Bands returns how many rounds of S, or of one half of N, it takes until the sums are of
// all positions.
func (s RidingSite) Bands() int { return int(s.bands) }

// N returns E[b2 V'] (a, c offsets), column order (output, offset), from sums over
// that many samples.
func (s RidingSite) N(sums []float64, samples float64) *mat.Dense {
	n := mat.NewDense(s.Inputs, s.Columns(), nil)
	for e := range s.offsets {
		for i := range s.Inputs {
			scale := float64(-s.scale(i) / samples) // the sums are of the gradient, -V
			for o := range s.outputs {
				n.Set(i, o*s.offsets+e, float64(sums[(e*s.Inputs+i)*s.outputs+o]*scale))
			}
		}
	}
	return n
}

// scale returns what a sum of input i times something of each position is to be
// multiplied by.
func (s RidingSite) scale(i int) float64 { return float64(s.factorOf(i) * s.bands) }

func (s RidingSite) factorOf(i int) float64 {
	if s.bias && i == s.Inputs-1 {
		return 1
	}
	return s.factor
}

// S returns E[b2 b2'] (a, a) from sums over that many samples; where S is not whole,
// all but its diagonal is zero.
func (s RidingSite) S(sums []float64, samples float64) *mat.SymDense {
	out := mat.NewSymDense(s.Inputs, nil)
	at := 0
	for i := range s.Inputs {
		last := s.Inputs
		if !s.Whole {
			last = i + 1
		}
		for j := i; j < last; j++ {
			out.SetSym(i, j, float64(sums[at]*(s.scale(i)*s.factorOf(j)/samples)))
			at++
		}
	}
	return out
}

// SameMetric reports whether sums of S mean the same at s and at t.
func (s RidingSite) SameMetric(t RidingSite) bool {
	return s.Site == t.Site && s.Pair == t.Pair && s.Inputs == t.Inputs && s.Whole == t.Whole && s.MetricLen == t.MetricLen &&
		s.bias == t.bias && s.factor == t.factor && s.bands == t.bands
}

// maxRidden is what no sum of S comes near to, for one sample.
const maxRidden = 1e9

// LookRidden returns the largest number of N in the sums of a round over that many
// samples, and what hardly any samples can have led to, or nil: numbers that are none,
// and an S that is no covariance or huge.
func LookRidden(sites []RidingSite, metric bool, sums []float64, samples float64) (largest float64, err error) {
	if len(sums) != RidingLen(sites, metric) || !linalg.Finite(sums) {
		return 0, errors.New("some of the numbers that rode along are none")
	}
	for _, s := range sites {
		if metric {
			if err := s.check(sums[:s.MetricLen], samples); err != nil {
				return 0, fmt.Errorf("site %q: %w", s.Site, err)
			}
			sums = sums[s.MetricLen:]
		}
		for _, v := range sums[:s.NLen] {
			largest = max(largest, math.Abs(v))
		}
		sums = sums[s.NLen:]
	}
	return largest, nil
}

// slack is the relative error that float32 sums of squares may have at most.
const slack = 1e-2

// check looks at sums of S: squares are not negative, and products are bounded by them.
func (s RidingSite) check(sums []float64, samples float64) error {
	if len(sums) == 0 {
		return nil // another pair of the writer has S
	}
	whole := linalg.Packed{Order: s.Inputs, Data: sums}
	at := func(i int) float64 {
		if s.Whole {
			return whole.At(i, i)
		}
		return sums[i]
	}
	for i := range s.Inputs {
		if !(at(i) >= 0 && at(i) <= float64(maxRidden*samples)) {
			return fmt.Errorf("the squares of input %d sum to %.3g over %v samples", i, at(i), samples)
		}
		for j := i + 1; s.Whole && j < s.Inputs; j++ {
			p := whole.At(i, j)
			if float64(p*p) > float64(at(i)*at(j)*(1+slack))+1e-12 {
				return fmt.Errorf("the product of inputs %d and %d is beyond their squares", i, j)
			}
		}
	}
	return nil
}
