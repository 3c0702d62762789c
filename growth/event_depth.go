package growth

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// DepthRecord is an empty block that an event appended to a stage.
type DepthRecord struct {
	Stage    string `json:"stage"` // the node that it was appended behind
	Site     SiteID `json:"site"`  // inside it
	Blocks   int    `json:"blocks"`
	Params   int    `json:"params"`
	Sentence string `json:"sentence"`
}

// deepen appends an empty block where that is due. It comes after the decision
// on width, and changes nothing that the network computes.
func (e *Event) deepen() {
	if e.inspect || e.cfg.DepthEvery == 0 && e.cfg.DepthAfter == 0 {
		return
	}
	if e.cfg.DepthBlocks > 0 && e.info.History.Blocks >= e.cfg.DepthBlocks {
		return
	}
	s, why, ok := e.stageDue()
	if !ok {
		return
	}
	m := e.wide
	if m == nil {
		m = e.model
	}
	before := m.Graph.NumParams()
	deep, site, err := Append(m, s)
	if err != nil {
		e.record.Why += "; no block was appended: " + err.Error()
		return
	}
	deep.Graph.Generation = e.model.Graph.Generation + 1 // one event, one generation
	after, flops := deep.Graph.NumParams(), deep.Graph.FLOPs()
	if why := e.overBudget(after, flops); why != "" {
		e.record.Why += fmt.Sprintf("; no block behind %s: %s", s.End, why)
		return
	}
	r := e.record
	r.Deepened = &DepthRecord{Stage: string(s.End), Site: site, Blocks: s.Blocks + 1, Params: after - before,
		Sentence: fmt.Sprintf("%s: an empty block behind %s, the stage's %s: %s", site, s.End, ordinal(s.Blocks+1), why)}
	r.ParamsAfter, r.FLOPsAfter = after, flops
	if r.Decision == Refuse {
		r.Decision = Deepen
		r.Why += "; " + why
	}
	e.wide = deep
}

// stageDue returns the stage that gets a block: of those that are due the one
// of the fewest blocks, the first of equals.
func (e *Event) stageDue() (s Stage, why string, ok bool) {
	due := Stages(e.model.Graph)
	switch every := uint64(e.cfg.DepthEvery); {
	case every > 0 && (e.info.Number+1)%every == 0:
		why = fmt.Sprintf("every %d events", every)
	case e.cfg.DepthAfter > 0:
		idle := e.info.History.After(e.record).Idle
		due = slices.DeleteFunc(due, func(s Stage) bool {
			return slices.ContainsFunc(s.Sites, func(id SiteID) bool { return idle[id] < e.cfg.DepthAfter })
		})
		why = fmt.Sprintf("none of its sites grew in %d events", e.cfg.DepthAfter)
	default:
		return s, why, false
	}
	if len(due) == 0 {
		return s, why, false
	}
	return slices.MinFunc(due, func(a, b Stage) int { return cmp.Compare(a.Blocks, b.Blocks) }), why, true
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

// conclude makes the outcome of what was decided.
func (e *Event) conclude() {
	e.deepen()
	e.outcome = &Outcome{Model: e.model, Slots: e.slots, Record: e.record}
	if e.wide == nil || e.cfg.DryRun {
		return
	}
	e.outcome.Model, e.outcome.Grown, e.outcome.Slots = e.wide, true, carrySlots(e.model.Graph, e.wide.Graph, e.slots)
}

// carrySlots returns optimizer state for the parameters of a new graph: zero
// where they are new.
func carrySlots(old, new *nn.Graph, slots []optim.Slot) []optim.Slot {
	var out []optim.Slot
	for _, s := range slots {
		out = append(out, optim.Slot{Name: s.Name, Data: Carry(old, new, s.Data)})
	}
	return out
}
