package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/nn"
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
	not := func(format string, args ...any) Schedule { return Schedule{Why: fmt.Sprintf(format, args...)} }
	switch {
	case !c.Grows():
		return not("policy %s never grows", c.Policy)
	case at.Step == 0 || at.Step%uint64(c.EverySteps) != 0:
		return not("between events")
	case h.Events > 0 && h.LastStep >= at.Step:
		return not("the event of this step is over")
	case at.Part > c.Until:
		return not("%.3g of the run are done, growth ends at %g", at.Part, c.Until)
	case c.MaxRefusals > 0 && h.Refusals >= c.MaxRefusals:
		return not("nothing grew in %d events in a row", h.Refusals)
	case c.MaxParams > 0 && at.Params >= c.MaxParams:
		return not("%d parameters: the budget is %d", at.Params, c.MaxParams)
	case c.MaxFLOPs > 0 && at.FLOPs >= c.MaxFLOPs:
		return not("%d FLOPs a sample: the budget is %d", at.FLOPs, c.MaxFLOPs)
	}
	if p, ok := policies[c.Policy].(patient); ok {
		if why := p.due(&c, at); why != "" {
			return not("%s", why)
		}
	}
	return Schedule{Due: true, Why: fmt.Sprintf("every %d steps", c.EverySteps)}
}
