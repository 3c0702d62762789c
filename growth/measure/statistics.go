package measure

import (
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// stripColumns is how many columns (positions times lanes) of an unfold are
// held and multiplied at a time.
const stripColumns = 512

// statistics is the measure of the update and neurons rounds.
type statistics struct {
	sites   []*siteData
	neurons bool
	job     *Job
	dormant *dormant // neurons whose activations count as inputs of Second, or nil
}

func (j *Job) statistics(req *Request, neurons bool) error {
	o := &j.options
	o.Signals = true
	st := &statistics{neurons: neurons, job: j}
	if len(req.Newborn) > 0 {
		var err error
		if st.dormant, j.model, err = newDormant(j.model, req.Newborn); err != nil {
			return err
		}
	}
	for _, r := range req.Sites {
		s, err := newSiteData(j.model, r)
		if err != nil {
			return err
		}
		s.at = j.length
		o.Keep, o.KeepValues = append(o.Keep, s.Second), append(o.KeepValues, s.hidden)
		if neurons {
			j.length += s.neuronsLen()
			if !s.inputNode {
				o.KeepValues = append(o.KeepValues, s.input)
			}
		} else {
			j.length += s.updateLen()
		}
		st.sites = append(st.sites, s)
	}
	j.measure = st
	return nil
}

func (st *statistics) compile() error {
	for _, s := range st.sites {
		s.plan(st.neurons)
	}
	return nil
}

func (st *statistics) prepare(params, buffers []float32) {
	if st.dormant != nil {
		st.job.packed = st.job.program.Pack(nil, st.dormant.fill(params, buffers))
	}
}

func (st *statistics) runner() measurer { return &statisticsRunner{statistics: st} }

type statisticsRunner struct {
	*statistics
	products
	strip, other, desired, image []float32
	turn                         uint64 // the turn of statistics that ride along, see rideBand
}

func (r *statisticsRunner) run(dst []float64, w *nn.Workspace, b *nn.Batch) {
	w.Backward(nil)
	for _, s := range r.sites {
		n := s.updateLen()
		if r.neurons {
			n = s.neuronsLen()
		}
		r.add(dst[s.at:s.at+n], s, w, b)
	}
}

// add adds the sums of a site for the micro-shard b that w has just run.
func (r *statisticsRunner) add(dst []float64, s *siteData, w *nn.Workspace, b *nn.Batch) {
	grad, blocks := w.Grad(s.Second), tensor.Blocks(b.N)
	for block := range blocks {
		used := min(b.N-block*tensor.Lanes, tensor.Lanes)
		g := tensor.Block(block, grad, blocks)
		if s.riding {
			r.ride(dst, s, r.inputOf(s, w, b, block), g, used)
			continue
		}
		h := tensor.Block(block, w.Value(s.hidden), blocks)
		if !r.neurons {
			s.plans.update.Add(dst, h, g, used, r.room(s))
			continue
		}
		r.setProjected(s, h, g, used)
		r.addNeurons(dst, s, r.averagedOf(s, r.inputOf(s, w, b, block)), used)
	}
}

// inputOf returns what First reads in one block.
func (r *statisticsRunner) inputOf(s *siteData, w *nn.Workspace, b *nn.Batch, block int) []float32 {
	blocks := tensor.Blocks(b.N)
	var x []float32
	if s.inputNode {
		x = b.X[:blocks*s.inputLen*tensor.Lanes]
	} else {
		x = w.Value(s.input)
	}
	return tensor.Block(block, x, blocks)
}

// averagedOf returns it averaged where pooling follows.
func (r *statisticsRunner) averagedOf(s *siteData, x []float32) []float32 {
	if s.averaged == nil {
		return x
	}
	return s.averaged.apply(r.roomOf(s.averaged), x)
}

func (r *statisticsRunner) roomOf(p *averaged) []float32 {
	r.image = grow(r.image, p.scratchLen())
	return r.image
}

// room returns the scratch of the site's kernels.
func (r *statisticsRunner) room(s *siteData) []float32 {
	r.scratch = grow(r.scratch, s.scratchLen)
	return r.scratch
}

// setProjected sets r.desired to V_proj of one block, (positions, c, 32), zero
// in unused lanes.
func (r *statisticsRunner) setProjected(s *siteData, hidden, grad []float32, used int) {
	r.desired = grow(r.desired, len(grad))
	v := r.desired[:len(grad)]
	clear(v)
	if s.project != nil {
		s.project.Forward(v, hidden, s.weights, s.plans.bias, 1, r.room(s))
	}
	for at := 0; at < len(v); at += tensor.Lanes {
		row, g := v[at:at+tensor.Lanes], grad[at:]
		for l := range row[:used] {
			row[l] -= g[l]
		}
		clear(row[used:])
	}
}

// addNeurons adds the sums of one block: the stacked matrix, or S (packed, or
// its diagonal, if asked for), N (offset, a, c) and |V_proj|^2.
func (r *statisticsRunner) addNeurons(dst []float64, s *siteData, input []float32, used int) {
	v := r.desired[:s.Outgoing.Positions()*s.c*tensor.Lanes]
	if s.neurons != nil {
		s.neurons.Add(dst, input, v, used, r.room(s))
		r.addUnread(dst, s, v)
		return
	}
	if s.full {
		r.addFull(dst, s, input, v, used)
		return
	}
	centre, d := s.Outgoing.Centre(), s.a+s.c
	strips{s.Outgoing.Positions(), stripColumns / tensor.Lanes}.each(func(from, to int) {
		ld := (to - from) * tensor.Lanes
		z := cleared(&r.strip, d*ld)
		for j := from; j < to; j++ {
			if p := s.Outgoing.Reads(j, centre); p >= 0 {
				s.addSources(site.Columns{Data: z[(j-from)*tensor.Lanes:], Stride: ld, Used: used}, input, p)
			}
			columns(z[s.a*ld+(j-from)*tensor.Lanes:], ld, v[j*s.c*tensor.Lanes:], s.c)
		}
		if s.metric {
			r.addSym(dst, kernel.RowMajor(z, ld))
			return
		}
		b2, v := kernel.RowMajor(z[:s.a*ld], ld), kernel.RowMajor(z[s.a*ld:], ld)
		if s.diagonal {
			addDiagonal(dst, b2)
		}
		r.addBlock(dst[s.neuronsLen()-1-s.a*s.c:][:s.a*s.c], b2, v)
	})
	if !s.metric {
		dst[len(dst)-1] += linalg.SquareSum(v)
	}
}

// addUnread adds V_proj V_proj' at the positions that readThrough leaves out.
func (r *statisticsRunner) addUnread(dst []float64, s *siteData, v []float32) {
	centre := s.Outgoing.Centre()
	for j := range s.Outgoing.Positions() {
		if s.Outgoing.Reads(j, centre) >= 0 {
			continue
		}
		at := v[j*s.c*tensor.Lanes:]
		r.out = cleared(&r.out, s.c*s.c)
		kernel.Syrk(kernel.RowMajor(r.out[:s.c*s.c], s.c), kernel.RowMajor(at[:s.c*tensor.Lanes], tensor.Lanes), false, r.syrkScratch(s.c))
		for i := range s.c {
			row := dst[kernel.PackedIndex(s.a+s.c, s.a+i, s.a+i):]
			for k, p := range r.out[i*s.c+i : (i+1)*s.c] {
				row[k] += float64(p)
			}
		}
	}
}

// addFull goes over the positions of Second's input: N for all offsets, S by
// the number of times a position is read.
func (r *statisticsRunner) addFull(dst []float64, s *siteData, input, v []float32, used int) {
	if !s.riding {
		dst[len(dst)-1] += linalg.SquareSum(v)
		dst = dst[:len(dst)-1]
	}
	metric, n := dst[:len(dst)-s.offsets*s.a*s.c], dst[len(dst)-s.offsets*s.a*s.c:]
	if s.plans.metric != nil && len(metric) > 0 {
		s.plans.metric.Add(metric, input, nil, used, r.room(s))
	}
	area, step := s.Outgoing.Area(), stripColumns/tensor.Lanes
	if s.Outgoing.Positions() == 1 {
		step = 1 // every position has its own offset
	}
	strips{len(s.ways), step}.each(func(from, to int) {
		ld := (to - from) * tensor.Lanes
		b2 := cleared(&r.strip, s.a*ld)
		for p := from; p < to; p++ {
			s.addSources(site.Columns{Data: b2[(p-from)*tensor.Lanes:], Stride: ld, Used: used}, input, p)
		}
		for e := range area {
			vs, any := cleared(&r.other, s.c*ld), false
			for p := from; p < to; p++ {
				if j := s.readBy[p*area+e]; j >= 0 {
					columns(vs[(p-from)*tensor.Lanes:], ld, v[j*s.c*tensor.Lanes:], s.c)
					any = true
				}
			}
			if any {
				r.addBlock(n[e*s.a*s.c:(e+1)*s.a*s.c], kernel.RowMajor(b2, ld), kernel.RowMajor(vs, ld))
			}
		}
		if len(metric) == 0 {
			return
		}
		if s.roots != nil {
			for i := range b2 {
				b2[i] = float32(b2[i] * s.roots[from+i%ld/tensor.Lanes])
			}
		}
		switch {
		case s.diagonal && !s.metric:
			addDiagonal(metric, kernel.RowMajor(b2, ld))
		case s.metric && s.plans.metric == nil:
			r.addSym(metric, kernel.RowMajor(b2, ld))
		}
	})
}

// addSources adds the unfold of First behind position p of Second's input.
func (s *siteData) addSources(dst site.Columns, input []float32, p int) {
	for _, src := range s.ways[p] {
		s.Incoming.Add(dst, input, src)
	}
}

// columns copies n rows of 32 lanes to rows of stride ld.
func columns(dst []float32, ld int, src []float32, n int) {
	for i := range n {
		copy(dst[i*ld:i*ld+tensor.Lanes], src[i*tensor.Lanes:(i+1)*tensor.Lanes])
	}
}

// strips cuts positions into consecutive ranges of at most step.
type strips struct{ positions, step int }

// each calls f for every range.
func (s strips) each(f func(from, to int)) {
	for from := 0; from < s.positions; from += s.step {
		f(from, min(from+s.step, s.positions))
	}
}

// cleared returns n zeros in the memory of *x.
func cleared(x *[]float32, n int) []float32 {
	*x = grow(*x, n)
	clear((*x)[:n])
	return (*x)[:n]
}
