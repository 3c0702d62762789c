package growth

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/solve"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// diverse makes the neurons of each chain a mixture: one half at most is the solver's
// directions, the others are random, and all are orthogonal to the rows that are there
// and to each other, and of their norm.
type diverse struct{ directions }

func (d *diverse) Take(s *State, sums *measure.Sums) {
	drawn := map[*prospect][]float32{}
	for _, c := range d.chains(s) {
		drawn[c] = append([]float32(nil), c.both.Alpha...)
	}
	d.directions.Take(s, sums)
	for c, random := range drawn {
		w := c.Writers[0]
		half := c.both.Count / 2 * w.Rows()
		copy(c.both.Alpha[half:], random[half:])
		orthogonalise(c.both.Alpha, w, w.RowsOf(c.AllNeurons().Range).Of(s.Model.Params))
	}
}

// outgoing gives the new neurons of chains the outgoing weights by which they serve the
// desired update best ([tiny] prop. 3.1 on their activations alone), with no change of
// the existing weights, and of the size of those at most.
type outgoing struct{}

func (*outgoing) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindUpdate}
	for _, c := range (*directions)(nil).chains(s) {
		req.Sites = append(req.Sites, measure.SiteRequest{Site: c.ID})
		req.Newborn = append(req.Newborn, c.kept)
	}
	if len(req.Sites) == 0 {
		return nil
	}
	return &Round{req, s.samples.newborn}
}

func (*outgoing) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		return
	}
	chains := (*directions)(nil).chains(s)
	parallel.Each(len(chains), func(i int) {
		c, p := chains[i], sums.Update(i)
		if !p.Finite {
			c.record.Fallback = "the statistics of its outgoing weights are not finite"
			return
		}
		n := c.kept.Count * c.Outgoing.Area()
		ridge := max(leastRidge, solve.RidgeFor(n, float64(sums.Samples*float64(c.Outgoing.Positions()))))
		omega := solveOutgoing(p, block{c.Outgoing.Weights(), n, c.Outputs}, ridge)
		r := c.Readers[0]
		existing := rootMeanSquare(s.Model.Params[r.RowOf(0).Lo:r.RowOf(r.Outputs-1).Hi], math.Sqrt(1/float64(max(n, 1))))
		if size := math.Sqrt(linalg.SumSquares(omega) / float64(n*c.Outputs)); size > 0 && !math.IsInf(existing/size, 0) {
			for o := range c.Outputs {
				for j := range n {
					c.kept.Omega[o*n+j] = float32(omega.At(j, o) * existing / size)
				}
			}
		}
		c.kept.Fixed = true
	})
}

// block is which part of the statistics of a site's second layer is of its new neurons.
type block struct {
	from    int // input that is the first of them
	inputs  int // how many inputs there are
	outputs int // how many outputs were there before
}

// solveOutgoing returns (S_n + ridge)^-1 M_n (inputs, outputs), the least squares of the
// desired update on the new inputs alone.
func solveOutgoing(p measure.UpdateSums, b block, ridge float64) *mat.Dense {
	part := mat.NewSymDense(b.inputs, nil)
	for i := range b.inputs {
		for j := i; j < b.inputs; j++ {
			part.SetSym(i, j, p.S1.At(b.from+i, b.from+j))
		}
	}
	m := mat.DenseCopyOf(p.M.Slice(b.from, b.from+b.inputs, 0, b.outputs))
	return linalg.Whiten(part, linalg.Inversion{Threshold: solve.Threshold, Ridge: ridge}).Solve(m)
}

// bounded measures the outgoing weights of all chains together at sizes up to that of
// the existing ones, and takes the one of the largest gain that is certain, or none.
type bounded struct{ taken Point }

// sizes are the amplitudes that are tried: 1 is the size of the existing weights.
var sizes = []float64{1. / 64, 1. / 16, 1. / 4, 1}

func (*bounded) Ask(s *State) *Round {
	all := measure.Candidate{Amplitudes: sizes}
	for _, c := range (*directions)(nil).chains(s) {
		all.Insertions = append(all.Insertions, c.kept)
	}
	if len(all.Insertions) == 0 {
		return nil
	}
	return &Round{&measure.Request{Kind: measure.KindAmplitude, Candidates: []measure.Candidate{all}}, s.samples.amplitude}
}

func (b *bounded) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		return
	}
	for _, p := range points(sizes, sums, 0) {
		if p.Gain > p.Error && p.Gain-p.Error > b.taken.Gain-b.taken.Error {
			b.taken = p
		}
	}
	for _, c := range (*directions)(nil).chains(s) {
		c.kept = c.kept.Scaled(float64(b.taken.Amplitude))
	}
}

// sentence tells how the neurons of a site are read.
func (b *bounded) sentence(c *prospect) string {
	switch {
	case c.Stream:
		return "outgoing weights zero"
	case b.taken.Amplitude == 0:
		return "outgoing weights zero, since no size of the solved ones is sure to lower the loss"
	default:
		return fmt.Sprintf("solved outgoing weights of %g of the size of the others, "+
			"which lower the loss by %.2g ± %.1g at all such sites together",
			float64(b.taken.Amplitude), float64(b.taken.Gain), float64(b.taken.Error))
	}
}
