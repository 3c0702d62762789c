package trainer

// Ahead is what a run still has to do if it does not end early: no more
// than that, because events are ended by limits.
type Ahead struct {
	Samples           int // samples of all steps
	Events            int // growth events
	EventSamples      int // samples of each event
	EvaluationSamples int // samples of all evaluations
}

// Ahead returns what is still to be done.
func (t *Trainer) Ahead() Ahead {
	left := t.Steps() - min(t.at.Step, t.Steps())
	g := t.set.Growth
	return Ahead{Samples: int(left) * t.set.Train.Batch, Events: t.eventsAhead(), EventSamples: g.Fixes().Samples.All(),
		EvaluationSamples: t.evaluationsAhead()}
}

// eventsAhead counts the times that an event is due before growth or the run ends.
func (t *Trainer) eventsAhead() int {
	g, total := t.set.Growth, t.Steps()
	every := int64(max(g.EverySteps, t.set.Sync.Every))
	if !g.Grows() || g.GivenUp(t.at.Growth) {
		return 0
	}
	done, last := int64(t.at.Step), min(int64(g.Until*float64(total)), int64(total)-1) // none follows the last step
	if !t.at.Considered && done > 0 {
		done-- // the event of this step is still to come
	}
	if last <= done {
		return 0
	}
	return int(last/every - done/every)
}

// evaluationsAhead counts the samples of evaluations: every so many steps, and
// at the end.
func (t *Trainer) evaluationsAhead() int {
	each, last := t.set.Data.Test, 0
	if t.set.Train.Validation > 0 {
		each, last = t.set.Train.Validation, t.set.Data.Test
	}
	total := t.Steps()
	from := min(t.at.EvalStep, total)
	n := 0
	if every := t.set.evalEvery(); every > 0 {
		n = int((total - from) / every)
		from += uint64(n) * every
	}
	if from < total {
		n++
	}
	return n*each + last
}
