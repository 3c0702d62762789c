package trainer

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Settings are the parts of a run's configuration that decide its result.
type Settings struct {
	Train     Config
	Optimizer optim.Config
	Growth    growth.Config
	Prune     prune.Config
	Data      Data
	Callbacks Callbacks
	Sync      Sync
	// Grain is how many parameters are updated and hashed together, on which digests
	// depend; 0: reduce.Chunk, which all runs have.
	Grain reduce.Grain
}

func (s Settings) grain() reduce.Grain { return cmp.Or(s.Grain, reduce.Chunk) }

// Validate returns all faults at once, or nil.
func (s Settings) Validate() error {
	if err := errors.Join(s.Train.Validate(), s.Optimizer.Validate(), s.Growth.Validate(), s.Prune.Validate(),
		CheckGrowth(s.Growth, s.Train), CheckPruning(s.Prune, s.Train, s.Sync), s.Callbacks.Validate(s.Train), s.Sync.Validate(s.Train),
		s.CheckMasks()); err != nil {
		return err
	}
	if held := s.Train.Validation; held > 0 && s.Train.Batch > s.train() {
		return fmt.Errorf("batch %d, %d samples held out for validation: the data set has %d training samples: lower --validation or "+
			"--batch", s.Train.Batch, held, s.Data.Train)
	}
	if s.Train.Batch > s.Data.Train {
		return fmt.Errorf("batch %d: the data set has %d training samples: lower --batch", s.Train.Batch, s.Data.Train)
	}
	if every, all := s.Sync.Every, s.perEpoch(); uint64(every) > max(all, 1) {
		return fmt.Errorf("sync.every %d: an epoch has %d steps, and no replica goes on alone from one to the next: lower sync.every or "+
			"--batch", every, all)
	}
	return s.checkStages()
}

// CheckGrowth returns an error if a run that trains as t cannot grow as c says.
func CheckGrowth(c growth.Config, t Config) error {
	if c.Policy == growth.PolicyHypergrad && t.Update.Rule == RecLRA {
		return fmt.Errorf("growth.policy %s, train.update.rule %s: hypergradients are made of gradients of the loss: leave out "+
			"train.update.rule, or set growth.policy to %s", c.Policy, t.Update.Rule, growth.PolicyCompute)
	}
	return nil
}

// CheckPruning returns an error if a run that trains as t and puts together as s says cannot prune as c says.
func CheckPruning(c prune.Config, t Config, s Sync) error {
	switch {
	case c.Policy == prune.DNAL && t.Update.Rule == RecLRA:
		return fmt.Errorf("prune.policy %s, train.update.rule %s: gates learn from gradients: leave out train.update.rule, or set "+
			"prune.policy to %s", c.Policy, t.Update.Rule, prune.Magnitude)
	case c.Policy == prune.DNAL && s.local():
		return fmt.Errorf("prune.policy %s, sync.every %d: gates learn from the gradient of each step: set sync.every to 1, or "+
			"prune.policy to %s", c.Policy, s.Every, prune.Magnitude)
	}
	return nil
}

// checkStages returns an error if the stages of pruning have no step of their own.
func (s Settings) checkStages() error {
	from, to, ok := s.Prune.Begins(0)
	if !ok || s.Train.MaxFLOPs > 0 {
		return nil
	}
	if steps := float64(s.steps()); float64((1-to)*steps) < 1 || to > from && float64((to-from)*steps) < 1 {
		return fmt.Errorf("prune.at %v, prune.gates %v: a run of %v steps has none for gates, or none behind them: lower prune.at, or "+
			"make the run longer", s.Prune.At, s.Prune.Gates, steps)
	}
	return nil
}

// train returns the number of samples to train with.
func (s Settings) train() int { return s.Data.Train - s.Train.Validation }

// order returns o with the seed of this run and its number of validation samples.
func (s Settings) order(o proto.Order) proto.Order {
	o.Seed, o.Held = s.Train.Seed, uint64(s.Train.Validation)
	return o
}
