package growth

import (
	"maps"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Ages tells by which event the neurons of each site that grew were born: stretches of
// neurons by the number of the event, from 1; 0 is what was there from the beginning.
type Ages map[site.ID][]Age

// Age is a stretch of neurons of one site, from the end of the one before up to To.
type Age struct {
	To    int `json:"to"`
	Event int `json:"event"`
}

// After returns the ages once an event, the one of that number, is over.
func (a Ages) After(r *Record, event int) Ages {
	if len(r.Grown) == 0 {
		return a
	}
	out := maps.Clone(a)
	if out == nil {
		out = Ages{}
	}
	for _, g := range r.Grown {
		ages := slices.Clone(out[g.Site])
		if len(ages) == 0 && g.From > 0 {
			ages = append(ages, Age{g.From, 0})
		}
		out[g.Site] = append(ages, Age{g.To, event})
	}
	return out
}

// Without returns the ages once neurons are gone.
func (a Ages) Without(gone []site.Removal) Ages {
	out := maps.Clone(a)
	for _, r := range gone {
		var ages []Age
		for _, age := range out[r.Site] {
			at, _ := slices.BinarySearch(r.Neurons, age.To)
			if to := age.To - at; to > 0 && (len(ages) == 0 || to > ages[len(ages)-1].To) {
				ages = append(ages, Age{to, age.Event})
			}
		}
		if len(ages) > 0 {
			out[r.Site] = ages
		}
	}
	return out
}

// Births tells when the weights of the layers of g were born, by the name of their
// tensor; those of layers of one age are left out. g must be valid.
func (a Ages) Births(g *nn.Graph) map[string]*optim.Births {
	out := map[string]*optim.Births{}
	sites, err := site.Layouts(g)
	if err != nil {
		panic("growth: ages of a graph that is not valid")
	}
	of := func(layer nn.NodeID) *optim.Births {
		name := string(layer) + "." + nn.RoleWeight
		if out[name] == nil {
			e := nn.ByName(g.ParamEntries())[name]
			outputs := e.Shape[0]
			out[name] = &optim.Births{Outputs: []optim.Birth{{To: outputs}}, Inputs: []optim.Birth{{To: e.Len() / max(outputs, 1)}}}
		}
		return out[name]
	}
	for _, l := range sites {
		ages := a[l.ID]
		if len(ages) == 0 || ages[len(ages)-1].To != l.Width(g) {
			continue
		}
		for _, w := range l.Writers {
			of(w.ID).Outputs = stretches(ages, w.Each)
		}
		for _, r := range l.Readers {
			of(r.ID).Inputs = stretches(ages, r.Outgoing())
		}
	}
	return out
}

// stretches returns ages in places of that many to a neuron.
func stretches(ages []Age, each int) (out []optim.Birth) {
	for _, a := range ages {
		out = append(out, optim.Birth{To: a.To * each, Event: a.Event})
	}
	return out
}
