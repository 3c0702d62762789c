package trainer

import "github.com/tinygrow/tinygrow/growth"

// Ahead is what a run still has to do if it does not end early and its batch
// stays: no more than that, because events are put off or ended by limits.
type Ahead struct {
	Samples           int // of steps
	Events            int // of growth
	EventSamples      int // of each event
	EvaluationSamples int // of all evaluations
}

// Ahead returns what is still to be done.
func (t *Trainer) Ahead() Ahead {
	left := t.Steps() - min(t.at.Step, t.Steps())
	g := t.set.Growth
	return Ahead{Samples: int(left) * t.at.Lap.Batch, Events: t.eventsAhead(), EventSamples: g.StatisticsSamples + g.NewbornSamples + g.AmplitudeSamples,
		EvaluationSamples: t.evaluationsAhead()}
}

// eventsAhead counts the times that an event is due before growth or the run ends.
func (t *Trainer) eventsAhead() int {
	g, total := t.set.Growth, t.Steps()
	every, origin := int64(g.EverySteps), int64(0)
	if g.EveryEpochs > 0 {
		per := int64(t.set.perEpoch(t.at.Lap))
		every = int64(g.EveryEpochs) * per
		origin = int64(t.at.Lap.Began) - int64(t.at.Lap.Epoch)%int64(g.EveryEpochs)*per - every // a time before this epoch
	}
	over := g.MaxEvents > 0 && t.at.Growth.Events >= g.MaxEvents || g.MaxRefusals > 0 && t.at.Growth.Refusals >= g.MaxRefusals
	if g.Policy == growth.PolicyNone || every == 0 || over {
		return 0
	}
	done, last := int64(t.at.Step), min(int64(g.Until*float64(total)), int64(total)-1) // none follows the last step
	if !t.at.Considered && done > 0 {
		done-- // that of this step is still to come
	}
	n := 0
	if last > done {
		n = int((last-origin)/every - (done-origin)/every)
	}
	if g.MaxEvents > 0 {
		n = min(n, g.MaxEvents-t.at.Growth.Events)
	}
	return n
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
	if every := t.set.evalEvery(t.at.Lap); every > 0 {
		n = int((total - from) / every)
		from += uint64(n) * every
	}
	if from < total {
		n++
	}
	return n*each + last
}
