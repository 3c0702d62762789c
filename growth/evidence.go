package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/parallel"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Evidence is what the statistics that ride along with gradient rounds say of one
// site: what new neurons would gain there to first order, and how sure that is. Gains
// are decreases of the mean of |V|^2 over samples, the squared desired update at the
// output of Second ([tiny] prop. 3.2, of V itself and not of what the existing
// weights leave), summed over positions.
type Evidence struct {
	Site site.ID
	// Samples is how many the statistics were taken over; earlier ones count less.
	Samples int
	// Directions are those of the site's spectrum by descending rank. Each is a
	// possible new neuron, and takes what the ones before it leave.
	Directions []Direction
	// Total is the gain of all directions together, those that are not listed
	// included, and TotalError its standard error.
	Total, TotalError float64
	// CostPerNeuron is what training one more neuron costs for one sample, in
	// FLOPs: forward and backward, at First and at all that read it.
	CostPerNeuron float64
}

// Direction is one neuron that a site could gain. Gain, lambda^2 of [tiny], is found
// in one half of the samples and measured in the other, so that its expectation is
// zero where there is nothing to gain; it may be negative. Error is its standard error.
type Direction struct {
	Gain, Error float64
	// Noise is the variance, over samples, of the first-order gain by amplitude of such
	// a neuron of unit size, of which Gain is the squared mean.
	Noise float64
}

// Decrease returns what the best step along the direction would take off the loss if
// its curvature is the second moment of gradients (empirical Fisher), which makes
// directions of different sites comparable; Error times the same factor is its error.
func (d Direction) Decrease() float64 {
	if !(d.Noise > 0) {
		return 0
	}
	return d.Gain / float64(2*(d.Noise+math.Max(0, d.Gain)))
}

// maxDirections bounds the directions of a site that are listed.
const maxDirections = 64

// Evidence returns what the window says of its sites. ridge, times the mean square of a site's inputs, is added to the diagonal of their
// covariance. It leaves out sites without samples in both halves and in S, and such
// with statistics that are no numbers.
func (w *Window) Evidence(ridge float64) []Evidence {
	var first []int // of each site
	for i, s := range w.Sites {
		if i == 0 || s.Site != w.Sites[i-1].Site {
			first = append(first, i)
		}
	}
	found := make([]*Evidence, len(first))
	parallel.Each(len(first), func(k int) {
		to := len(w.Sites)
		if k+1 < len(first) {
			to = first[k+1]
		}
		found[k] = w.evidence(first[k], to, ridge)
	})
	var out []Evidence
	for _, e := range found {
		if e != nil {
			out = append(out, *e)
		}
	}
	return out
}

// trainingPasses is what training costs in forward passes.
const trainingPasses = 3

// costPerNeuron returns the FLOPs of training one more neuron for one sample.
func costPerNeuron(g *nn.Graph, id site.ID) float64 {
	l, err := site.LayoutOf(g, id)
	if err != nil {
		panic("growth: evidence of no site")
	}
	return float64(trainingPasses * float64(l.FLOPsPerNeuron()))
}

// evidence returns that of the site whose pairs are those from place from up to to, or
// nil. Of a stream N is the matrix of all its pairs, rows by writers and columns by
// readers, and zero where no way leads from one to the other. Its neurons read what all
// writers read; S is taken of each writer by itself.
func (w *Window) evidence(from, to int, ridge float64) *Evidence {
	samples := w.Sites[from].Samples // equal at all pairs
	if samples[0] == 0 || samples[1] == 0 {
		return nil
	}
	e := &Evidence{Site: w.Sites[from].Site, Samples: portable.Int(samples[0] + samples[1]), CostPerNeuron: w.costs[from]}
	white := map[nn.NodeID]*linalg.Whitening{}
	for i := from; i < to; i++ {
		s, l := w.Sites[i], w.layout[i]
		if !linalg.Finite(s.Sums) || l.MetricLen > 0 && s.Metric == 0 {
			return nil
		}
		if l.MetricLen > 0 {
			white[s.Writer] = linalg.Whiten(l.S(s.Sums[2*l.NLen:], s.Metric), linalg.Inversion{Threshold: solve.Threshold, Ridge: ridge})
		}
	}
	rows, columns := map[nn.NodeID]int{}, map[nn.NodeID]int{} // where those of each begin
	a, c := 0, 0
	for i := from; i < to; i++ {
		s := w.Sites[i]
		if _, seen := rows[s.Writer]; !seen {
			rows[s.Writer], a = a, a+white[s.Writer].Rank()
		}
		if _, seen := columns[s.Reader]; !seen {
			columns[s.Reader], c = c, c+w.layout[i].Columns()
		}
	}
	if a == 0 {
		return e
	}
	var halves [2]*mat.Dense
	for h := range halves {
		halves[h] = mat.NewDense(a, c, nil)
		for i := from; i < to; i++ {
			s, l := w.Sites[i], w.layout[i]
			if part := white[s.Writer].Whiten(l.N(s.Sums[h*l.NLen:][:l.NLen], s.Samples[h])); part != nil {
				r, k := rows[s.Writer], columns[s.Reader]
				n, m := part.Dims()
				halves[h].Slice(r, r+n, k, k+m).(*mat.Dense).Copy(part)
			}
		}
	}
	e.crossValidate(halves, samples)
	return e
}

// crossValidate takes the spectrum of S^{-1/2} N (a, c) from two independent estimates
// W1 and W2 of it. The singular triples (s, u, v) of one are measured in the other: s
// u'W2 v has the expectation of lambda^2 as long as the direction stands out at all,
// and zero where there is none, since u, v and W2 are independent. Over all directions
// these sum to the inner product of W1 and W2. Both ways are averaged. samples are
// those of each.
func (e *Evidence) crossValidate(w [2]*mat.Dense, samples [2]float64) {
	a, c := w[0].Dims()
	e.Directions = make([]Direction, min(a, c, maxDirections))
	rest := 0.0 // variance of what is not listed
	for h := range w {
		one, other := linalg.TopSVD(w[h], len(e.Directions)), w[1-h]
		if one.U == nil {
			continue
		}
		n := newNoise(one, other)
		unlisted := linalg.SumSquares(w[h])
		for i, gain := range n.gains {
			s := one.Values[i]
			unlisted -= float64(s * s)
			e.Directions[i].Gain += float64(s * gain / 2)
			e.Directions[i].Error += float64(n.variance(i) * (float64(s*s) + float64(gain*gain)) / 2)
			e.Directions[i].Noise += float64(n.variance(i) * samples[1-h] / 2)
		}
		rest += float64(n.mean * math.Max(0, unlisted) / 2)
	}
	for i := range e.Directions {
		d := &e.Directions[i]
		rest += d.Error
		d.Error = math.Sqrt(d.Error)
	}
	e.TotalError = math.Sqrt(rest)
	for i := range a {
		for j, v := range w[0].RawRowView(i) {
			e.Total += float64(v * w[1].At(i, j))
		}
	}
}

// noise is how much u_i' W2 v_i varies where nothing is to be found: as u_i' W2 v and
// u' W2 v_i do for the other directions, which W1 says nothing of.
type noise struct {
	gains     []float64 // u_i' W2 v_i
	rows, col []float64 // mean squares over all v but v_i, over all u but u_i
	mean      float64   // over all pairs
}

// prior is how many elements as noisy as the mean a row and a column are taken to have
// beside their own: few elements alone tell their spread badly.
const prior = 8

func newNoise(one linalg.SVD, other *mat.Dense) *noise {
	a, c := other.Dims()
	_, k := one.U.Dims()
	left, right := linalg.MulAT(one.U, other), linalg.Mul(other, one.V) // (k, c), (a, k)
	n := &noise{rows: make([]float64, k), col: make([]float64, k)}
	for i := range a {
		for j, v := range right.RawRowView(i) {
			n.col[j] += float64(v * v)
		}
	}
	rest := linalg.SumSquares(other)
	for i := range k {
		gain := 0.0
		for j, v := range left.RawRowView(i) {
			gain += float64(v * one.V.At(j, i))
			n.rows[i] += float64(v * v)
		}
		n.gains = append(n.gains, gain)
		rest -= float64(gain * gain)
	}
	n.mean = math.Max(0, rest) / math.Max(1, float64(a*c-k))
	for i, gain := range n.gains {
		// Where W1 has found something, its direction is a little off, and what it
		// misses stands in the other directions, as large as the noise.
		seen := 1 + math.Max(0, math.Min(1, gain/one.Values[i]))
		spread := func(squares float64, elements int) float64 {
			return (math.Max(0, squares-float64(gain*gain))/seen + float64(prior*n.mean)) / float64(elements-1+prior)
		}
		n.rows[i], n.col[i] = spread(n.rows[i], c), spread(n.col[i], a)
	}
	return n
}

// variance returns that of gain i, by how much its row and its column vary.
func (n *noise) variance(i int) float64 {
	if n.mean <= 0 {
		return float64(n.gains[i] * n.gains[i]) // one number alone tells no error of its own
	}
	return float64(n.rows[i] * n.col[i] / n.mean)
}
