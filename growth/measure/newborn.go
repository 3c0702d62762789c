package measure

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor"
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
	width  int         // old number of neurons
	weight nn.Entry    // the weight of Second in the widened graph
	norms  []normPlace // all normalisations of the site
	first  int         // 0 if the first of them reads pre-activations, else 1
	at     int         // the place of its first sum
}

// normPlace is where the numbers of one normalisation lie in the widened graph.
type normPlace struct {
	gamma, beta nn.Entry
	eps         float64
	moments     nn.NormMoments
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
	m.locate()
	j.measure = m
	return nil
}

// locate finds weights and moments in the widened graph.
func (m *newbornMeasure) locate() {
	g := m.job.model
	params := nn.ByName(g.ParamEntries())
	layout := g.GradientSums()
	m.moments = layout.MomentsLen()
	for i := range m.places {
		p := &m.places[i]
		p.weight = params[string(p.Second)+"."+nn.RoleWeight]
		var norms []*nn.Node
		norms, p.first = p.Norms()
		m.deepest = max(m.deepest, len(norms))
		for _, n := range norms {
			at, _ := layout.Norm(n.ID)
			p.norms = append(p.norms, normPlace{params[string(n.ID)+"."+nn.RoleWeight], params[string(n.ID)+"."+nn.RoleBias], n.Eps, at})
		}
	}
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
		gw := p.weight.Of(r.grad)
		perOutput := len(gw) / max(p.weight.Shape[0], 1)
		area := p.Outgoing.Area()
		for k := range in.Count {
			var d float64
			for o := range p.Outputs {
				row := gw[o*perOutput+p.Outgoing.Weights()+k*area:][:area]
				for e, om := range in.Omega[(o*in.Count+k)*area:][:area] {
					d += float64(float64(om) * float64(row[e]))
				}
			}
			out[k], out[in.Count+k] = d, float64(d*d)
		}
		if p.Norm == nil {
			p.addMoments(out[2*in.Count:], w.Value(p.First), b.N, in.Count)
		}
	}
}

// addMoments adds those of the k new channels of x, First's output.
func (p *newbornPlace) addMoments(out []float64, x []float32, samples, k int) {
	channels := p.width + k
	rows := len(x) / (channels * tensor.Lanes) // blocks times positions
	perBlock := rows / tensor.Blocks(samples)
	for r := range rows {
		used := min(samples-r/perBlock*tensor.Lanes, tensor.Lanes)
		for j := range k {
			for _, v := range x[(r*channels+p.width+j)*tensor.Lanes:][:used] {
				out[j] += float64(v)
				out[k+j] += float64(float64(v) * float64(v))
			}
		}
		out[2*k] += float64(used)
	}
}

// passUnchanged runs forward again, where new channels meet a normalisation, with the
// weights that make it the identity on this micro-shard: once for the first
// normalisation of each site, then once for the second, and so on, since what one
// reads depends on those before it. It copies the moments of each to dst.
func (r *newbornRunner) passUnchanged(dst []float64, w *nn.Workspace, b *nn.Batch) {
	for at := range r.deepest {
		if at == 0 {
			r.exact = append(r.exact[:0], r.params...)
		}
		again := false
		clear(r.sums)
		w.AddMoments(r.sums)
		for i, in := range r.insertions {
			p := &r.places[i]
			if at >= len(p.norms) {
				continue
			}
			again = again || in.Count > 0
			out := dst[p.at+2*in.Count+(p.first+at)*momentsLen(in.Count):][:momentsLen(in.Count)]
			added := newChannels{p.width, in.Count}
			p.norms[at].take(out, r.sums, added)
			p.norms[at].pass(r.exact, out, added)
		}
		if !again {
			return
		}
		r.packed = r.job.program.Pack(r.packed, r.exact)
		w.Forward(r.packed, nil, b, nn.Train)
		w.Loss()
	}
}

// newChannels are count channels from first on.
type newChannels struct{ first, count int }

// take copies the moments of new channels.
func (n *normPlace) take(out, sums []float64, c newChannels) {
	k := c.count
	copy(out[:k], n.moments.Sums(sums)[c.first:])
	copy(out[k:2*k], n.moments.Squares(sums)[c.first:])
	out[2*k] = *n.moments.Count(sums)
}

// pass makes the normalisation the identity on new channels of these moments.
func (n *normPlace) pass(params []float32, moments []float64, c newChannels) {
	weight, bias := n.gamma.Of(params)[c.first:], n.beta.Of(params)[c.first:]
	for j := range c.count {
		mean, variance := meanVariance(moments[j], moments[c.count+j], moments[2*c.count])
		weight[j], bias[j] = float32(math.Sqrt(variance+n.eps)), float32(mean)
	}
}

// meanVariance returns mean and variance from a sum, a sum of squares and a count.
func meanVariance(sum, squares, n float64) (mean, variance float64) {
	mean = sum / n
	return mean, math.Max(0, squares/n-float64(mean*mean))
}
