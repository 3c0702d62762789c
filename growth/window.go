package growth

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Window adds up the statistics that ride along with gradient rounds, from one event
// to the next: for each site N in two halves, of every second such round each, and S; of
// a stream for each pair of a writer and a reader.
type Window struct {
	Sites  []WindowSite `json:"sites"`
	layout []measure.RidingSite
	costs  []float64 // CostPerNeuron of each site
}

// WindowSite is the part of a window at one site, or at one pair of a stream.
type WindowSite struct {
	Site   site.ID   `json:"site"`
	Writer nn.NodeID `json:"writer,omitempty"`
	Reader nn.NodeID `json:"reader,omitempty"`
	// Samples are those of N, by half, and Metric those of S.
	Samples [2]float64 `json:"samples"`
	Metric  float64    `json:"metric"`
	// Sums are N of the first half, N of the second, and S.
	Sums []float64 `json:"-"`
}

// NewWindow returns an empty window over the sites of g.
func NewWindow(g *nn.Graph) *Window {
	w := &Window{layout: measure.RidingSites(g)}
	for _, s := range w.layout {
		w.Sites = append(w.Sites, WindowSite{Site: s.Site, Writer: s.Pair.Writer, Reader: s.Pair.Reader,
			Sums: make([]float64, 2*s.NLen+s.MetricLen)})
		w.costs = append(w.costs, costPerNeuron(g, s.Site))
	}
	return w
}

// WindowLen returns the number of sums of a window over the sites of g.
func WindowLen(g *nn.Graph) int {
	n := 0
	for _, s := range measure.RidingSites(g) {
		n += 2*s.NLen + s.MetricLen
	}
	return n
}

// Ride says what rides along with one gradient round.
type Ride struct {
	Every uint64 // updates from one such round to the next
	// Turn counts these rounds from the start of the run.
	Turn uint64
}

// Metric reports whether S rides along.
func (r Ride) Metric() bool { return measure.RidesMetric(r.Turn) }

// half returns which half of the samples the round is of.
func (r Ride) half() int { return int(r.Turn % 2) }

// Request returns what all workers compute, for graph g.
func (r Ride) Request(g *nn.Graph) *measure.Request { return measure.Riding(g, r.Every) }

// Layout says what the sums of a round mean.
func (w *Window) Layout() []measure.RidingSite { return w.layout }

// Len returns the number of sums of a round.
func (w *Window) Len(r Ride) int { return measure.RidingLen(w.layout, r.Metric()) }

// FLOPs returns what the statistics of a round cost beside the gradient, for one sample.
func (w *Window) FLOPs(r Ride) float64 { return measure.RidingFLOPs(w.layout, r.Turn) }

// Add adds the sums of a round over that many samples.
func (w *Window) Add(r Ride, sums []float64, samples float64) {
	half := r.half()
	for i, l := range w.layout {
		s := &w.Sites[i]
		if r.Metric() {
			addTo(s.Sums[2*l.NLen:], sums[:l.MetricLen])
			if l.MetricLen > 0 {
				s.Metric += samples
			}
			sums = sums[l.MetricLen:]
		}
		if l.Rides(r.Turn) {
			addTo(s.Sums[half*l.NLen:(half+1)*l.NLen], sums[:l.NLen])
			s.Samples[half] += samples
		}
		sums = sums[l.NLen:]
	}
}

func addTo(dst, src []float64) {
	for i, v := range src {
		dst[i] += v
	}
}

// forget is what an event leaves of earlier samples: they are of weights that are no
// more. A power of two, so that nothing is rounded.
const forget = 0.5

// After returns the window that follows an event, which led to graph g: sites whose
// inputs and readers are as they were keep a part of their sums, those whose inputs are
// keep that of S, and others begin anew.
func (w *Window) After(g *nn.Graph) *Window {
	next := NewWindow(g)
	for i := range next.Sites {
		to, l := &next.Sites[i], next.layout[i]
		j := slices.IndexFunc(w.Sites, to.same)
		if j < 0 || !w.layout[j].SameMetric(l) {
			continue
		}
		from, n := &w.Sites[j], 2*w.layout[j].NLen
		for k, v := range from.Sums[n:] {
			to.Sums[2*l.NLen+k] = float64(v * forget)
		}
		to.Metric = float64(from.Metric * forget)
		if w.layout[j] != l {
			continue
		}
		for k, v := range from.Sums[:n] {
			to.Sums[k] = float64(v * forget)
		}
		for k, v := range from.Samples {
			to.Samples[k] = float64(v * forget)
		}
	}
	return next
}

// same reports whether two parts are of the same site, or pair.
func (s *WindowSite) same(t WindowSite) bool {
	return s.Site == t.Site && s.Writer == t.Writer && s.Reader == t.Reader
}

// Whole reports whether the window has its sums: one that was read from JSON has not.
func (w *Window) Whole() bool { return len(w.layout) == len(w.Sites) }

// Values returns all sums in order.
func (w *Window) Values() []float64 {
	var out []float64
	for _, s := range w.Sites {
		out = append(out, s.Sums...)
	}
	return out
}

// ErrOtherWindow is returned for statistics that are not of the sites of a network.
var ErrOtherWindow = errors.New("statistics that ride along are not those of the network")

// maxSamples bounds the samples of a window.
const maxSamples = 1 << 48

// Restored returns the window over the sites of g that w, read back from JSON, tells
// of, with the values of Values.
func (w *Window) Restored(g *nn.Graph, values []float64) (*Window, error) {
	out := NewWindow(g)
	if len(w.Sites) != len(out.Sites) {
		return nil, fmt.Errorf("%w: %d sites, it has %d", ErrOtherWindow, len(w.Sites), len(out.Sites))
	}
	for i, s := range w.Sites {
		to := &out.Sites[i]
		if !s.same(*to) {
			return nil, fmt.Errorf("%w: site %d is %.80q, %.80q to %.80q, and %q, %q to %q in the network", ErrOtherWindow, i, s.Site,
				s.Writer, s.Reader, to.Site, to.Writer, to.Reader)
		}
		for _, n := range []float64{s.Samples[0], s.Samples[1], s.Metric} {
			if !(n >= 0 && n <= maxSamples) {
				return nil, fmt.Errorf("%w: %v samples at %q", ErrOtherWindow, n, s.Site)
			}
		}
		if len(values) < len(to.Sums) {
			return nil, fmt.Errorf("%w: too few values", ErrOtherWindow)
		}
		to.Samples, to.Metric = s.Samples, s.Metric
		values = values[copy(to.Sums, values):]
	}
	if len(values) > 0 {
		return nil, fmt.Errorf("%w: %d values too many", ErrOtherWindow, len(values))
	}
	return out, nil
}
