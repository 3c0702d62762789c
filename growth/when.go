package growth

import "fmt"

// Progress is where a run stands when it asks whether an event is due.
type Progress struct {
	Step   uint64  // steps done
	Epochs uint64  // epochs done, at the end of one; else 0
	Part   float64 // of the run that is done; 0 if unknown
	Params int
	FLOPs  int64
	// Loss is the mean training loss since the last time that an event was due,
	// Before that between the two times before; 0 if there was none.
	Loss, Before float64
	// Unseen is the mean loss of the last evaluation on samples that are not
	// trained on, those of Split; 0 if there was none.
	Unseen float64
	Split  string // validation or test
}

// Schedule is the answer to whether an event takes place: it does where Due is
// set, and is put off where PutOff is. Why is a sentence in either case.
type Schedule struct {
	Due    bool
	PutOff bool
	Why    string
}

// OnTime reports whether an event is due after that many steps, at the end of
// that many epochs (0: within one).
func (c Config) OnTime(steps, epochs uint64) bool {
	switch {
	case c.Policy == PolicyNone:
		return false
	case c.EveryEpochs > 0:
		return epochs > 0 && epochs%uint64(c.EveryEpochs) == 0
	}
	return c.EverySteps > 0 && steps > 0 && steps%uint64(c.EverySteps) == 0
}

// Schedule reports whether an event takes place now, and why or why not.
func (c Config) Schedule(p Progress, h History) Schedule {
	not := func(format string, args ...any) Schedule { return Schedule{Why: fmt.Sprintf(format, args...)} }
	switch {
	case c.Policy == PolicyNone:
		return not("policy none never grows")
	case !c.OnTime(p.Step, p.Epochs):
		return not("between events")
	case h.Events > 0 && h.LastStep >= p.Step:
		return not("the event of this step is over")
	case p.Part > c.Until:
		return not("%.3g of the run are done, growth ends at %g", p.Part, c.Until)
	case c.MaxEvents > 0 && h.Events >= c.MaxEvents:
		return not("%d events have been", h.Events)
	case c.MaxRefusals > 0 && h.Refusals >= c.MaxRefusals:
		return not("nothing grew in %d events in a row", h.Refusals)
	case c.MaxParams > 0 && p.Params >= c.MaxParams:
		return not("%d parameters: the budget is %d", p.Params, c.MaxParams)
	case c.MaxFLOPs > 0 && p.FLOPs >= c.MaxFLOPs:
		return not("%d FLOPs a sample: the budget is %d", p.FLOPs, c.MaxFLOPs)
	}
	if why := c.putOff(p); why != "" {
		return Schedule{PutOff: true, Why: why}
	}
	if c.EveryEpochs > 0 {
		return Schedule{Due: true, Why: fmt.Sprintf("every %d epochs", c.EveryEpochs)}
	}
	return Schedule{Due: true, Why: fmt.Sprintf("every %d steps", c.EverySteps)}
}

// putOff returns why an event that is due has to wait, or nothing.
func (c Config) putOff(p Progress) string {
	if c.Plateau > 0 {
		if p.Before == 0 {
			return fmt.Sprintf("the training loss %.4g has no earlier one to compare with", p.Loss)
		}
		if fall := 1 - p.Loss/p.Before; fall >= c.Plateau {
			return fmt.Sprintf("the training loss still falls, from %.4g to %.4g, that is by %.3g %%; a plateau is less than %.3g %%", p.Before, p.Loss, 100*fall, 100*c.Plateau)
		}
	}
	if gap := p.Unseen - p.Loss; c.MaxGap > 0 && p.Unseen > 0 && gap > c.MaxGap {
		return fmt.Sprintf("the %s loss %.4g is above the training loss %.4g by %.4g, more than max_gap %.4g", p.Split, p.Unseen, p.Loss, gap, c.MaxGap)
	}
	return ""
}
