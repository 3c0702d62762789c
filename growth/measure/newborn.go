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
	moments int
}

// newbornPlace is where one insertion's numbers lie.
type newbornPlace struct {
	site.Layout
	width   int      // old number of neurons
	weight  nn.Entry // of Second, in the widened graph
	gamma   nn.Entry // of the normalisation
	beta    nn.Entry
	moments int // of the normalisation's first new channel, -1 without one
	count   int // of its channels
	at      int // of its sums
}

// newbornLen is the number of sums of k neurons: for each the sum of the
// derivative and of its squares over micro-shards; then the k sums and k sums
// of squares of pre-activations, and their count.
func newbornLen(k int) int { return 4*k + 1 }

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
		m.places = append(m.places, newbornPlace{Layout: l, width: l.Width(base), moments: -1, at: j.length})
		j.length += newbornLen(in.Count)
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
	channels := map[nn.NodeID]int{}
	for _, e := range g.BufferEntries() {
		channels[e.Node] = e.Len()
	}
	at := map[nn.NodeID]int{}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; n.Op.Role() == nn.Scales {
			at[n.ID] = m.moments
			m.moments += 2*channels[n.ID] + 1
		}
	}
	for i := range m.places {
		p := &m.places[i]
		p.weight = params[string(p.Second)+"."+nn.RoleWeight]
		if p.Norm != nil {
			p.moments, p.count = at[p.Norm.ID], channels[p.Norm.ID]
			p.gamma, p.beta = params[string(p.Norm.ID)+"."+nn.RoleWeight], params[string(p.Norm.ID)+"."+nn.RoleBias]
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
	clear(r.sums)
	w.AddMoments(r.sums)
	r.passUnchanged(w, b)
	w.Backward(r.grad)
	for i, in := range r.insertions {
		p := &r.places[i]
		out := dst[p.at:][:newbornLen(in.Count)]
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
		out = out[2*in.Count:]
		if p.Norm == nil {
			p.addMoments(out, w.Value(p.First), b.N, in.Count)
			continue
		}
		copy(out[:in.Count], r.sums[p.moments+p.width:])
		copy(out[in.Count:2*in.Count], r.sums[p.moments+p.count+p.width:])
		out[2*in.Count] = r.sums[p.moments+2*p.count]
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

// passUnchanged runs forward again, where new channels meet a normalisation,
// with the weights that make it the identity on this micro-shard.
func (r *newbornRunner) passUnchanged(w *nn.Workspace, b *nn.Batch) {
	again := false
	for i, in := range r.insertions {
		p := &r.places[i]
		if p.Norm == nil || in.Count == 0 {
			continue
		}
		if !again {
			again = true
			r.exact = append(r.exact[:0], r.params...)
		}
		weight, bias := p.gamma.Of(r.exact), p.beta.Of(r.exact)
		n := r.sums[p.moments+2*p.count]
		for k := range in.Count {
			mean, variance := meanVariance(r.sums[p.moments+p.width+k], r.sums[p.moments+p.count+p.width+k], n)
			weight[p.width+k], bias[p.width+k] = float32(math.Sqrt(variance+p.Norm.Eps)), float32(mean)
		}
	}
	if again {
		r.packed = r.job.program.Pack(r.packed, r.exact)
		w.Forward(r.packed, nil, b, nn.Train)
		w.Loss()
	}
}

// meanVariance returns mean and variance from a sum, a sum of squares and a count.
func meanVariance(sum, squares, n float64) (mean, variance float64) {
	mean = sum / n
	return mean, math.Max(0, squares/n-float64(mean*mean))
}
