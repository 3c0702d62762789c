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
	Made   uint64  // how many of them the last update stands for; 0 stands for 1
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
	case at.Step == 0 || at.Step/uint64(c.EverySteps) == (at.Step-min(max(at.Made, 1), at.Step))/uint64(c.EverySteps):
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
	case c.GivenUp(h):
		return fmt.Sprintf("nothing grew in %d events in a row", h.Refusals)
	case h.Ended != "":
		return fmt.Sprintf("growth ended at step %d: %s", h.LastStep, h.Ended)
	case c.MaxParams > 0 && p.Params >= c.MaxParams:
		return fmt.Sprintf("%d parameters: the budget is %d", p.Params, c.MaxParams)
	case c.MaxFLOPs > 0 && p.FLOPs >= c.MaxFLOPs:
		return fmt.Sprintf("%d FLOPs a sample: the budget is %d", p.FLOPs, c.MaxFLOPs)
	}
	return ""
}

// GivenUp reports whether so many events in a row grew nothing that growth is over.
func (c Config) GivenUp(h History) bool {
	most := c.Fixes().MaxRefusals
	return most > 0 && h.Refusals >= most
}

// Collects reports whether statistics ride along with some gradient rounds where a
// run stands: as long as another event may take place.
func (c Config) Collects(p Progress, h History) bool {
	return c.Riding > 0 && c.Grows() && c.over(p, h) == ""
}

// Ride says what rides along with the round behind so many updates of a run that
// collects statistics, each of which stands for so many steps; ok is false if nothing does.
func (c Config) Ride(update, steps uint64) (r Ride, ok bool) {
	every := max(1, uint64(portable.Int(math.Round(1/float64(c.Riding*float64(steps))))))
	return Ride{every, update / every}, update%every == 0
}
