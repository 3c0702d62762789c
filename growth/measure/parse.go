package measure

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/site"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// HeaderLen is how many sums precede those of each kind of growth round: those of
// Totals, the metrics and the number of micro-shards.
const HeaderLen = nn.MetricsLen + 1

// Totals are sums over the samples of a growth round, of any kind.
type Totals struct{ Samples, Loss, Correct, Shards float64 }

// TotalsOf reads those of a round.
func TotalsOf(sums []float64) Totals {
	m := nn.MetricsOf(sums)
	return Totals{m.N, m.Loss, m.Correct, sums[nn.MetricsLen]}
}

// put writes them to the head of a round's sums.
func (t Totals) put(dst []float64) {
	nn.Metrics{N: t.Samples, Loss: t.Loss, Correct: t.Correct}.Put(dst)
	dst[nn.MetricsLen] = t.Shards
}

// MeanLoss returns the loss of a sample.
func (t Totals) MeanLoss() float64 { return t.Loss / t.Samples }

// Sums are the reduced sums of one round by their meaning.
type Sums struct {
	Totals
	request *Request
	graph   *nn.Graph // what the statistics are of
	values  []float64 // what follows the header
	places  []int     // offset in values of each part of the request
}

// Read tells what the sums of a request to graph g mean.
func (r *Request) Read(g *nn.Graph, sums []float64) (*Sums, error) {
	graph, lengths, err := r.lengths(g)
	if err != nil {
		return nil, err
	}
	s := &Sums{request: r, graph: graph}
	at := 0
	for _, n := range lengths {
		s.places = append(s.places, at)
		at += n
	}
	if len(sums) != HeaderLen+at {
		return nil, fmt.Errorf("growth round %q: %d sums, want %d", r.Kind, len(sums), HeaderLen+at)
	}
	s.Totals, s.values = TotalsOf(sums), sums[HeaderLen:]
	return s, nil
}

// lengths returns the graph that statistics are of, and how many sums each part of
// the request has.
func (r *Request) lengths(g *nn.Graph) (*nn.Graph, []int, error) {
	if err := r.Check(g); err != nil {
		return nil, nil, err
	}
	if r.Kind == KindUpdate && len(r.Newborn) > 0 {
		_, wide, err := newDormant(g, r.Newborn)
		if err != nil {
			return nil, nil, err
		}
		g = wide
	}
	var out []int
	switch r.Kind {
	case KindUpdate, KindNeurons:
		for _, req := range r.Sites {
			s, err := newSiteData(g, req)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, s.length(r.Kind))
		}
	case KindNewborn:
		for _, in := range r.Newborn {
			l, err := site.LayoutOf(g, in.Site)
			if err != nil {
				return nil, nil, err
			}
			out = append(out, newbornLen(l, in.Count))
		}
	case KindAmplitude:
		for _, c := range r.Candidates {
			out = append(out, trialSums*len(c.Amplitudes))
		}
	case KindGradients:
		weights := 0
		if r.Weights {
			weights = g.NumParams()
		}
		out = append(out, weights)
		for _, in := range r.Newborn {
			out = append(out, in.Count)
		}
	}
	return g, out, nil
}

// Len returns the number of sums of a request to graph g.
func (r *Request) Len(g *nn.Graph) (int, error) {
	_, lengths, err := r.lengths(g)
	n := HeaderLen
	for _, l := range lengths {
		n += l
	}
	return n, err
}

// UpdateSums are the sums of an update round at one site, as expectations.
type UpdateSums struct {
	S1      *mat.SymDense // (b, b)
	M       *mat.Dense    // (b, c)
	G       *mat.SymDense // (c, c)
	Desired float64       // tr G
	Finite  bool
}

// Update reads those of site i of the request.
func (s *Sums) Update(i int) UpdateSums {
	l, err := s.request.Sites[i].layout(s.graph)
	if err != nil {
		panic("growth: sums of an unknown site")
	}
	b, c, n := l.Outgoing.Rows(), l.Outputs, s.Samples
	part := linalg.Packed{Order: b + c, Data: s.values[s.places[i]:][:linalg.PackedLen(b+c)]}
	inputs, outputs := kernel.Range{Hi: b}, kernel.Range{Lo: b, Hi: b + c}
	u := UpdateSums{Finite: linalg.Finite(part.Data), S1: part.Sym(inputs, 1/n),
		M: part.Block(inputs, outputs, -1/n)} // the sums are of the gradient, -V
	u.G = part.Sym(outputs, 1/n)
	for o := range c {
		u.Desired += part.At(b+o, b+o) / n
	}
	return u
}

// NeuronSums are the sums of a neurons round at one site, as expectations.
type NeuronSums struct {
	S        *mat.SymDense // (a, a), nil if it was not asked for
	N        *mat.Dense    // (a, c offsets), column order (output, offset)
	Diagonal []float64     // diagonal of S, if that was asked for instead
	Psi2     float64       // E|V_proj|^2
	Finite   bool
}

// Neurons reads those of site i of the request.
func (s *Sums) Neurons(i int) NeuronSums {
	req := s.request.Sites[i]
	d, err := newSiteData(s.graph, req)
	if err != nil {
		panic("growth: sums of an unknown site")
	}
	part, scale := s.values[s.places[i]:][:d.neuronsLen()], 1/s.Samples
	n := NeuronSums{Finite: linalg.Finite(part)}
	if d.stacked() {
		both := linalg.Packed{Order: d.a + d.c, Data: part}
		inputs, outputs := kernel.Range{Hi: d.a}, kernel.Range{Lo: d.a, Hi: d.a + d.c}
		n.S, n.N = both.Sym(inputs, scale), both.Block(inputs, outputs, scale)
		for o := range d.c {
			n.Psi2 += float64(both.At(d.a+o, d.a+o) * scale)
		}
		return n
	}
	n.Psi2 = float64(part[len(part)-1] * scale)
	if req.Diagonal && !req.Metric {
		for _, v := range part[:d.a] {
			n.Diagonal = append(n.Diagonal, float64(v*scale))
		}
		part = part[d.a:]
	}
	if req.Metric {
		n.S = linalg.Packed{Order: d.a, Data: part}.Sym(kernel.Range{Hi: d.a}, scale)
		part = part[linalg.PackedLen(d.a):]
	}
	n.N = mat.NewDense(max(d.a, 1), d.c*d.offsets, nil)
	for e := range d.offsets {
		for i := range d.a {
			for o := range d.c {
				n.N.Set(i, o*d.offsets+e, part[(e*d.a+i)*d.c+o]*scale)
			}
		}
	}
	return n
}

// Square returns E[b2_i^2].
func (n NeuronSums) Square(i int) float64 {
	if n.S != nil {
		return n.S.At(i, i)
	}
	return n.Diagonal[i]
}

// MeanSquare returns w' S w for the leading features, without the products of
// different features where they are not known.
func (n NeuronSums) MeanSquare(w []float64) float64 {
	var sum float64
	for i, x := range w {
		if n.S == nil {
			sum += float64(float64(x*x) * n.Diagonal[i])
			continue
		}
		for j, y := range w {
			sum += float64(float64(x*y) * n.S.At(i, j))
		}
	}
	return math.Max(0, sum)
}

// NewbornSums reads the sums of one insertion of k neurons in a newborn round.
type NewbornSums struct {
	Totals
	k      int
	values []float64
}

// Newborn reads those of insertion i of the request.
func (s *Sums) Newborn(i int) NewbornSums {
	in := s.request.Newborn[i]
	l, err := site.LayoutOf(s.graph, in.Site)
	if err != nil {
		panic("growth: sums of an unknown site")
	}
	return NewbornSums{s.Totals, in.Count, s.values[s.places[i]:][:newbornLen(l, in.Count)]}
}

// Gain returns the decrease of the mean loss by amplitude of neuron j at
// amplitude zero, and its standard error from the spread over micro-shards.
func (s NewbornSums) Gain(j int) (gain, err float64) {
	d, d2 := s.values[j], s.values[s.k+j]
	gain = -d / s.Samples
	if s.Shards > 1 {
		err = math.Sqrt(math.Max(0, d2-d*d/s.Shards)*s.Shards/(s.Shards-1)) / s.Samples
	}
	return gain, err
}

// Moments returns mean and variance of a neuron at one of the places where it is measured.
func (s NewbornSums) Moments(at site.At) (mean, variance float64) {
	return meanVariance(s.values[2*s.k+at.Input*momentsLen(s.k):][:momentsLen(s.k)], at.Neuron)
}

// Tried is one amplitude of a candidate of an amplitude round, both by their places in
// the request.
type Tried struct{ Candidate, Amplitude int }

// Gain returns the decrease of the mean loss by a candidate at one of its amplitudes,
// and its standard error: the larger of what the spread over samples
// and the spread over micro-shards say (samples of one micro-shard are not
// independent under batch normalisation).
func (s *Sums) Gain(at Tried) (gain, err float64) {
	d := s.values[s.places[at.Candidate]+at.Amplitude*trialSums:][:trialSums]
	n, shards := s.Samples, s.Shards
	var samples, between float64
	if n > 1 {
		samples = math.Sqrt(math.Max(0, d[1]-d[0]*d[0]/n)*n/(n-1)) / n
	}
	if shards >= 8 {
		between = math.Sqrt(math.Max(0, d[2]-d[0]*d[0]/shards)*shards/(shards-1)) / n
	}
	return -d[0] / n, math.Max(samples, between)
}

// Weights returns the gradient of the mean loss by the weights of a gradients round that
// asked for it; where weights were moved, its derivative along the direction.
func (s *Sums) Weights() []float64 {
	end := len(s.values)
	if len(s.places) > 1 {
		end = s.places[1]
	}
	return s.derivatives(s.values[:end])
}

// Gates returns the derivatives of the mean loss by the gates of insertion i of a gradients
// round; where weights were moved, their derivatives along the direction.
func (s *Sums) Gates(i int) []float64 {
	return s.derivatives(s.values[s.places[1+i]:][:s.request.Newborn[i].Count])
}

func (s *Sums) derivatives(sums []float64) []float64 {
	scale := 1 / s.Samples
	if s.request.By > 0 {
		scale /= float64(2 * s.request.By)
	}
	out := make([]float64, len(sums))
	for i, v := range sums {
		out[i] = float64(scale * v)
	}
	return out
}
