package measure

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// siteData is a site with all that its statistics need.
type siteData struct {
	site.Layout
	ways      [][]site.Source // First's output positions behind each position of Second's input
	input     nn.NodeID       // what First reads
	hidden    nn.NodeID       // what Second reads
	inputNode bool            // First reads the input of the graph
	full      bool
	metric    bool
	update    []float32
	a, b, c   int
	offsets   int       // offsets of new outgoing kernels: 1 (the centre), or all
	readBy    []int     // see readers
	roots     []float32 // square roots of how often each position is read, nil if once each
	at        int       // offset of its sums
	direct    bool      // no position moves between First and Second, or all of that is in averaged
	averaged  *averaged // nil without; else first and ways are those on its image
	inputLen  int       // values that First reads per sample
	diagonal  bool      // the diagonal of S instead of S
	riding    bool      // the sums are of the gradient, S and N apart
	pair      site.Pair // of a stream that rides along
	pairs     int       // how many ride along at the site
	bands     []band    // the bands of sums that ride along, where these take turns
	plans
}

func newSiteData(g *nn.Graph, req SiteRequest) (*siteData, error) {
	l, err := req.layout(g)
	if err != nil {
		return nil, err
	}
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	s := &siteData{Layout: l, ways: site.Passage(g, shapes, l.Site), full: req.Full || l.Outgoing.Positions() == 1,
		metric: req.Metric, update: req.Update, a: l.Incoming.Rows(), b: l.Outgoing.Rows(), c: l.Outputs, offsets: 1}
	s.input, s.hidden = g.Node(l.First).Inputs[0], g.Node(l.Second).Inputs[0]
	s.inputNode = s.input == g.Nodes[0].ID
	s.direct = len(site.Passings(g, shapes, l.Site)) == 0
	s.diagonal = req.Diagonal
	s.inputLen = l.Incoming.In.Len()
	if s.averaged = averagedOf(g, shapes, l); s.averaged != nil {
		s.Incoming, s.direct, s.ways = s.averaged.first, true, nil
		for p := range s.Incoming.Positions() {
			s.ways = append(s.ways, []site.Source{{Position: p, Weight: 1}})
		}
	}
	if s.full {
		s.offsets = l.Outgoing.Area()
		s.readers()
	}
	return s, nil
}

// readers inverts reads: readBy[p*E+e] is the output position that reads p at
// offset e, or -1.
func (s *siteData) readers() {
	w := s.Outgoing
	count := make([]int, len(s.ways))
	s.readBy = make([]int, len(s.ways)*w.Area())
	for i := range s.readBy {
		s.readBy[i] = -1
	}
	for j := range w.Positions() {
		for e := range w.Area() {
			if p := w.Reads(j, e); p >= 0 {
				s.readBy[p*w.Area()+e] = j
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

// length returns the number of sums of the site in a round of statistics.
func (s *siteData) length(k Kind) int {
	if k == KindUpdate {
		return s.updateLen()
	}
	return s.neuronsLen()
}

func (s *siteData) neuronsLen() int {
	if s.stacked() {
		return linalg.PackedLen(s.a + s.c)
	}
	n := s.offsets * s.a * s.c
	if !s.riding {
		n++
	}
	if s.metric {
		n += linalg.PackedLen(s.a)
	} else if s.diagonal {
		n += s.a
	}
	return n
}

// stacked reports whether S, N and |V_proj|^2 are one symmetric matrix, that
// of the rows [b2; V_proj].
func (s *siteData) stacked() bool { return s.metric && !s.full && !s.riding }
