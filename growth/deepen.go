package growth

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
)

// DepthRecord is an empty block that an event appended to a stage.
type DepthRecord struct {
	Stage    string  `json:"stage"` // the node that it was appended behind
	Site     site.ID `json:"site"`  // inside it
	Blocks   int     `json:"blocks"`
	Params   int     `json:"params"`
	Sentence string  `json:"sentence"`
}

// deepen appends an empty block where that is due. It comes after the decision
// on width, and changes nothing that the network computes.
func (s *State) deepen() {
	end, why, ok := s.stageDue()
	if !ok {
		return
	}
	m := s.wide
	if m == nil {
		m = s.Model
	}
	before := m.Graph.NumParams()
	deep, site, err := site.Append(m, end)
	if err != nil {
		s.Record.Why += "; no block was appended: " + err.Error()
		return
	}
	deep.Graph.Generation = s.Model.Graph.Generation + 1 // one event, one generation
	after, flops := deep.Graph.NumParams(), deep.Graph.FLOPs()
	if why := s.Settings.overBudget(after, flops); why != "" {
		s.Record.Why += fmt.Sprintf("; no block behind %s: %s", end.End, why)
		return
	}
	r := s.Record
	r.Deepened = &DepthRecord{Stage: string(end.End), Site: site, Blocks: end.Blocks + 1, Params: after - before,
		Sentence: fmt.Sprintf("%s: an empty block behind %s, the stage's %s: %s", site, end.End, ordinal(end.Blocks+1), why)}
	r.ParamsAfter, r.FLOPsAfter = after, flops
	if r.Decision == Refuse {
		r.Decision = Deepen
		r.Why += "; " + why
	}
	s.wide = deep
}

// stageDue returns the stage that gets a block: of those that are due the one
// of the fewest blocks, the first of equals.
func (s *State) stageDue() (end site.Stage, why string, ok bool) {
	due, every := site.Stages(s.Model.Graph), uint64(s.Settings.DepthEvery)
	if every == 0 || (s.Info.Number+1)%every != 0 || len(due) == 0 {
		return end, why, false
	}
	fewest := slices.MinFunc(due, func(a, b site.Stage) int { return cmp.Compare(a.Blocks, b.Blocks) })
	return fewest, fmt.Sprintf("every %d events", every), true
}

func ordinal(n int) string {
	suffix := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return fmt.Sprint(n) + suffix
}
