package growth

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Progress is where a run stands when it asks whether an event is due.
type Progress struct {
	Step   uint64  // steps done
	Part   float64 // share of the run that is done; 0 if unknown
	Params int
	FLOPs  int64
	Graph  *nn.Graph
	Budget Budget
}

// Schedule is the answer to whether an event takes place. Why is a sentence in
// either case.
type Schedule struct {
	Due bool
	Why string
}

// Schedule reports whether an event takes place now, and why or why not.
func (c Config) Schedule(at Progress, h History) Schedule {
	switch {
	case !c.Grows():
		return Schedule{Why: fmt.Sprintf("policy %s never grows", c.Policy)}
	case at.Step == 0 || at.Step%uint64(c.EverySteps) != 0:
		return Schedule{Why: "between events"}
	case h.Events > 0 && h.LastStep >= at.Step:
		return Schedule{Why: "the event of this step is over"}
	}
	if why := c.over(at, h); why != "" {
		return Schedule{Why: why}
	}
	if p, ok := policies[c.Policy].(patient); ok {
		if why := p.due(&c, at); why != "" {
			return Schedule{Why: why}
		}
	}
	return Schedule{Due: true, Why: fmt.Sprintf("every %d steps", c.EverySteps)}
}

// over says why no event will take place any more, or nothing if one may.
func (c Config) over(p Progress, h History) string {
	switch {
	case p.Part > c.Until:
		return fmt.Sprintf("%.3g of the run are done, growth ends at %g", p.Part, c.Until)
	case c.MaxRefusals > 0 && h.Refusals >= c.MaxRefusals:
		return fmt.Sprintf("nothing grew in %d events in a row", h.Refusals)
	case c.MaxParams > 0 && p.Params >= c.MaxParams:
		return fmt.Sprintf("%d parameters: the budget is %d", p.Params, c.MaxParams)
	case c.MaxFLOPs > 0 && p.FLOPs >= c.MaxFLOPs:
		return fmt.Sprintf("%d FLOPs a sample: the budget is %d", p.FLOPs, c.MaxFLOPs)
	}
	return ""
}

// Collects reports whether statistics ride along with some gradient rounds where a
// run stands: as long as another event may take place.
func (c Config) Collects(p Progress, h History) bool {
	return c.Riding > 0 && c.Grows() && c.over(p, h) == ""
}

// Ride says what rides along with the gradient round behind so many steps of a run
// that collects statistics; ok is false if nothing does.
func (c Config) Ride(step uint64) (r Ride, ok bool) {
	every := max(1, uint64(portable.Int(math.Round(1/c.Riding))))
	return Ride{every, step / every}, step%every == 0
}
