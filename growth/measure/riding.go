package measure

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// maxMetric is the number of inputs up to which a site's S is taken whole; beyond, it
// would take many times the memory of all weights, and its diagonal has to do.
const maxMetric = 1153

// maxRidingLen is the number of sums of N up to which a site rides along.
const maxRidingLen = 1 << 22

// leastOfAStream is as leastOfABand, of the pairs of a stream: there are more of them.
const leastOfAStream = 4

// metricEvery is how many rounds in which statistics ride along there are to one that
// has S. It changes less from one sample to the next than N, and costs more.
const metricEvery = 16

// RidesMetric reports whether S rides along too, by the number of the round among
// those in which statistics ride along.
func RidesMetric(turn uint64) bool { return turn%metricEvery == metricEvery/2 }

// RidesStreams reports whether N of streams rides along too, in two turns of four, one of
// each half: small products cost more than they count.
func RidesStreams(turn uint64) bool { return turn/2%2 == 0 }

// Riding asks for what rides along with a gradient round of g every so many steps: N
// of all sites, of a stream by pairs of a writer and a reader, and S in some of them.
// Which sites these are follows from the graph.
func Riding(g *nn.Graph, every uint64) *Request {
	return &Request{Kind: KindRiding, Generation: g.Generation, Every: every}
}

// ridingSites returns the sites that ride along: not those that connect to nothing, nor
// such that would take the memory of many networks.
func ridingSites(g *nn.Graph) []*siteData {
	var out []*siteData
	for _, place := range site.All(g) {
		requests, n := ridingRequests(g, place)
		if n == 0 || n > maxRidingLen {
			continue
		}
		for _, r := range requests {
			s, err := newSiteData(g, r)
			if err != nil {
				panic("growth: a site without statistics: " + err.Error())
			}
			s.riding, s.pair, s.pairs = true, site.Pair{Writer: r.Writer, Reader: r.Reader}, len(requests)
			out = append(out, s)
		}
	}
	return out
}

// ridingRequests returns what rides along at one site, a chain or the pairs of a stream,
// and how many sums of N that are. A writer's S is that of the pair whose reader reads
// the most positions, the first of equals. Pairs one of which has no width are left out.
func ridingRequests(g *nn.Graph, place site.Site) (out []SiteRequest, sums int) {
	pairs := []site.Pair{{}}
	if place.Stream {
		pairs = place.Pairs(g)
	}
	widest := map[nn.NodeID]int{} // place in out by writer
	var positions []int
	for _, p := range pairs {
		l, err := site.PairOf(g, place.ID, p)
		if err != nil {
			panic("growth: a site without a layout")
		}
		n := ridingLenOf(l)
		if n == 0 {
			continue
		}
		sums += n
		at, seen := widest[p.Writer]
		if !seen || l.Outgoing.Positions() > positions[at] {
			widest[p.Writer] = len(out)
		}
		out = append(out, SiteRequest{Site: place.ID, Writer: p.Writer, Reader: p.Reader})
		positions = append(positions, l.Outgoing.Positions())
	}
	for _, at := range widest {
		l, err := out[at].layout(g)
		if err != nil {
			panic("growth: a site without a layout")
		}
		whole := l.Incoming.Rows() <= maxMetric
		out[at].Metric, out[at].Diagonal = whole, !whole
	}
	return out, sums
}

// ridingLenOf returns the number of sums of N at a site: of all offsets behind which a
// linear layer or one of the size of its input reads, else of the centre.
func ridingLenOf(l site.Layout) int {
	n := l.Incoming.Rows() * l.Outputs
	if l.Outgoing.Positions() == 1 {
		n *= l.Outgoing.Area()
	}
	return n
}

// Ride computes a gradient and the statistics of a KindRiding request in the same
// passes. It is shared by goroutines; each needs its own Rider. Its program computes
// the bits of one that keeps nothing, and reads parameters packed for that.
type Ride struct {
	program    *nn.Program
	statistics *statistics
	every      uint64
}

// NewRide compiles a request against the graph it was made for, for micro-shards of
// the given number of samples. Its errors are faults of the request.
func NewRide(g *nn.Graph, req *Request, samples int) (*Ride, error) {
	if req.Kind != KindRiding {
		return nil, fmt.Errorf("a growth request of kind %q cannot ride along", req.Kind)
	}
	if err := req.Check(g); err != nil {
		return nil, err
	}
	r := &Ride{statistics: &statistics{neurons: true, sites: ridingSites(g)}, every: req.Every}
	var o nn.Options
	for _, s := range r.statistics.sites {
		o.KeepGrads = append(o.KeepGrads, s.Second)
		if !s.inputNode {
			o.KeepValues = append(o.KeepValues, s.input)
		}
	}
	if err := r.statistics.compile(); err != nil {
		return nil, err
	}
	var err error
	r.program, err = nn.Compile(g, samples, o)
	return r, err
}

// Len returns the number of sums of the statistics in the round of a step.
func (r *Ride) Len(step uint64) int {
	n := 0
	for _, s := range r.statistics.sites {
		n += s.ridingLen(RidesMetric(step / r.every))
	}
	return n
}

// ridingLen returns the number of sums of a site, with S or without.
func (s *siteData) ridingLen(metric bool) int {
	if metric {
		return s.neuronsLen()
	}
	return s.offsets * s.a * s.c
}

// Rider is the memory of one goroutine.
type Rider struct {
	*nn.Workspace // runs forward and backward
	runner        *statisticsRunner
	every         uint64
}

// NewRider returns the memory that one goroutine needs.
func (r *Ride) NewRider() *Rider {
	return &Rider{r.program.NewWorkspace(), &statisticsRunner{statistics: r.statistics}, r.every}
}

// Sums overwrites dst, of length Len, with the statistics of the micro-shard b of a
// step, which the workspace has just run forward and backward.
func (r *Rider) Sums(dst []float64, b *nn.Batch, step uint64) {
	clear(dst)
	turn := step / r.every
	r.runner.turn = turn
	for _, s := range r.runner.sites {
		n := s.ridingLen(RidesMetric(turn))
		if s.pair == (site.Pair{}) || RidesStreams(turn) {
			r.runner.add(dst[:n], s, r.Workspace, b)
		}
		dst = dst[n:]
	}
}

// ride adds the sums of one block: S, packed, or its diagonal, if dst has room for
// it, and N (offset, a, c) with g, the gradient, in place of V.
func (r *statisticsRunner) ride(dst []float64, s *siteData, input, g []float32, used int) {
	if s.full {
		r.addFull(dst, s, r.summedOf(s, input, rows{0, s.Incoming.In.H}), g, used)
		return
	}
	metric, n := dst[:len(dst)-s.a*s.c], dst[len(dst)-s.a*s.c:]
	if len(s.bands) > 0 {
		r.rideBand(metric, n, s, input, g, used)
		return
	}
	input = r.averagedOf(s, input)
	centre := s.Outgoing.Centre()
	strips{s.Outgoing.Positions(), stripColumns / tensor.Lanes}.each(func(from, to int) {
		ld := (to - from) * tensor.Lanes
		b2, v := cleared(&r.strip, s.a*ld), cleared(&r.other, s.c*ld)
		for j := from; j < to; j++ {
			if p := s.Outgoing.Reads(j, centre); p >= 0 {
				s.addSources(site.Columns{Data: b2[(j-from)*tensor.Lanes:], Stride: ld, Used: used}, input, p)
			}
			columns(v[(j-from)*tensor.Lanes:], ld, g[j*s.c*tensor.Lanes:], s.c)
		}
		switch {
		case len(metric) == 0:
		case s.metric:
			r.addSym(metric, kernel.RowMajor(b2, ld))
		case s.diagonal:
			addDiagonal(metric, kernel.RowMajor(b2, ld))
		}
		r.addBlock(n, kernel.RowMajor(b2, ld), kernel.RowMajor(v, ld))
	})
}

// A band is some rows of Second's output positions. Positions of one image say much
// the same, so that few of more images are worth more: sums that ride along are of one
// band in turn. The pairs of a stream have as many times more bands, so that a stream
// costs about what a chain does.
type band struct {
	cross, metric *kernel.Covariance // N; S, nil if it is not asked for
	reads         rows               // the rows of First's input, averaged, that they read
}

// Limits on bands.
const (
	maxBands     = 4
	leastOfABand = 16 // positions
)

// bandUnfold is what the products of one band are of.
type bandUnfold struct {
	kernel.Unfold
	kernel.Beside
}

// bandUnfolds cuts the positions of a site; there are none where no unfold is like
// what Second reads of First.
func (s *siteData) bandUnfolds() []bandUnfold {
	if !s.direct {
		return nil
	}
	w, least := s.Outgoing, leastOfABand
	if s.pairs > 1 {
		least = leastOfAStream
	}
	n := max(1, min(maxBands, w.OutH/((least+w.OutW-1)/w.OutW)))
	for n < maxBands*s.pairs && s.pairs > 1 && 2*n <= w.OutH && 2*n*least <= w.OutH*w.OutW {
		n *= 2
	}
	var out []bandUnfold
	for k := range n {
		if u, v, ok := s.readThrough(part{k, n}); ok {
			out = append(out, bandUnfold{u, v})
		}
	}
	return out
}

// planBands chooses the kernels of the bands.
func (s *siteData) planBands() {
	for _, f := range s.bandUnfolds() {
		u := f.Unfold
		b := band{cross: kernel.NewCovariance(u, f.Beside, nil, nil),
			reads: rows{max(0, -u.PadH), min(u.InH, (u.OutH-1)*u.Stride-u.PadH+u.KH)}}
		s.scratchLen = max(s.scratchLen, b.cross.ScratchLen())
		if s.metric {
			b.metric = kernel.NewCovariance(u, kernel.Beside{}, nil, nil)
			s.scratchLen = max(s.scratchLen, b.metric.ScratchLen())
		}
		s.bands = append(s.bands, b)
	}
}

// rideBand is ride for the bands whose turn it is: each half of N goes through all
// bands, and so does S, which rides along where streams do.
func (r *statisticsRunner) rideBand(metric, n []float64, s *siteData, input, g []float32, used int) {
	at := func(turn uint64) *band { return &s.bands[turn%uint64(len(s.bands))] }
	b := at(r.turn / 2)
	if s.pair != (site.Pair{}) {
		b = at(r.turn / 4)
	}
	b.cross.AddCross(n, r.summedOf(s, input, b.reads), g, used, r.room(s))
	b = at(r.turn / metricEvery)
	switch {
	case len(metric) == 0:
	case s.metric:
		b.metric.Add(metric, r.summedOf(s, input, b.reads), nil, used, r.room(s))
	case s.diagonal:
		addSquares(metric, b.cross.Unfold(), r.summedOf(s, input, b.reads), used)
	}
}

// rows is a range of the rows of an image.
type rows struct{ lo, hi int }

// summedOf returns some rows of what First reads, averaged where pooling follows.
// Pooling whose weights are equal is summed instead, see factor.
func (r *statisticsRunner) summedOf(s *siteData, input []float32, of rows) []float32 {
	if s.averaged == nil || of.lo >= of.hi {
		return input
	}
	if _, even := s.averaged.even(); even {
		return s.averaged.sum(r.roomOf(s.averaged), input, of)
	}
	return r.averagedOf(s, input)
}

// factor is what sums over First's unfold have to be multiplied by.
func (s *siteData) factor() float64 {
	if s.averaged != nil {
		f, _ := s.averaged.even()
		return f
	}
	return 1
}

// addSquares adds the squares of an unfold at all its positions.
func addSquares(dst []float64, u kernel.Unfold, input []float32, used int) {
	lo, hi := max(0, -u.PadH), min(u.InH, (u.OutH-1)*u.Stride-u.PadH+u.KH)
	squares := make([]float64, u.InH*u.InW*u.InC)
	for i := lo * u.InW * u.InC; i < hi*u.InW*u.InC; i++ {
		squares[i] = linalg.SquareSum(input[i*tensor.Lanes:][:used])
	}
	for c := range u.InC {
		for tap := range u.KH * u.KW {
			sum := 0.0
			for p := range u.OutH * u.OutW {
				y, x := p/u.OutW*u.Stride+tap/u.KW-u.PadH, p%u.OutW*u.Stride+tap%u.KW-u.PadW
				if y >= 0 && y < u.InH && x >= 0 && x < u.InW {
					sum += squares[(y*u.InW+x)*u.InC+c]
				}
			}
			dst[c*u.KH*u.KW+tap] += sum
		}
	}
	if u.Ones {
		dst[len(dst)-1] += float64(u.OutH * u.OutW * used)
	}
}
