package trainer

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Events returns how many growth events of the run are decided; the next one has
// that number.
func (t *Trainer) Events() uint64 { return uint64(t.at.Growth.Events) }

// GrowthDue reports whether a growth event, or the beginning of a pruning, comes before the next update.
func (t *Trainer) GrowthDue() bool {
	if t.event != nil {
		return true
	}
	return t.learner == nil && !t.done() && !t.at.Considered && t.at.Gates == nil &&
		(t.pruningDue() || t.set.Growth.Schedule(t.progress(), t.at.Growth).Due)
}

// settle starts the growth event that is due and ends the one that is decided, and prunes where that is due.
func (t *Trainer) settle(a *Applied) error {
	if t.at.Gates != nil && t.done() {
		return t.cut(a)
	}
	if _, _, due := t.evaluation(); due || t.done() || t.at.Considered || t.learner != nil {
		return nil
	}
	if t.event == nil {
		if busy, err := t.prune(a); busy || err != nil {
			t.at.Considered = true
			return err
		}
		if s := t.set.Growth.Schedule(t.progress(), t.at.Growth); !s.Due {
			t.at.Considered = true
			return nil
		}
		t.event = growth.NewEvent(t.set.Growth, t.model, t.opt.Slots(), t.set.event(t.at, t.model.Graph))
	}
	if req, _, ok := t.event.Next(); ok {
		job, err := measure.NewJob(t.model.Graph, req, t.set.Train.MicroShard)
		if err != nil {
			return fmt.Errorf("growth round of step %d: %w", t.at.Step, err)
		}
		t.eventSums = job.Len()
		return nil
	}
	return t.conclude(a)
}

// NextEvent describes the growth event that would be next where a run stands
// at a checkpoint with a network g, so that it reads the samples that the run's own would.
func (s Settings) NextEvent(at Progress, g *nn.Graph) (growth.EventInfo, error) {
	s = s.at(at)
	if err := s.Validate(); err != nil {
		return growth.EventInfo{}, err
	}
	return s.event(at, g), nil
}

func (s Settings) event(at Progress, g *nn.Graph) growth.EventInfo {
	total := s.steps()
	info := growth.EventInfo{Number: uint64(at.Growth.Events), Step: at.Step, Epoch: s.epochOf(at.Step), Seed: s.Train.Seed,
		TrainSamples: s.train(), HeldOut: s.Train.Validation, MicroShard: s.Train.MicroShard, History: at.Growth,
		SamplesLeft: float64(float64(total-min(at.Step, total)) * float64(s.Train.Batch)), Part: s.part(at), Budget: s.budget(),
		LR: s.rate(at, g)}
	if s.Train.MaxFLOPs > 0 {
		info.FLOPsLeft = float64(max(s.Train.MaxFLOPs-at.FLOPs, 1) / passes)
	}
	if at.Riding != nil {
		info.Evidence = at.Riding.Evidence(s.Growth.Fixes().Ridge)
	}
	return info
}

// Outlook tells how large the run will make the network, if its policy knows.
func (t *Trainer) Outlook() string { return t.set.Growth.Outlook(t.model.Graph, t.set.budget()) }

// budget returns what the run may spend in all.
func (s Settings) budget() growth.Budget {
	return growth.Budget{Samples: float64(float64(s.steps()) * float64(s.Train.Batch)), FLOPs: s.Train.MaxFLOPs}
}

// conclude takes over what the event decided.
func (t *Trainer) conclude(a *Applied) error {
	out := t.event.Outcome()
	if out.Grown {
		if t.set.Optimizer.Births == optim.VarianceTransfer {
			t.at.Ages = t.at.Ages.After(out.Record, t.at.Growth.Events+1)
		}
		c := t.set.optimizer(t.at)
		opt, err := optim.Restore(c, layoutAged(c, out.Model.Graph, t.at.Ages), t.opt.Count(), out.Slots)
		if err != nil {
			return fmt.Errorf("growth event %d: %w", t.Events(), err)
		}
		if t.average != nil {
			t.average = t.average.carried(t.model, out.Model)
		}
		t.model, t.opt = out.Model, opt
	}
	if a.Health == nil {
		a.Health = t.followed(0) // the neurons of the event before are followed no longer
	}
	if out.Grown && t.set.Growth.Fixes().Follow > 0 {
		t.at.Newborn = growth.NewWatch(out.Record)
	}
	t.event, t.at.Considered = nil, true
	t.at.FLOPs, t.eventFLOPs = t.at.FLOPs+t.eventFLOPs, 0
	if t.spend(0); t.done() { // the budget went into the event: what it made is still to be evaluated
		t.at.Evaluated, t.at.Validated = false, false
	}
	t.end()
	t.changed(a, out.Record, out.Grown)
	return nil
}

// changed takes note of an event that is over, and of whether it changed the network.
func (t *Trainer) changed(a *Applied, r *growth.Record, network bool) {
	t.at.Growth = t.at.Growth.After(r)
	if t.at.Riding != nil {
		t.at.Riding = t.at.Riding.After(t.model.Graph)
	}
	t.collect()
	a.Growth = r
	a.Grown = &GrownRecord{Kind: "growth", Step: proto.Step(t.at.Step), Generation: t.Generation(), Params: len(t.model.Params),
		Grown: network, Why: r.Why, Digest: t.Digest().String()}
}
