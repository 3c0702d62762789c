package trainer

import (
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// eventNumber counts the growth events of the run, from 0.
func (t *Trainer) eventNumber() uint64 { return uint64(t.at.Growth.Events) }

// settle starts the growth event that is due and ends the one that is decided.
func (t *Trainer) settle(a *Applied) error {
	if _, _, due := t.evaluation(); due || t.done() || t.at.Considered {
		return nil
	}
	if t.event == nil {
		at := growth.Progress{Step: t.at.Step, Epochs: t.epochsDone(), Part: t.part(),
			Params: len(t.model.Params), FLOPs: t.model.Graph.FLOPs(),
			Loss: t.at.Since.MeanLoss(), Before: t.at.Before.MeanLoss(), Unseen: t.at.Test.MeanLoss(), Split: "test"}
		if t.set.Train.Validation > 0 {
			at.Unseen, at.Split = t.at.Validation.MeanLoss(), "validation"
		}
		s := t.set.Growth.Schedule(at, t.at.Growth)
		if s.PutOff {
			a.PutOff = &PutOffRecord{Kind: "growth_put_off", Step: t.Step(), Why: s.Why}
		}
		if !s.Due {
			t.considered()
			return nil
		}
		t.event = growth.NewEvent(t.set.Growth, t.model, t.opt.Slots(), t.set.event(t.at))
	}
	if req, _, ok := t.event.Next(); ok {
		job, err := growth.NewJob(t.model.Graph, req, t.set.Train.MicroShard)
		if err != nil {
			return fmt.Errorf("growth round of step %d: %w", t.at.Step, err)
		}
		t.eventSums = job.Len()
		return nil
	}
	return t.conclude(a)
}

// NextEvent describes the growth event that would be next where a run stands
// at a checkpoint, so that it reads the samples that the run's own would.
func (s Settings) NextEvent(at Progress) (growth.EventInfo, error) {
	s = s.at(at)
	if at.Lap.Batch == 0 {
		at.Lap = s.first()
	}
	if err := errors.Join(s.Validate(), s.check(at.Lap, at.Step)); err != nil {
		return growth.EventInfo{}, err
	}
	return s.event(at), nil
}

func (s Settings) event(at Progress) growth.EventInfo {
	total := s.steps(at.Lap)
	info := growth.EventInfo{Number: uint64(at.Growth.Events), Step: at.Step, Epoch: at.Lap.Epoch, Seed: s.Train.Seed,
		TrainSamples: s.train(), HeldOut: s.Train.Validation, MicroShard: s.Train.MicroShard, History: at.Growth,
		SamplesLeft: float64(float64(total-min(at.Step, total)) * float64(at.Lap.Batch))}
	if s.Train.MaxFLOPs > 0 {
		info.FLOPsLeft = float64(max(s.Train.MaxFLOPs-at.FLOPs, 1) / passes)
	}
	return info
}

// epochsDone returns the number of epochs if one has just ended, else 0.
func (t *Trainer) epochsDone() uint64 {
	if t.at.Step > t.at.Lap.Began {
		return 0
	}
	return t.at.Lap.Epoch
}

// considered ends the consideration of growth at this step.
func (t *Trainer) considered() {
	t.at.Considered = true
	if t.set.Growth.OnTime(t.at.Step, t.epochsDone()) {
		t.at.Before, t.at.Since = t.at.Since, Tally{}
	}
}

// conclude takes over what the event decided.
func (t *Trainer) conclude(a *Applied) error {
	out := t.event.Outcome()
	if out.Grown {
		opt, err := optim.Restore(t.set.Optimizer, len(out.Model.Params), t.opt.Count(), out.Slots)
		if err != nil {
			return fmt.Errorf("growth event %d: %w", t.eventNumber(), err)
		}
		t.model, t.opt = out.Model, opt
	}
	if a.Health == nil {
		a.Health = t.followed(0) // the neurons of the event before are followed no longer
	}
	if out.Grown && t.set.Growth.Follow > 0 {
		t.at.Newborn = growth.NewWatch(out.Record)
	}
	if out.Grown && t.set.Growth.WarmUp > 0 {
		t.at.Warming = growth.NewWarming(out.Record)
	}
	t.event = nil
	t.considered()
	t.at.FLOPs, t.eventFLOPs = t.at.FLOPs+t.eventFLOPs, 0
	if t.spend(0); t.done() { // the budget went into the event: what it made is still to be evaluated
		t.at.Evaluated, t.at.Validated = false, false
	}
	t.at.Growth = t.at.Growth.After(out.Record)
	a.Growth = out.Record
	a.Grown = &GrownRecord{Kind: "growth", Step: proto.Step(t.at.Step), Generation: t.Generation(), Params: len(t.model.Params),
		Grown: out.Grown, Why: out.Record.Why, Digest: t.Digest().String()}
	return nil
}
