package growth

import (
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Watch follows the neurons that an event added through the steps after it, by
// the reduced gradients and moments of those steps. It is plain data, kept in
// checkpoints; it is never changed, After returns a new one.
type Watch struct {
	Event uint64        `json:"event"`
	Steps int           `json:"steps"`
	Sites []WatchedSite `json:"sites"`
}

// WatchedSite is the new neurons [From, To) of a site: per neuron sums over
// the steps, and the same for the average old neuron.
type WatchedSite struct {
	Site site.ID `json:"site"`
	From int     `json:"from"`
	To   int     `json:"to"`
	// Incoming and Outgoing are squared norms of the gradients of incoming and
	// outgoing weights; Square is the mean square of the pre-activation and
	// Active the share of it above zero, were it normal, behind a normalisation.
	Incoming []Number `json:"incoming"`
	Outgoing []Number `json:"outgoing"`
	Square   []Number `json:"square,omitempty"`
	Active   []Number `json:"active,omitempty"`
	// Silent and Stuck count the steps at which the gradient of the outgoing
	// weights (the neuron put out nothing) and of the incoming weights (nothing
	// reached them) was exactly zero.
	Silent      []int  `json:"silent"`
	Stuck       []int  `json:"stuck"`
	OldIncoming Number `json:"old_incoming"`
	OldOutgoing Number `json:"old_outgoing"`
}

// NewWatch starts to follow what an event grew; nil if that is nothing.
func NewWatch(r *Record) *Watch {
	if len(r.Grown) == 0 {
		return nil
	}
	w := &Watch{Event: r.Event}
	for _, g := range r.Grown {
		n := g.To - g.From
		w.Sites = append(w.Sites, WatchedSite{Site: g.Site, From: g.From, To: g.To,
			Incoming: make([]Number, n), Outgoing: make([]Number, n), Silent: make([]int, n), Stuck: make([]int, n)})
	}
	return w
}

// After returns the watch after one more step, from the sum over samples of
// the gradient of the parameters of g and of the moments (nn.AddMoments), and
// the model before the update.
func (w *Watch) After(m *nn.Model, gradient []float32, moments []float64, samples float64) *Watch {
	next := &Watch{Event: w.Event, Steps: w.Steps + 1}
	at := m.Graph.GradientSums()
	layouts, err := site.Layouts(m.Graph)
	if err != nil {
		panic("growth: a watch over an invalid graph")
	}
	for _, s := range w.Sites {
		if l, ok := layouts.Find(s.Site); ok { // else it is no site any more
			next.Sites = append(next.Sites, s.after(l, at, m.Params, gradient, moments, samples))
		}
	}
	return next
}

func (s WatchedSite) after(l site.Layout, at nn.GradientSums, values, gradient []float32, moments []float64, samples float64) WatchedSite {
	width := l.AllNeurons().Len()
	squares := func(parts iter.Seq[kernel.Range]) float64 {
		var sum float64
		for r := range parts {
			sum += linalg.SquareSum(r.Of(gradient))
		}
		return sum / (samples * samples)
	}
	s.Incoming, s.Outgoing = append([]Number(nil), s.Incoming...), append([]Number(nil), s.Outgoing...)
	s.Silent, s.Stuck = append([]int(nil), s.Silent...), append([]int(nil), s.Stuck...)
	for j := range width {
		n := l.Neurons(kernel.Range{Lo: j, Hi: j + 1})
		i, o := squares(n.Incoming()), squares(n.Outgoing())
		if j < s.From || j >= s.To {
			others := float64(width - (s.To - s.From))
			s.OldIncoming, s.OldOutgoing = s.OldIncoming+Number(i/others), s.OldOutgoing+Number(o/others)
			continue
		}
		k := j - s.From
		s.Incoming[k], s.Outgoing[k] = s.Incoming[k]+Number(i), s.Outgoing[k]+Number(o)
		if o == 0 {
			s.Silent[k]++
		}
		if i == 0 {
			s.Stuck[k]++
		}
	}
	if l.Norm != nil {
		own := l.AllNeurons().Norms()[0]
		norm, _ := at.Norm(l.Norm.ID)
		s.addActivity(norm.Squares(moments), *norm.Count(moments), own.Weight.Of(values), own.Bias.Of(values))
	}
	return s
}

// addActivity adds what a normalisation's moments of one step tell.
func (s *WatchedSite) addActivity(squares []float64, count float64, gamma, beta []float32) {
	n := s.To - s.From
	square, active := make([]Number, n), make([]Number, n)
	copy(square, s.Square)
	copy(active, s.Active)
	for k := range n {
		j := s.From + k
		square[k] += Number(squares[j] / count)
		active[k] += Number(0.5 * portable.Erfc(-float64(beta[j])/(math.Sqrt2*math.Max(math.Abs(float64(gamma[j])), 1e-30))))
	}
	s.Square, s.Active = square, active
}

// HealthRecord says how the neurons that an event added fared in the steps
// after it: a line of the metrics.
type HealthRecord struct {
	Kind  string       `json:"kind"` // newborn
	Event uint64       `json:"event"`
	Step  uint64       `json:"step"`  // the last one followed
	Steps int          `json:"steps"` // how many
	Sites []SiteHealth `json:"sites"`
	Dead  int          `json:"dead"` // neurons that put out nothing at any step, or can learn nothing
	Text  string       `json:"text"`
}

// SiteHealth is HealthRecord for one site: root mean squares over the steps,
// by new neuron, and of the average old neuron.
type SiteHealth struct {
	Site        site.ID  `json:"site"`
	From        int      `json:"from"`
	To          int      `json:"to"`
	Incoming    []Number `json:"gradient_in"`  // norm of the gradient of incoming weights and bias
	Outgoing    []Number `json:"gradient_out"` // the same of outgoing weights
	OldIncoming Number   `json:"old_gradient_in"`
	OldOutgoing Number   `json:"old_gradient_out"`
	Size        []Number `json:"size,omitempty"`   // root mean square of the pre-activation, in front of a normalisation
	Active      []Number `json:"active,omitempty"` // share above zero behind it, were it normal
	Dead        []int    `json:"dead,omitempty"`   // neurons that were silent at all steps, or stuck at all
}

// Report tells what was seen up to a step.
func (w *Watch) Report(step uint64) *HealthRecord {
	r := &HealthRecord{Kind: "newborn", Event: w.Event, Step: step, Steps: w.Steps, Sites: []SiteHealth{}}
	var dead []string
	for _, s := range w.Sites {
		h := SiteHealth{Site: s.Site, From: s.From, To: s.To, Incoming: w.roots(s.Incoming), Outgoing: w.roots(s.Outgoing),
			OldIncoming: w.roots([]Number{s.OldIncoming})[0], OldOutgoing: w.roots([]Number{s.OldOutgoing})[0], Size: w.roots(s.Square)}
		for _, a := range s.Active {
			h.Active = append(h.Active, a/Number(w.Steps))
		}
		for k := range s.Silent {
			if w.Steps > 0 && (s.Silent[k] == w.Steps || s.Stuck[k] == w.Steps) {
				h.Dead = append(h.Dead, s.From+k)
			}
		}
		if len(h.Dead) > 0 {
			dead = append(dead, fmt.Sprintf("%d of %d at %s", len(h.Dead), s.To-s.From, s.Site))
		}
		r.Dead += len(h.Dead)
		r.Sites = append(r.Sites, h)
	}
	r.Text = fmt.Sprintf("all new neurons of event %d are alive after %d steps", w.Event, w.Steps)
	if len(dead) > 0 {
		r.Text = fmt.Sprintf("of the new neurons of event %d these were dead for %d steps: %s", w.Event, w.Steps, strings.Join(dead, ", "))
	}
	return r
}

// roots returns root means over the steps.
func (w *Watch) roots(sums []Number) []Number {
	var out []Number
	for _, s := range sums {
		out = append(out, Number(math.Sqrt(float64(s)/float64(max(w.Steps, 1)))))
	}
	return out
}
