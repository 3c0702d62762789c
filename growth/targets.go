package growth

import (
	"maps"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// CheckTargets returns all target widths of c that no site of g could grow to, at
// once, or nil: those of layers that g has not, unless blocks are appended, and those
// of layers that gain outputs with others alone or never.
func (c Config) CheckTargets(g *nn.Graph) error {
	sites, fixed := site.All(g), site.FixedWidths(g)
	var found faults.List
	for _, id := range slices.Sorted(maps.Keys(c.Widths)) {
		layer := nn.NodeID(id)
		with := slices.IndexFunc(sites, func(s site.Site) bool { return s.ID == id || slices.Contains(s.Writers, layer) })
		never := slices.IndexFunc(fixed, func(f site.Fixed) bool { return slices.Contains(f.Writers, layer) })
		switch {
		case with >= 0:
			s := sites[with]
			switch {
			case s.ID == id:
			case s.Heads != "":
				found.Check(false, "widths of %s: it gains outputs with the heads of %s: name that, and how many heads", id, s.ID)
			default:
				found.Check(false, "widths of %s: it gains outputs together with %v: name %s, the first of them", id, s.Writers, s.ID)
			}
		case never >= 0:
			found.Check(false, "widths of %s: %v cannot gain outputs: %s", id, fixed[never].Writers, fixed[never].Why)
		case c.DepthEvery > 0: // a block to come may have it
		default:
			found.Check(false, "widths of %s: the network has no such layer; those that can grow are %v", id, idsOf(sites))
		}
	}
	return found.Err()
}

func idsOf(sites []site.Site) []site.ID {
	var ids []site.ID
	for _, s := range sites {
		ids = append(ids, s.ID)
	}
	return ids
}
