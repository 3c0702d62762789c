package growth

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Warming is the neurons of an event whose learning rate still rises to that of
// the others. It is plain data, kept in checkpoints.
type Warming struct {
	Steps int            `json:"steps"` // made since the event
	Sites []NewbornRange `json:"sites"`
}

// NewbornRange is the new neurons [From, To) of a site.
type NewbornRange struct {
	Site SiteID `json:"site"`
	From int    `json:"from"`
	To   int    `json:"to"`
}

// NewWarming returns what an event grew; nil if that is nothing.
func NewWarming(r *Record) *Warming {
	if len(r.Grown) == 0 {
		return nil
	}
	w := &Warming{}
	for _, g := range r.Grown {
		w.Sites = append(w.Sites, NewbornRange{g.Site, g.From, g.To})
	}
	return w
}

// Params returns the places of the parameters that the neurons brought along,
// ascending: their incoming weights and biases, those of their normalisation, and
// their outgoing weights.
func (w *Warming) Params(g *nn.Graph) []int {
	entries := nn.ByName(g.ParamEntries())
	var at []int
	add := func(e nn.Entry, from, n int) {
		for i := range n {
			at = append(at, e.Offset+from+i)
		}
	}
	for _, s := range w.Sites {
		l, err := layoutOf(g, s.Site)
		if err != nil {
			continue // it is no site any more
		}
		first, second := entries[string(l.First)+"."+nn.RoleWeight], entries[string(l.Second)+"."+nn.RoleWeight]
		width, area, n := first.Shape[0], l.second.area(), s.To-s.From
		row := first.Len() / width
		add(first, s.From*row, n*row)
		if l.first.bias {
			add(entries[string(l.First)+"."+nn.RoleBias], s.From, n)
		}
		if l.norm != nil {
			add(entries[string(l.norm.ID)+"."+nn.RoleWeight], s.From, n)
			add(entries[string(l.norm.ID)+"."+nn.RoleBias], s.From, n)
		}
		for o := range l.outputs {
			add(second, (o*width+s.From)*area, n*area)
		}
	}
	slices.Sort(at)
	return slices.Compact(at) // two sites in a row share weights
}
