package growth

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// PrunedRecord is what a pruning found at one site.
type PrunedRecord struct {
	Site   site.ID  `json:"site"`
	Scores []Number `json:"scores"` // of its neurons: group norms, or how far gates are open
	Gone   []int    `json:"gone"`   // neurons that went
}

// Pruning is a network that lost neurons.
type Pruning struct {
	*site.Shrunk // nil: nothing went
	Gone         []site.Removal
	Record       *Record
}

// NewPruning takes neurons out of a model as c says: by its gates, if c has some, which m's parameters have the
// weights of, or by magnitude. It changes neither.
func NewPruning(c prune.Config, m *nn.Model, gates *prune.Gates, info EventInfo) (*Pruning, error) {
	g := m.Graph
	scores, told := prune.Magnitudes(m), "norms at most %.3g of their layer's mean"
	ranks := scores
	if gates != nil {
		scores, ranks, told = gates.Open(), gates.Ranks(), "gates open at most %.3g"
	}
	out := &Pruning{}
	if c.Keep > 0 {
		out.Gone = prune.Lowest(g, ranks, c.Keep, c.Of)
	} else {
		out.Gone = gates.Closed()
	}
	params, flops := g.NumParams(), g.FLOPs()
	r := &Record{Event: info.Number, Step: info.Step, Epoch: info.Epoch, Generation: g.Generation, Policy: c.Policy, Where: "rank",
		Loss: Number(math.NaN()), ParamsBefore: params, ParamsAfter: params, FLOPsBefore: flops, FLOPsAfter: flops, Sites: []SiteRecord{}}
	out.Record = r
	for _, s := range scores {
		r.Pruned = append(r.Pruned, PrunedRecord{s.Site, numbers(s.Scores, len(s.Scores)), []int{}})
	}
	if len(out.Gone) == 0 {
		r.Decision, r.Why = Refuse, "nothing has to go: "+c.Asked()
		return out, nil
	}
	var err error
	if out.Shrunk, err = site.Shrink(g, out.Gone); err != nil {
		return nil, err
	}
	r.ParamsAfter, r.FLOPsAfter = out.Graph.NumParams(), out.Graph.FLOPs()
	for _, gone := range out.Gone {
		l, err := site.LayoutOf(g, gone.Site)
		if err != nil {
			return nil, err
		}
		grown := GrownRecord{Site: gone.Site, Unit: l.Unit(g), From: l.Width(g), To: l.Width(out.Graph),
			Params: -len(gone.Neurons) * l.ParamsPerNeuron()}
		most := math.Inf(-1)
		for i := range r.Pruned {
			if p := &r.Pruned[i]; p.Site == gone.Site {
				p.Gone = gone.Neurons
				for _, j := range gone.Neurons {
					most = max(most, float64(p.Scores[j]))
				}
			}
		}
		grown.say("pruned, "+told, most)
		r.Grown = append(r.Grown, grown)
	}
	part := float64(r.FLOPsAfter) / float64(max(r.FLOPsBefore, 1))
	r.Decision = Prune
	r.Why = fmt.Sprintf("%s: %.3g of the FLOPs and %.3g of the parameters stay", c.Asked(), part,
		float64(r.ParamsAfter)/float64(max(params, 1)))
	return out, nil
}
