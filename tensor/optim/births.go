package optim

import (
	"maps"
	"math"
	"slices"
)

// The values of Config.Births.
const (
	OneRate          = "none"
	VarianceTransfer = "variance_transfer"
)

// Birth is a stretch of the outputs of a layer, or of the weights of each output, that
// one growth event added.
type Birth struct {
	To    int // the end of it; it begins where the one before it does
	Event int // 0 for what was there from the beginning, later events are larger
}

// Births tells when the weights of a layer were born: each with the later one of its
// output and of its input.
type Births struct {
	Outputs []Birth
	Inputs  []Birth // births of the weights of one output
}

// Cover reports whether b tells of each of n weights when it was born, once. There is nothing
// to tell of none.
func (b *Births) Cover(n int) bool {
	outputs, row := last(b.Outputs), last(b.Inputs)
	return n == 0 || outputs > 0 && row > 0 && n%row == 0 && n/row == outputs
}

// last returns where ascending stretches end, 0 where they are none.
func last(births []Birth) int {
	at := 0
	for _, b := range births {
		if b.To <= at || b.Event < 0 {
			return 0
		}
		at = b.To
	}
	return at
}

// groups is what the update of weights by birth group needs. It follows the rate
// adaptation of [variance transfer], arXiv 2306.12700: group t has the rate
// eta_t = eta_0 |W_t| / |W_0| (Frobenius norms), so that all groups change by the same
// part of themselves.
type groups struct {
	births Births
	events []int     // events in order, the first one that of the oldest weights
	factor []float64 // factors on the rate, by the place of the event in events
}

// maxFactor bounds the factor. It is at least 1 too: outgoing weights of new neurons
// start at zero here, and would stay there by the formula alone.
const maxFactor = 8

// newGroups returns nil where all weights are of one age.
func newGroups(b *Births) *groups {
	if b == nil {
		return nil
	}
	g := &groups{births: *b}
	latest := map[int]bool{}
	for _, o := range b.Outputs {
		for _, i := range b.Inputs {
			latest[max(o.Event, i.Event)] = true
		}
	}
	g.events = slices.Sorted(maps.Keys(latest))
	if len(g.events) < 2 {
		return nil
	}
	g.factor = make([]float64, len(g.events))
	return g
}

// stretch is weights side by side of one output that were born together.
type stretch struct{ lo, hi, group int }

// at returns the stretch that begins at a weight of the layer, up to end at most.
func (g *groups) at(weight, end int) stretch {
	row := g.births.Inputs[len(g.births.Inputs)-1].To
	output, input := weight/row, weight%row
	o, i := born(g.births.Outputs, output), born(g.births.Inputs, input)
	s := stretch{lo: weight, hi: min(end, output*row+i.To)}
	for s.group+1 < len(g.events) && g.events[s.group+1] <= max(o.Event, i.Event) {
		s.group++
	}
	return s
}

// born returns the stretch of a place.
func born(births []Birth, place int) Birth {
	for _, b := range births {
		if place < b.To {
			return b
		}
	}
	panic("optim: births end before the weights do")
}

// measure sets the factors by the weights at hand. Squares are added up in order.
func (g *groups) measure(weights []float32) {
	clear(g.factor)
	for at := 0; at < len(weights); {
		s := g.at(at, len(weights))
		g.factor[s.group] += squares(weights[s.lo:s.hi])
		at = s.hi
	}
	first := g.factor[0]
	for t, square := range g.factor {
		g.factor[t] = 1
		if first > 0 {
			g.factor[t] = math.Max(1, math.Min(math.Sqrt(square/first), maxFactor))
		}
	}
}
