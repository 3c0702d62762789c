package trainer

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// eventNumber counts the growth events of the run, from 0.
func (t *Trainer) eventNumber() uint64 { return uint64(t.at.Growth.Events) }

// settle starts the growth event that is due and ends the one that is decided.
func (t *Trainer) settle(a *Applied) error {
	if t.done() || t.evalDue() && !t.at.Evaluated || t.at.Considered {
		return nil
	}
	if t.event == nil {
		g := t.model.Graph
		due, _ := t.set.Growth.Due(growth.Progress{Step: t.at.Step, StepsPerEpoch: t.horizon.perEpoch, TotalSteps: t.horizon.total,
			Params: len(t.model.Params), FLOPs: g.FLOPs()}, t.at.Growth)
		if !due {
			t.at.Considered = true
			return nil
		}
		t.event = growth.NewEvent(t.set.Growth, t.model, t.opt.Slots(), growth.EventInfo{
			Number: t.eventNumber(), Step: t.at.Step, Epoch: t.at.Step / t.horizon.perEpoch, Seed: t.set.Train.Seed,
			TrainSamples: t.set.Data.Train, MicroShard: t.set.Train.MicroShard, History: t.at.Growth})
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
	t.event = nil
	t.at.Considered = true
	t.at.Growth = t.at.Growth.After(out.Record)
	a.Growth = out.Record
	a.Grown = &GrownRecord{Kind: "growth", Step: proto.Step(t.at.Step), Generation: t.Generation(), Params: len(t.model.Params),
		Grown: out.Grown, Why: out.Record.Why, Digest: t.Digest().String()}
	return nil
}
