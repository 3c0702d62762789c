package trainer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// pruningSettings grow, prune at 0.4 of the run, and grow again.
func pruningSettings(policy string) Settings {
	set := toySettings()
	set.Train.Epochs = 5
	set.Growth.Policy, set.Growth.MaxNeurons, set.Growth.Until, set.Growth.EverySteps = growth.PolicyRandom, 3, 0.9, 3
	set.Growth.Fix(func(f *growth.Fixed) { f.Follow = 2 })
	set.Prune = prune.Default()
	set.Prune.Policy, set.Prune.At, set.Prune.Gates, set.Prune.Keep, set.Prune.LR = policy, 0.4, 0.2, 0.5, 1
	return set
}

// Growing, pruning and growing again give the same bits wherever a run is taken up, whatever the optimizer, also in the
// middle of the stage of the gates.
func TestPruningIsRestoredAnywhere(t *testing.T) {
	for _, policy := range []string{prune.Magnitude, prune.DNAL} {
		for _, name := range []string{optim.SGD, optim.AdamW, optim.Muon} {
			t.Run(policy+" "+name, func(t *testing.T) {
				t.Parallel()
				set := pruningSettings(policy)
				set.Optimizer.Name = name
				if name != optim.SGD {
					set.Optimizer.Average, set.Optimizer.LR = 0.3, 0.01
				} else {
					set.Optimizer.Births = optim.VarianceTransfer
				}
				whole, told := restoreAnywhere(t, set, toyGraph(4))
				grown, pruned, again := 0, 0, 0
				steps := 0
				for _, a := range told {
					if a.Step != nil {
						steps++
					}
					switch {
					case a.Growth == nil:
					case a.Growth.Decision == growth.Prune:
						pruned++
						if before, after := a.Growth.FLOPsBefore, a.Growth.FLOPsAfter; 2*after > before {
							t.Errorf("%d of %d FLOPs stay", after, before)
						}
						if g := a.Growth.Grown[0]; g.To >= g.From || a.Grown.Generation != proto.Generation(a.Growth.Generation+1) {
							t.Errorf("%+v", a.Growth)
						}
					case len(a.Growth.Grown) > 0 && pruned == 0:
						grown++
					case len(a.Growth.Grown) > 0:
						again++
					}
				}
				if grown == 0 || pruned != 1 || again == 0 || steps != 20 {
					t.Errorf("%d events grew, %d pruned, %d grew again in %d steps", grown, pruned, again, steps)
				}
				if whole.Model().Graph.Validate() != nil || len(whole.Slots()[0].Data) != len(whole.Model().Params) {
					t.Error("model and optimizer do not fit each other")
				}
			})
		}
	}
}

// Weights and optimizer rest while gates learn, nothing grows, and what is evaluated has the gates.
func TestWeightsRestWhileGatesLearn(t *testing.T) {
	set := pruningSettings(prune.DNAL)
	set.Optimizer.Average = 0.3
	tr := newTrainerOf(t, set, toyGraph(4))
	var first []float32
	var velocity []float32
	var learned, moved bool
	run(t, tr, func() bool {
		if tr.at.Gates == nil {
			if first != nil && !tr.done() && tr.at.Prunings != 1 {
				t.Error("the pruning does not count")
			}
			return false
		}
		if first == nil {
			first, velocity = slices.Clone(tr.Model().Params), slices.Clone(tr.Optimizer().Slots()[0].Data)
		}
		if !slices.Equal(tr.ungated.params, first) || !slices.Equal(tr.Optimizer().Slots()[0].Data, velocity) {
			t.Error("weights or velocity moved")
		}
		learned = learned || tr.at.Gates.Sites[0].S[0] != 0
		moved = moved || !slices.Equal(tr.Model().Params, first)
		if tr.Shares() || tr.Weights().Model != tr.Model() {
			t.Error("others update it, or it is evaluated without gates")
		}
		return false
	})
	if !learned || !moved {
		t.Error("no gate learned")
	}
}

// A pruning comes again where it is to, and a run that ends while gates learn is cut all the same.
func TestPruningComesAgainAndEnds(t *testing.T) {
	set := pruningSettings(prune.Magnitude)
	set.Growth.Policy, set.Prune.At, set.Prune.Every, set.Prune.Keep = growth.PolicyNone, 0.2, 0.3, 0.7
	_, told := restoreAnywhere(t, set, toyGraph(16))
	var at []uint64
	for _, a := range told {
		if a.Growth != nil && a.Growth.Decision == growth.Prune {
			at = append(at, a.Growth.Step)
		}
	}
	if !slices.Equal(at, []uint64{4, 10, 16}) {
		t.Errorf("pruned at %v", at)
	}
	set = pruningSettings(prune.DNAL)
	set.Growth.Policy, set.Prune.Keep = growth.PolicyNone, 0.5
	tr := newTrainerOf(t, set, toyGraph(16))
	lines := run(t, tr, func() bool {
		if tr.at.Gates != nil && tr.at.Step == 10 {
			tr.at.Stopped = "the test says so"
			if err := tr.settle(new(Applied)); err != nil {
				t.Fatal(err)
			}
		}
		return false
	})
	if tr.at.Gates != nil || tr.Model().Graph.Node("fc1").Out >= 16 || !strings.Contains(lines[len(lines)-1], "evaluation") {
		t.Errorf("it ends with %+v, %s", tr.at.Gates, lines[len(lines)-1])
	}
}

// What is still to be pruned ends no run, and is no best network.
func TestWhatIsToBePrunedIsNotBest(t *testing.T) {
	set := pruningSettings(prune.DNAL)
	set.Train.TargetAccuracy = 0.01
	set.Callbacks = DefaultCallbacks()
	set.Callbacks.EarlyStopping.Monitor, set.Callbacks.EarlyStopping.RestoreBestWeights = "test_loss", true
	set.Callbacks.EarlyStopping.Patience = 9
	tr := newTrainerOf(t, set, toyGraph(4))
	run(t, tr, never)
	if k := tr.Progress().Monitored; k == nil || k.Step <= 12 || tr.Step() <= 12 {
		t.Errorf("the best is of %+v, the run ended at step %d", k, tr.Step())
	}
}

// What cannot be put together is refused at the start, with what to write.
func TestPruningThatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"set sync.every to 1":         func(s *Settings) { s.Sync = Sync{Every: 2, Replicas: 2, OuterLR: 1}; s.Train.MicroShard = 1 },
		"leave out train.update.rule": func(s *Settings) { s.Train.Update.Rule = RecLRA },
		"make the run longer":         func(s *Settings) { s.Train.Steps = 3 },
		"be less than 1":              func(s *Settings) { s.Prune.At = 0.9 },
		"prune.every":                 func(s *Settings) { s.Prune.Every = 0.1 },
		"prune.policy: dnal":          func(s *Settings) { s.Prune.Policy, s.Prune.Keep = prune.Magnitude, 0 },
	} {
		set := pruningSettings(prune.DNAL)
		change(&set)
		if _, err := New(set, nn.Init(toyGraph(2), 1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	tr := newTrainerOf(t, pruningSettings(prune.DNAL), toyGraph(4))
	run(t, tr, func() bool { return tr.at.Gates != nil })
	at := tr.Progress()
	bad := *at.Gates
	bad.Sites = nil
	for what, f := range map[string]func() (Progress, []optim.Slot){
		"gates":   func() (Progress, []optim.Slot) { p := at; p.Gates = &bad; return p, tr.Slots() },
		"ungated": func() (Progress, []optim.Slot) { return at, tr.Optimizer().Slots() },
	} {
		p, slots := f()
		if _, err := Restore(tr.set, tr.Model().Clone(), slots, tr.Optimizer().Count(), p); err == nil {
			t.Errorf("%s: a checkpoint that does not fit is taken", what)
		}
	}
}

// Local steps prune by magnitude as any run does.
func TestPruningBehindLocalSteps(t *testing.T) {
	set := pruningSettings(prune.Magnitude)
	set.Train.MicroShard, set.Sync = 8, Sync{Every: 2, Replicas: 2, OuterLR: 1}
	_, told := restoreAnywhere(t, set, toyGraph(4))
	if !slices.ContainsFunc(told, func(a Applied) bool { return a.Growth != nil && a.Growth.Decision == growth.Prune }) {
		t.Error(fmt.Sprint("nothing was pruned: ", told))
	}
}
