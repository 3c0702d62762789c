package growth

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// updateSums are the sums of an update round at one site, as expectations.
type updateSums struct {
	S1      *mat.SymDense // (b, b)
	M       *mat.Dense    // (b, c)
	G       *mat.SymDense // (c, c)
	Desired float64       // tr G
	Finite  bool
}

// neuronSums are the sums of a neurons round at one site, as expectations.
type neuronSums struct {
	S        *mat.SymDense // (a, a), nil if it was not asked for
	N        *mat.Dense    // (a, c offsets), column order (output, offset)
	Diagonal []float64     // of S, if that was asked for instead
	Psi2     float64       // E|V_proj|^2
	Finite   bool
}

// parseUpdate reads the site's part of the sums of an update round, which
// starts offset values behind the header.
func parseUpdate(g *nn.Graph, id SiteID, sums []float64, offset int) updateSums {
	l, err := layoutOf(g, id)
	if err != nil {
		panic("growth: sums of an unknown site")
	}
	b, c := l.second.rows(), l.outputs
	part := sums[header+offset:][:linalg.PackedLen(b+c)]
	u := updateSums{Finite: linalg.Finite(part), S1: linalg.UnpackSym(part, b+c, 0, b, 1/sums[0]), M: linalg.UnpackBlock(part, b+c, 0, b, b, c, -1/sums[0])} // the sums are of the gradient, -V
	u.G = linalg.UnpackSym(part, b+c, b, c, 1/sums[0])
	for o := range c {
		u.Desired += part[linalg.PackedIndex(b+c, b+o, b+o)] / sums[0]
	}
	return u
}

// parseNeurons reads the site's part of the sums of a neurons round.
func parseNeurons(g *nn.Graph, req SiteRequest, sums []float64, offset int) neuronSums {
	s, err := newSiteData(g, req)
	if err != nil {
		panic("growth: sums of an unknown site")
	}
	part, scale := sums[header+offset:][:s.neuronsLen()], 1/sums[0]
	n := neuronSums{Finite: linalg.Finite(part)}
	if s.stacked() {
		n.S, n.N = linalg.UnpackSym(part, s.a+s.c, 0, s.a, scale), linalg.UnpackBlock(part, s.a+s.c, 0, s.a, s.a, s.c, scale)
		for o := range s.c {
			n.Psi2 += float64(part[linalg.PackedIndex(s.a+s.c, s.a+o, s.a+o)] * scale)
		}
		return n
	}
	n.Psi2 = float64(part[len(part)-1] * scale)
	if req.Diagonal && !req.Metric {
		for _, v := range part[:s.a] {
			n.Diagonal = append(n.Diagonal, float64(v*scale))
		}
		part = part[s.a:]
	}
	if req.Metric {
		n.S = linalg.UnpackSym(part, s.a, 0, s.a, scale)
		part = part[linalg.PackedLen(s.a):]
	}
	n.N = mat.NewDense(max(s.a, 1), s.c*s.offsets, nil)
	for e := range s.offsets {
		for i := range s.a {
			for o := range s.c {
				n.N.Set(i, o*s.offsets+e, part[(e*s.a+i)*s.c+o]*scale)
			}
		}
	}
	return n
}

// newbornSums reads the sums of one insertion of k neurons in a newborn round.
type newbornSums struct {
	k         int
	sums      []float64
	n, shards float64
}

// gain returns the decrease of the mean loss by amplitude of neuron j at
// amplitude zero, and its standard error from the spread over micro-shards.
func (s newbornSums) gain(j int) (gain, err float64) {
	d, d2 := s.sums[j], s.sums[s.k+j]
	gain = -d / s.n
	if s.shards > 1 {
		err = math.Sqrt(math.Max(0, d2-d*d/s.shards)*s.shards/(s.shards-1)) / s.n
	}
	return gain, err
}

// moments returns those of the pre-activation of neuron j.
func (s newbornSums) moments(j int) (mean, variance float64) {
	m := s.sums[2*s.k:]
	return meanVariance(m[j], m[s.k+j], m[2*s.k])
}

// newbornParts returns the parts of the sums that belong to the sites in order.
func newbornParts(sites []*prospect, sums []float64) []newbornSums {
	var out []newbornSums
	at := header
	for _, c := range sites {
		n := newbornLen(c.both.Count)
		out = append(out, newbornSums{c.both.Count, sums[at : at+n], sums[0], sums[3]})
		at += n
	}
	return out
}
