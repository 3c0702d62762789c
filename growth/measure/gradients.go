package measure

import (
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// gradientsMeasure sums derivatives of the loss: by the weights of the network, and by
// the gates of given neurons. A gate is a factor on a neuron's outgoing weights, and is
// 0, so that the function is that of the network.
//
// Where a direction is given the sums are differences: of the derivatives at the weights
// moved along it and at those moved back. Incoming weights of the given neurons do not move.
type gradientsMeasure struct {
	*dormant
	job     *Job
	along   []float32
	by      float64
	weights []kernel.Range // those of the network among those of the widened one; nil: not asked for
	gates   []gatesPlace
	back    *nn.Packed // weights that moved back, nil without a direction
}

// gatesPlace is where the gates of one insertion are.
type gatesPlace struct {
	site.Insertion
	base  site.Layout  // the site's layout in the network, whose readers the outgoing weights are for
	wide  site.Layout  // that in the widened graph
	fresh kernel.Range // the new neurons there
	at    int          // the place of the first sum
}

func (j *Job) gradients(req *Request) error {
	base := j.model
	m := &gradientsMeasure{job: j, along: req.Along, by: req.By}
	var err error
	if m.dormant, j.model, err = newDormant(base, req.Newborn); err != nil {
		return err
	}
	if req.Weights {
		m.weights = site.Lasting(base, j.model)
		j.length = base.NumParams()
	}
	for _, in := range req.Newborn {
		l, err := site.LayoutOf(base, in.Site)
		if err != nil {
			return err
		}
		wide, err := site.LayoutOf(j.model, in.Site)
		if err != nil {
			return err
		}
		from := l.Width(base)
		m.gates = append(m.gates, gatesPlace{in, l, wide, kernel.Range{Lo: from, Hi: from + in.Count}, j.length})
		j.length += in.Count
	}
	j.measure = m
	return nil
}

func (m *gradientsMeasure) compile() error { return nil }

func (m *gradientsMeasure) prepare(params, buffers []float32) {
	if len(m.along) == 0 {
		m.job.packed = m.job.program.Pack(nil, m.fill(params, buffers))
		return
	}
	m.job.packed = m.job.program.Pack(nil, m.fill(moved(params, m.along, m.by), buffers))
	m.back = m.job.program.Pack(nil, m.fill(moved(params, m.along, -m.by), buffers))
}

// moved returns params plus by times along.
func moved(params, along []float32, by float64) []float32 {
	out := make([]float32, len(params))
	for i, v := range along {
		out[i] = float32(float64(params[i]) + float64(by*float64(v)))
	}
	return out
}

func (m *gradientsMeasure) runner() measurer {
	return &gradientsRunner{gradientsMeasure: m, grad: make([]float32, m.job.model.NumParams())}
}

type gradientsRunner struct {
	*gradientsMeasure
	grad []float32
}

func (r *gradientsRunner) run(dst []float64, w *nn.Workspace, b *nn.Batch) {
	w.Backward(r.grad)
	r.add(dst, 1)
	if r.back == nil {
		return
	}
	w.Forward(r.back, nil, b, nn.Train)
	w.Loss()
	w.Backward(r.grad)
	r.add(dst, -1)
}

// add adds sign times the derivatives of the last pass.
func (r *gradientsRunner) add(dst []float64, sign float64) {
	at := 0
	for _, kept := range r.weights {
		for _, v := range kept.Of(r.grad) {
			dst[at] += float64(sign * float64(v))
			at++
		}
	}
	for i := range r.gates {
		g := &r.gates[i]
		out := dst[g.at:][:g.Count]
		for i, reader := range g.base.Readers {
			omega, area := g.base.OmegaOf(g.Insertion, i), reader.Outgoing()
			for o := range reader.Outputs {
				columns := g.wide.Readers[i].ColumnsOf(o, g.fresh).Of(r.grad)
				for k := range g.Count {
					sum := 0.0
					for e, v := range omega[:area] {
						sum += float64(float64(v) * float64(columns[k*area+e]))
					}
					out[k] += float64(sign * sum)
					omega = omega[area:]
				}
			}
		}
	}
}
