package measure

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// newbornMeasure measures given neurons while they do nothing yet: their
// incoming weights are in place, their outgoing weights are zero. The gradient
// of those along omega is the derivative of the loss by the neuron's
// amplitude; batch normalisation gives the moments of their pre-activations.
type newbornMeasure struct {
	insertions []site.Insertion
	places     []newbornPlace
	*dormant
	job     *Job
	moments int // how many moments all normalisations of the widened graph have
	deepest int // how many normalisations the site has that has most
}

// newbornPlace is where one insertion's numbers lie.
type newbornPlace struct {
	site.Layout
	width int          // old number of neurons
	wide  site.Layout  // the site's layout in the widened graph
	fresh kernel.Range // the new neurons there
	norms []normPlace  // all normalisations of the site
	first int          // 0 if the first of them reads pre-activations, else 1
	at    int          // the place of its first sum
}

// normPlace is where the numbers of one normalisation lie in the widened graph.
type normPlace struct {
	own     site.Affine // normalisation of the new channels
	eps     float64
	moments nn.NormMoments
}

// newbornLen is the number of sums of k neurons: for each the sum of the derivative
// and of its squares over micro-shards; then the k sums and k sums of squares of
// pre-activations, and their count, and as much of what each normalisation behind a
// filter reads.
func newbornLen(l site.Layout, k int) int { return 2*k + (1+len(l.Later))*momentsLen(k) }

// momentsLen is the number of sums of the moments of k neurons at one place.
func momentsLen(k int) int { return 2*k + 1 }

func (j *Job) newborn(req *Request) error {
	base := j.model
	m := &newbornMeasure{job: j, insertions: req.Newborn}
	for _, in := range req.Newborn {
		l, err := site.LayoutOf(base, in.Site)
		if err != nil {
			return err
		}
		if l.Norm == nil {
			j.options.Keep = append(j.options.Keep, l.First)
		}
		m.places = append(m.places, newbornPlace{Layout: l, width: l.Width(base), at: j.length})
		j.length += newbornLen(l, in.Count)
	}
	var err error
	if m.dormant, j.model, err = newDormant(base, req.Newborn); err != nil {
		return err
	}
	j.measure = m
	return m.locate()
}

// locate finds weights and moments in the widened graph.
func (m *newbornMeasure) locate() error {
	g := m.job.model
	layout := g.GradientSums()
	m.moments = layout.MomentsLen()
	for i, in := range m.insertions {
		p := &m.places[i]
		var err error
		if p.wide, err = site.LayoutOf(g, p.ID); err != nil {
			return err
		}
		var norms []*nn.Node
		norms, p.first = p.Norms()
		if !p.Stream {
			m.deepest = max(m.deepest, len(norms))
		}
		p.fresh = kernel.Range{Lo: p.width, Hi: p.width + in.Count}
		own := p.wide.Neurons(p.fresh).Norms()
		for i, n := range norms {
			at, _ := layout.Norm(n.ID)
			p.norms = append(p.norms, normPlace{own[i], n.Eps, at})
		}
	}
	return nil
}

func (m *newbornMeasure) compile() error { return nil }

func (m *newbornMeasure) prepare(params, buffers []float32) {
	m.job.packed = m.job.program.Pack(nil, m.fill(params, buffers))
}

func (m *newbornMeasure) runner() measurer {
	return &newbornRunner{newbornMeasure: m, sums: make([]float64, m.moments), grad: make([]float32, m.job.model.NumParams())}
}

type newbornRunner struct {
	*newbornMeasure
	sums   []float64
	grad   []float32
	exact  []float32 // the parameters under which the new channels pass normalisation unchanged
	packed *nn.Packed
}

func (r *newbornRunner) run(dst []float64, w *nn.Workspace, b *nn.Batch) {
	r.passUnchanged(dst, w, b)
	w.Backward(r.grad)
	for i, in := range r.insertions {
		p := &r.places[i]
		out := dst[p.at:]
		for i, reader := range p.Readers {
			omega, area := p.OmegaOf(in, i), reader.Outgoing()
			for o := range reader.Outputs {
				columns := p.wide.Readers[i].ColumnsOf(o, p.fresh).Of(r.grad)
				for k := range in.Count {
					for e, om := range omega[:area] {
						out[k] += float64(float64(om) * float64(columns[k*area+e]))
					}
					omega = omega[area:]
				}
			}
		}
		for k, d := range out[:in.Count] {
			out[in.Count+k] = float64(d * d)
		}
		if p.Norm == nil {
			p.addMoments(out[2*in.Count:], w.Value(p.First), b.N)
		}
	}
}

// addMoments adds those of the new channels of x, First's output.
func (p *newbornPlace) addMoments(out []float64, x []float32, samples int) {
	each := p.Writers[0].Each
	k, channels := p.fresh.Len(), p.fresh.Hi*each
	rows := len(x) / (channels * tensor.Lanes) // blocks times positions
	perBlock := rows / tensor.Blocks(samples)
	for r := range rows {
		used := min(samples-r/perBlock*tensor.Lanes, tensor.Lanes)
		for j := range k {
			for c := range each {
				for _, v := range x[(r*channels+(p.width+j)*each+c)*tensor.Lanes:][:used] {
					out[j] += float64(v)
					out[k+j] += float64(float64(v) * float64(v))
				}
			}
		}
		out[2*k] += float64(used * each)
	}
}

// passUnchanged runs forward again, where new channels meet a normalisation, with the
// weights that make it the identity on this micro-shard: once for the first
// normalisation of each site, then once for the second, and so on, since what one
// reads depends on those before it. It copies the moments of each to dst.
//
// Those of streams have weights of their own, which the network has had from the
// beginning: their moments are there at once.
func (r *newbornRunner) passUnchanged(dst []float64, w *nn.Workspace, b *nn.Batch) {
	clear(r.sums)
	w.AddMoments(r.sums)
	for i := range r.insertions {
		if p := &r.places[i]; p.Stream {
			for at := range p.norms {
				p.norms[at].take(p.momentsOf(dst, at), r.sums, p.fresh)
			}
		}
	}
	for at := range r.deepest {
		if at == 0 {
			r.exact = append(r.exact[:0], r.params...)
		}
		again := false
		for i, in := range r.insertions {
			p := &r.places[i]
			if p.Stream || at >= len(p.norms) {
				continue
			}
			again = again || in.Count > 0
			out := p.momentsOf(dst, at)
			p.norms[at].take(out, r.sums, p.fresh)
			p.norms[at].pass(r.exact, out)
		}
		if !again {
			return
		}
		r.packed = r.job.program.Pack(r.packed, r.exact)
		w.Forward(r.packed, nil, b, nn.Train)
		w.Loss()
		clear(r.sums)
		w.AddMoments(r.sums)
	}
}

// momentsOf returns the sums of what normalisation at reads of the new neurons.
func (p *newbornPlace) momentsOf(dst []float64, at int) []float64 {
	k := p.fresh.Len()
	return dst[p.at+2*k+(p.first+at)*momentsLen(k):][:momentsLen(k)]
}

// take copies the moments of new channels.
func (n *normPlace) take(out, sums []float64, fresh kernel.Range) {
	k := fresh.Len()
	copy(out[:k], n.moments.Sums(sums)[fresh.Lo:])
	copy(out[k:2*k], n.moments.Squares(sums)[fresh.Lo:])
	out[2*k] = *n.moments.Count(sums)
}

// pass makes the normalisation the identity on channels of these moments.
func (n *normPlace) pass(params []float32, moments []float64) {
	weight, bias := n.own.Weight.Of(params), n.own.Bias.Of(params)
	for j := range weight {
		mean, variance := meanVariance(moments, j)
		weight[j], bias[j] = float32(math.Sqrt(variance+n.eps)), float32(mean)
	}
}

// meanVariance returns mean and variance of neuron j of the momentsLen sums at one place.
func meanVariance(moments []float64, j int) (mean, variance float64) {
	k := len(moments) / 2
	n := moments[2*k]
	mean = moments[j] / n
	return mean, math.Max(0, moments[k+j]/n-float64(mean*mean))
}
