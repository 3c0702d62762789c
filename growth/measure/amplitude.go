package measure

import (
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// amplitudeMeasure evaluates candidates over a range of amplitudes. What lies
// before the first layer that changes is run once.
type amplitudeMeasure struct {
	job    *Job
	trials []*trial
}

// trial is one candidate: the graph behind the cut, compiled once, and the
// packed weights of each amplitude.
type trial struct {
	candidate       Candidate
	cut             nn.NodeID
	input           bool // the cut is the input of the graph
	rest            *nn.Graph
	program         *nn.Program
	params, buffers int // before the cut
	packed          []*nn.Packed
	at              int
}

// trialSums is the number of sums of one candidate at one amplitude: of the
// differences of the samples' losses to those without the candidate, of their
// squares, and of the squares of the micro-shards' sums of differences.
const trialSums = 3

func (j *Job) amplitude(req *Request) error {
	o := &j.options
	m := &amplitudeMeasure{job: j}
	o.Inference = true
	for _, c := range req.Candidates {
		t := &trial{candidate: c, at: j.length}
		j.length += trialSums * len(c.Amplitudes)
		t.cut = earliest(j.model, c.Insertions)
		t.input = t.cut == j.model.Nodes[0].ID
		if !t.input {
			o.Keep = append(o.Keep, t.cut)
		}
		wide, err := site.Widen(&nn.Model{Graph: j.model, Params: make([]float32, j.model.NumParams()),
			Buffers: make([]float32, j.model.NumBuffers())}, c.Insertions)
		if err != nil {
			return err
		}
		t.rest, t.params, t.buffers = site.Suffix(wide.Graph, t.cut)
		m.trials = append(m.trials, t)
	}
	j.measure = m
	return nil
}

func (m *amplitudeMeasure) compile() error {
	for _, t := range m.trials {
		var err error
		if t.program, err = nn.Compile(t.rest, m.job.samples, nn.Options{Inference: true}); err != nil {
			return err
		}
	}
	return nil
}

// earliest returns the cut before the first layer that an insertion changes.
func earliest(g *nn.Graph, ins []site.Insertion) nn.NodeID {
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for _, in := range ins {
			if n.ID == nn.NodeID(in.Site) {
				return site.CutBefore(g, n.Inputs[0])
			}
		}
	}
	return g.Nodes[0].ID
}

func (m *amplitudeMeasure) prepare(params, buffers []float32) {
	base := &nn.Model{Graph: m.job.model, Params: params, Buffers: buffers}
	for _, t := range m.trials {
		for _, g := range t.candidate.Amplitudes {
			ins := make([]site.Insertion, len(t.candidate.Insertions))
			for i, in := range t.candidate.Insertions {
				ins[i] = in.Scaled(g)
			}
			wide, err := site.Widen(base, ins)
			if err != nil {
				panic("growth: insertions that were checked do not fit")
			}
			t.packed = append(t.packed, t.program.Pack(nil, wide.Params[t.params:][:t.rest.NumParams()]))
		}
	}
}

func (m *amplitudeMeasure) runner() measurer {
	r := &amplitudeRunner{amplitudeMeasure: m}
	for _, t := range m.trials {
		r.spaces = append(r.spaces, t.program.NewWorkspace())
	}
	return r
}

type amplitudeRunner struct {
	*amplitudeMeasure
	spaces []*nn.Workspace
}

func (r *amplitudeRunner) run(dst []float64, w *nn.Workspace, b *nn.Batch) {
	base := w.SampleLosses()
	for i, t := range r.trials {
		x := b.X
		if !t.input {
			x = w.Value(t.cut)
		}
		rest := nn.Batch{N: b.N, X: x, Labels: b.Labels, Targets: b.Targets}
		for k, packed := range t.packed {
			space := r.spaces[i]
			space.Forward(packed, nil, &rest, nn.Train)
			space.Loss()
			out := dst[t.at+k*trialSums:][:trialSums]
			for s, loss := range space.SampleLosses() {
				d := loss - base[s]
				out[0] += d
				out[1] += float64(d * d)
			}
			out[2] = float64(out[0] * out[0])
		}
	}
}
