// Package measure computes what growth events ask for, one micro-shard at a time,
// anywhere: a Request says what, a Job and its Runners compute the sums, and Sums tells
// what they mean. It decides nothing.
package measure

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Kind says what a growth round computes.
type Kind string

// The kinds of rounds, in the order in which an event asks for them.
const (
	KindUpdate    Kind = "update"    // S1, M and G of sites: the best update and the bottleneck
	KindNeurons   Kind = "neurons"   // S and N of sites: the best neurons
	KindNewborn   Kind = "newborn"   // derivatives of the loss by amplitude, and moments, of given neurons
	KindAmplitude Kind = "amplitude" // losses of candidates over a range of amplitudes
	// KindGradients is derivatives of the loss by the weights and by gates of given
	// neurons, or how much they change along a direction of the weights.
	KindGradients Kind = "gradients"
	// KindRiding is no round of an event: N of V, and S where it is asked for, in the
	// passes of a gradient round.
	KindRiding Kind = "riding"
)

// Request is what all workers compute in one round of a growth event: plain
// data. It refers to the graph and the weights of one generation and step.
type Request struct {
	Kind       Kind             `msgpack:"kind"`
	Generation uint64           `msgpack:"generation"`
	Sites      []SiteRequest    `msgpack:"sites,omitempty"`      // update, neurons
	Newborn    []site.Insertion `msgpack:"newborn,omitempty"`    // newborn, gradients; update: what Second reads already, weight zero
	Candidates []Candidate      `msgpack:"candidates,omitempty"` // amplitude
	Every      uint64           `msgpack:"every,omitempty"`      // riding: steps from one such round to the next
	// Of gradients. Weights asks for those by the weights; Along, of their number, is the
	// direction in which the weights are moved, By times as far, and back.
	Weights bool      `msgpack:"weights,omitempty"`
	Along   []float32 `msgpack:"along,omitempty"`
	By      float64   `msgpack:"by,omitempty"`
}

// SiteRequest asks for the statistics of one site, of a stream for those of one of its
// pairs (site.Pairs): what the writer reads and what the reader asks for.
type SiteRequest struct {
	Site   site.ID   `msgpack:"site"`
	Writer nn.NodeID `msgpack:"writer,omitempty"` // set for streams
	Reader nn.NodeID `msgpack:"reader,omitempty"` // set for streams
	// Full lets new outgoing kernels use all offsets; else only the centre.
	// A linear Second always uses all positions that it reads.
	Full bool `msgpack:"full,omitempty"`
	// Metric asks for S beside N.
	Metric bool `msgpack:"metric,omitempty"`
	// Diagonal asks for the diagonal of S where Metric does not ask for all.
	Diagonal bool `msgpack:"diagonal,omitempty"`
	// Update is dW* (c, b): N is taken of V_proj = V - dW* b1; empty: of V.
	Update []float32 `msgpack:"update,omitempty"`
}

// layout returns that of the site, or of its pair.
func (s SiteRequest) layout(g *nn.Graph) (site.Layout, error) {
	return site.PairOf(g, s.Site, site.Pair{Writer: s.Writer, Reader: s.Reader})
}

// Candidate is a set of insertions that is tried as one, at each amplitude.
type Candidate struct {
	Insertions []site.Insertion `msgpack:"insertions"`
	Amplitudes []float64        `msgpack:"amplitudes"`
}

// Limits on one request.
const (
	maxSites      = 4096
	maxCandidates = 256
	maxAmplitudes = 64
	maxEvery      = 1 << 20
)

// Check returns all faults of the request for graph g at once.
func (r *Request) Check(g *nn.Graph) error {
	var faults []error
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if r.Generation != g.Generation {
		say("growth request for generation %d, the graph has %d", r.Generation, g.Generation)
	}
	insertions := func(ins []site.Insertion) {
		seen := map[site.ID]bool{}
		for _, in := range ins {
			l, err := site.LayoutOf(g, in.Site)
			if err == nil {
				err = l.Check(in)
			}
			if err == nil && seen[in.Site] {
				err = fmt.Errorf("two insertions at %q", in.Site)
			}
			seen[in.Site] = true
			if err != nil {
				faults = append(faults, err)
			}
		}
	}
	if len(r.Sites) > maxSites || len(r.Newborn) > maxSites || len(r.Candidates) > maxCandidates {
		say("growth request for %d sites, %d insertions, %d candidates: at most %d, %d, %d",
			len(r.Sites), len(r.Newborn), len(r.Candidates), maxSites, maxSites, maxCandidates)
		return errors.Join(faults...)
	}
	switch r.Kind {
	case KindUpdate, KindNeurons:
		for _, s := range r.Sites {
			l, err := s.layout(g)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			if want := l.Outputs * l.Outgoing.Rows(); len(s.Update) != 0 && len(s.Update) != want {
				say("site %q: update has %d values, want %d", s.Site, len(s.Update), want)
			}
		}
		insertions(r.Newborn)
		if r.Kind != KindUpdate && len(r.Newborn) > 0 {
			say("a %s round takes no newborn neurons", r.Kind)
		}
	case KindRiding:
		if r.Every == 0 || r.Every > maxEvery {
			say("statistics that ride along every %d steps: must be 1 to %d", r.Every, maxEvery)
		}
		if len(r.Sites)+len(r.Newborn)+len(r.Candidates) > 0 {
			say("a request for statistics that ride along names sites or neurons: they follow from the graph")
		}
	case KindNewborn:
		insertions(r.Newborn)
	case KindAmplitude:
		for i, c := range r.Candidates {
			insertions(c.Insertions)
			if len(c.Insertions) == 0 || len(c.Amplitudes) == 0 || len(c.Amplitudes) > maxAmplitudes {
				say("candidate %d: %d insertions at %d amplitudes", i, len(c.Insertions), len(c.Amplitudes))
			}
		}
	case KindGradients:
		insertions(r.Newborn)
		if len(r.Along) > 0 && len(r.Along) != g.NumParams() {
			say("a direction of %d weights, the network has %d", len(r.Along), g.NumParams())
		}
		if len(r.Along) > 0 != (r.By > 0) || math.IsInf(r.By, 0) {
			say("weights are moved by %v along a direction of %d values", r.By, len(r.Along))
		}
		if !r.Weights && len(r.Newborn) == 0 {
			say("a gradients round asks for none")
		}
	default:
		say("growth request of unknown kind %q", r.Kind)
	}
	if r.Kind != KindGradients && (r.Weights || len(r.Along) > 0 || r.By != 0) {
		say("a %s round moves no weights", r.Kind)
	}
	return errors.Join(faults...)
}

// FLOPs returns those of the forward passes of one sample behind which the round goes backward, for a checked
// request: of a gradients round two where weights are moved, through the network with its new neurons. What other
// rounds do counts as one pass through the network.
func (r *Request) FLOPs(g *nn.Graph) int64 {
	if r.Kind != KindGradients {
		return g.FLOPs()
	}
	wide := g.Clone()
	for _, in := range r.Newborn {
		if s, ok := site.Find(g, in.Site); ok {
			s.Gain(wide, in.Count)
		}
	}
	if len(r.Along) > 0 {
		return 2 * wide.FLOPs()
	}
	return wide.FLOPs()
}
