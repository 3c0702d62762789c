package growth

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// stripColumns is how many columns (positions times lanes) of an unfold are
// held and multiplied at a time.
const stripColumns = 512

// siteData is a site with all that its statistics need.
type siteData struct {
	layout
	ways      [][]source // First's output positions behind each position of Second's input
	input     nn.NodeID  // what First reads
	hidden    nn.NodeID  // what Second reads
	inputNode bool       // First reads the input of the graph
	full      bool
	metric    bool
	update    []float32
	a, b, c   int
	offsets   int       // of new outgoing kernels: 1 at the centre, or all
	readBy    []int     // see readers
	roots     []float32 // of how often each position is read, nil if once each
	at        int       // of its sums
}

func newSiteData(g *nn.Graph, req SiteRequest) (*siteData, error) {
	l, err := layoutOf(g, req.Site)
	if err != nil {
		return nil, err
	}
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	s := &siteData{layout: l, ways: passage(g, shapes, l.Site), full: req.Full || l.second.positions() == 1,
		metric: req.Metric, update: req.Update, a: l.first.rows(), b: l.second.rows(), c: l.outputs, offsets: 1}
	s.input, s.hidden = g.Node(l.First).Inputs[0], g.Node(l.Second).Inputs[0]
	s.inputNode = s.input == g.Nodes[0].ID
	if s.full {
		s.offsets = l.second.area()
		s.readers()
	}
	return s, nil
}

// readers inverts reads: readBy[p*E+e] is the output position that reads p at
// offset e, or -1.
func (s *siteData) readers() {
	w := s.second
	count := make([]int, len(s.ways))
	s.readBy = make([]int, len(s.ways)*w.area())
	for i := range s.readBy {
		s.readBy[i] = -1
	}
	for j := range w.positions() {
		for e := range w.area() {
			if p := w.reads(j, e); p >= 0 {
				s.readBy[p*w.area()+e] = j
				count[p]++
			}
		}
	}
	if slices.ContainsFunc(count, func(n int) bool { return n != 1 }) {
		s.roots = make([]float32, len(count))
		for p, n := range count {
			s.roots[p] = float32(math.Sqrt(float64(n)))
		}
	}
}

// updateLen and neuronsLen return the numbers of sums of a site.
func (s *siteData) updateLen() int { return linalg.PackedLen(s.b + s.c) }

func (s *siteData) neuronsLen() int {
	n := s.offsets*s.a*s.c + 1
	if s.metric {
		n += linalg.PackedLen(s.a)
	}
	return n
}

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

func (st *statistics) compile() error { return nil }

func (st *statistics) prepare(params, buffers []float32) {
	if st.dormant != nil {
		st.job.packed = st.job.program.Pack(nil, st.dormant.fill(params, buffers))
	}
}

func (st *statistics) runner() measurer { return &statisticsRunner{statistics: st} }

type statisticsRunner struct {
	*statistics
	products
	strip, other, desired []float32
}

func (r *statisticsRunner) run(dst []float64, w *nn.Workspace, b *nn.Batch) {
	w.Backward(nil)
	for _, s := range r.sites {
		grad, hidden := w.Grad(s.Second), w.Value(s.hidden)
		blocks := tensor.Blocks(b.N)
		for block := range blocks {
			used := min(b.N-block*lanes, lanes)
			g, h := blockOf(grad, block, blocks), blockOf(hidden, block, blocks)
			if !r.neurons {
				r.addUpdate(dst[s.at:s.at+s.updateLen()], s, h, g, used)
				continue
			}
			var x []float32
			if s.inputNode {
				x = b.X[:blocks*s.first.in.Len()*lanes]
			} else {
				x = w.Value(s.input)
			}
			r.project(s, h, g, used)
			r.addNeurons(dst[s.at:s.at+s.neuronsLen()], s, blockOf(x, block, blocks), used)
		}
	}
}

func blockOf(x []float32, block, blocks int) []float32 {
	n := len(x) / blocks
	return x[block*n : (block+1)*n]
}

// addUpdate adds the products of the stacked rows [b1; V].
func (r *statisticsRunner) addUpdate(dst []float64, s *siteData, hidden, grad []float32, used int) {
	d := s.b + s.c
	eachStrip(s.second.positions(), stripColumns/lanes, func(from, to int) {
		ld := (to - from) * lanes
		z := cleared(&r.strip, d*ld)
		for j := from; j < to; j++ {
			s.second.add(z[(j-from)*lanes:], ld, hidden, j, used, 1)
			for o := range s.c {
				v := z[(s.b+o)*ld+(j-from)*lanes:][:used]
				for l, gv := range grad[(j*s.c+o)*lanes:][:used] {
					v[l] = -gv
				}
			}
		}
		r.addSym(dst, z, d, ld)
	})
}

// project writes V_proj of one block to r.desired, (positions, c, 32).
func (r *statisticsRunner) project(s *siteData, hidden, grad []float32, used int) {
	r.desired = grow(r.desired, len(grad))
	v := r.desired[:len(grad)]
	for i, g := range grad {
		v[i] = -g
	}
	if len(s.update) == 0 {
		return
	}
	eachStrip(s.second.positions(), stripColumns/lanes, func(from, to int) {
		ld := (to - from) * lanes
		b1 := cleared(&r.strip, s.b*ld)
		for j := from; j < to; j++ {
			s.second.add(b1[(j-from)*lanes:], ld, hidden, j, used, 1)
		}
		best := r.apply(s.update, b1, s.c, ld, s.b)
		for j := from; j < to; j++ {
			for o := range s.c {
				row := v[(j*s.c+o)*lanes:][:used]
				for l, u := range best[o*ld+(j-from)*lanes:][:used] {
					row[l] -= u
				}
			}
		}
	})
}

// addNeurons adds S (packed, if asked for), N (offset, a, c) and |V_proj|^2.
func (r *statisticsRunner) addNeurons(dst []float64, s *siteData, input []float32, used int) {
	var metric []float64
	if s.metric {
		metric, dst = dst[:linalg.PackedLen(s.a)], dst[linalg.PackedLen(s.a):]
	}
	v := r.desired[:s.second.positions()*s.c*lanes]
	dst[len(dst)-1] += rowSquares(v)
	if s.full {
		r.addFull(metric, dst, s, input, v, used)
		return
	}
	centre := s.second.centre()
	eachStrip(s.second.positions(), stripColumns/lanes, func(from, to int) {
		ld := (to - from) * lanes
		b2, vs := cleared(&r.strip, s.a*ld), cleared(&r.other, s.c*ld)
		for j := from; j < to; j++ {
			if p := s.second.reads(j, centre); p >= 0 {
				s.addSources(b2[(j-from)*lanes:], ld, input, p, used)
			}
			columns(vs[(j-from)*lanes:], ld, v[j*s.c*lanes:], s.c)
		}
		if metric != nil {
			r.addSym(metric, b2, s.a, ld)
		}
		r.addBlock(dst[:s.a*s.c], b2, vs, s.a, s.c, ld)
	})
}

// addFull goes over the positions of Second's input: N for all offsets, S by
// the number of times a position is read.
func (r *statisticsRunner) addFull(metric, dst []float64, s *siteData, input, v []float32, used int) {
	area, step := s.second.area(), stripColumns/lanes
	if s.second.positions() == 1 {
		step = 1 // every position has its own offset
	}
	eachStrip(len(s.ways), step, func(from, to int) {
		ld := (to - from) * lanes
		b2 := cleared(&r.strip, s.a*ld)
		for p := from; p < to; p++ {
			s.addSources(b2[(p-from)*lanes:], ld, input, p, used)
		}
		for e := range area {
			vs, any := cleared(&r.other, s.c*ld), false
			for p := from; p < to; p++ {
				if j := s.readBy[p*area+e]; j >= 0 {
					columns(vs[(p-from)*lanes:], ld, v[j*s.c*lanes:], s.c)
					any = true
				}
			}
			if any {
				r.addBlock(dst[e*s.a*s.c:(e+1)*s.a*s.c], b2, vs, s.a, s.c, ld)
			}
		}
		if metric == nil {
			return
		}
		if s.roots != nil {
			for i := range b2 {
				b2[i] *= s.roots[from+i%ld/lanes]
			}
		}
		r.addSym(metric, b2, s.a, ld)
	})
}

// addSources adds the unfold of First behind position p of Second's input.
func (s *siteData) addSources(dst []float32, ld int, input []float32, p, used int) {
	for _, src := range s.ways[p] {
		s.first.add(dst, ld, input, src.position, used, src.weight)
	}
}

// columns copies n rows of 32 lanes to rows of stride ld.
func columns(dst []float32, ld int, src []float32, n int) {
	for i := range n {
		copy(dst[i*ld:i*ld+lanes], src[i*lanes:(i+1)*lanes])
	}
}

// rowSquares adds the squares of v in float64, in order.
func rowSquares(v []float32) float64 {
	var sum float64
	for _, x := range v {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// eachStrip calls f for consecutive ranges of at most step of n positions.
func eachStrip(n, step int, f func(from, to int)) {
	for from := 0; from < n; from += step {
		f(from, min(from+step, n))
	}
}

// cleared returns n zeros in the memory of *x.
func cleared(x *[]float32, n int) []float32 {
	*x = grow(*x, n)
	clear((*x)[:n])
	return (*x)[:n]
}
