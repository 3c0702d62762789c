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
	due := site.Stages(s.Model.Graph)
	switch every := uint64(s.Settings.DepthEvery); {
	case every > 0 && (s.Info.Number+1)%every == 0:
		why = fmt.Sprintf("every %d events", every)
	case s.Settings.DepthAfter > 0:
		idle := s.Info.History.After(s.Record).Idle
		due = slices.DeleteFunc(due, func(r site.Stage) bool {
			return slices.ContainsFunc(r.Sites, func(id site.ID) bool { return idle[id] < s.Settings.DepthAfter })
		})
		why = fmt.Sprintf("none of its sites grew in %d events", s.Settings.DepthAfter)
	default:
		return end, why, false
	}
	if len(due) == 0 {
		return end, why, false
	}
	return slices.MinFunc(due, func(a, b site.Stage) int { return cmp.Compare(a.Blocks, b.Blocks) }), why, true
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
