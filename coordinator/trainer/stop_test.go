package trainer

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func decoded(t *testing.T, lines []string) (out []Applied) {
	for _, line := range lines {
		var a Applied
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// What a run has spent is three forward passes for every sample of a gradient
// and of an event, at the size that the network has then. It ends at the first
// step or event that spends the budget, with an evaluation, and the learning rate ends there too.
func TestBudgetOfFLOPs(t *testing.T) {
	t.Run("step", func(t *testing.T) { budgetOfFLOPs(t, 0.8, false) })
	t.Run("event", func(t *testing.T) { budgetOfFLOPs(t, 0.6, true) })
}

// budgetOfFLOPs trains with that part of what a run without a budget spends.
func budgetOfFLOPs(t *testing.T, part float64, inEvent bool) {
	set := toySettings()
	whole := newToyOf(t, set)
	run(t, whole, never)
	set.Train.MaxFLOPs = part * whole.Progress().FLOPs
	tr := newToyOf(t, set)
	if tr.Steps() <= 4 || tr.Steps() > whole.Steps() {
		t.Errorf("%d steps foreseen of %d", tr.Steps(), whole.Steps())
	}
	lines := decoded(t, run(t, tr, never))
	forward := float64(toyGraph(2).FLOPs()) // of a sample
	var spent, lr float64
	for i, a := range lines {
		if a.Step != nil {
			if spent >= set.Train.MaxFLOPs {
				t.Errorf("step %d after the budget was spent", a.Step.Step)
			}
			spent += 3 * forward * float64(a.Step.Samples)
			lr = a.Step.LR
		}
		if a.Growth != nil {
			for _, r := range a.Growth.Rounds {
				spent += 3 * forward * float64(r.Samples)
			}
			forward = float64(a.Growth.FLOPsAfter)
		}
		if last := i == len(lines)-1; last && (a.Eval == nil || a.Eval.Step != tr.Step()) {
			t.Errorf("the run does not end with an evaluation: %+v", a)
		}
	}
	at := tr.Progress()
	if math.Abs(at.FLOPs/spent-1) > 1e-9 || spent < set.Train.MaxFLOPs {
		t.Errorf("%v FLOPs spent, want %v, of %v", at.FLOPs, spent, set.Train.MaxFLOPs)
	}
	if uint64(tr.Step()) >= whole.Steps() || tr.Steps() != uint64(tr.Step()) || !strings.Contains(at.Stopped, "FLOPs is spent") {
		t.Errorf("step %d of %d: %q", tr.Step(), tr.Steps(), at.Stopped)
	}
	if last := lines[len(lines)-2]; (last.Growth != nil) != inEvent {
		t.Errorf("before the last evaluation: %+v", last)
	}
	if first := optim.Default().LR; lr > first/3 && !inEvent {
		t.Errorf("the learning rate ends at %v, from %v", lr, first)
	}
}

// A budget that is not used up changes nothing but the learning rate's way.
func TestBudgetThatIsTooLarge(t *testing.T) {
	set := toySettings()
	set.Optimizer.Schedule = optim.Constant
	want := newToyOf(t, set)
	run(t, want, never)
	set.Train.MaxFLOPs = 2 * want.Progress().FLOPs
	got := newToyOf(t, set)
	run(t, got, never)
	if got.Digest() != want.Digest() || got.Progress().Stopped != "" {
		t.Errorf("%q", got.Progress().Stopped)
	}
}

func TestTargetAccuracy(t *testing.T) {
	set := toySettings()
	tr := newToyOf(t, set)
	var best float64
	for _, a := range decoded(t, run(t, tr, never)) {
		if a.Eval != nil {
			best = max(best, a.Eval.Accuracy)
		}
	}
	set.Train.TargetAccuracy = best
	tr = newToyOf(t, set)
	lines := decoded(t, run(t, tr, never))
	for i, a := range lines {
		if reached := a.Eval != nil && a.Eval.Accuracy >= best; reached != (i == len(lines)-1) {
			t.Errorf("line %d of %d: %+v", i+1, len(lines), a.Eval)
		}
	}
	if uint64(tr.Step()) < tr.Steps() && !strings.Contains(tr.Progress().Stopped, "has reached the target") {
		t.Errorf("%q", tr.Progress().Stopped)
	}
	set.Train.EvalEpochs = 0
	if _, err := New(set, nn.Init(toyGraph(2), 1)); err == nil || !strings.Contains(err.Error(), "eval_epochs") {
		t.Errorf("a target that is never looked at: %v", err)
	}
}

// With a budget a run tells the same lines from
// wherever it is restored, also in the middle of an event.
func TestBudgetIsRestored(t *testing.T) {
	set := toySettings()
	set.Train.MaxFLOPs = 8e4
	set.Growth.EverySteps, set.Growth.Until = 2, 1
	set.Growth.Policy = growth.PolicyRandom
	whole, told := restoreAnywhere(t, set, toyGraph(2))
	if whole.Progress().Stopped == "" {
		t.Errorf("the budget was not spent: %v", whole.Progress().FLOPs)
	}
	if !slices.ContainsFunc(told, func(a Applied) bool { return a.Growth != nil }) {
		t.Error("nothing grew")
	}
}

// Samples held out are read by no step and no event; evaluations read them, and
// the test samples only at the end. A target that they reach ends the run.
func TestValidation(t *testing.T) {
	set := toySettings()
	set.Train.Validation = 60
	tr := newToyOf(t, set)
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	var evaluations []string
	for {
		r, ok := tr.Next()
		if !ok {
			break
		}
		if r.Order.Held != 60 || r.Order.Seed != set.Train.Seed {
			t.Fatalf("%s round of step %d: order %+v", r.Kind, r.Step, r.Order)
		}
		if r.Order.Split == "train" && r.Offset+r.Count > 150 {
			t.Fatalf("%s round of step %d reads %d samples from %d", r.Kind, r.Step, r.Count, r.Offset)
		}
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if e := a.Eval; e != nil {
			evaluations = append(evaluations, fmt.Sprint(e.Split, " ", e.Step, " ", e.Samples))
		}
	}
	if got, want := strings.Join(evaluations, ", "), "validation 3 60, validation 6 60, validation 9 60, test 9 70"; got != want {
		t.Errorf("evaluations %s, want %s", got, want)
	}
	if at := tr.Progress(); at.Growth.Events == 0 || at.Validation.Samples != 60 || at.Test.Samples != 70 {
		t.Errorf("progress %+v", at)
	}
	restoreAnywhere(t, set, toyGraph(2))

	set.Train.TargetAccuracy = 0.01
	tr = newToyOf(t, set)
	lines := decoded(t, run(t, tr, never))
	if last := lines[len(lines)-1]; tr.Step() != 3 || last.Eval == nil || last.Eval.Split != "test" || !strings.Contains(tr.Progress().Stopped, "its validation accuracy") {
		t.Errorf("step %d, %q, %+v", tr.Step(), tr.Progress().Stopped, last.Eval)
	}

	set.Train.TargetAccuracy, set.Train.EvalEpochs, set.Data.Test = 0, 0, 0
	tr = newToyOf(t, set)
	lines = decoded(t, run(t, tr, never))
	if last := lines[len(lines)-1]; last.Eval == nil || last.Eval.Split != "validation" || tr.Progress().Test.Samples > 0 {
		t.Errorf("without test samples: %+v", last.Eval)
	}

	set.Train.Validation = 180
	if _, err := New(set, nn.Init(toyGraph(2), 1)); err == nil || !strings.Contains(err.Error(), "lower --validation or --batch") {
		t.Errorf("error %v", err)
	}
}

// A trapezoid's corner is a part of the budget: the rate is held for as long as less than that part is spent, with and
// without growth in between, and has all but reached its end when the budget has.
func TestTrapezoidFollowsTheBudget(t *testing.T) {
	set := toySettings()
	set.Optimizer.Schedule, set.Optimizer.Hold = optim.Trapezoid, 0.5
	whole := newToyOf(t, set)
	run(t, whole, never)
	set.Train.MaxFLOPs, set.Train.Epochs = whole.Progress().FLOPs, 100
	tr := newToyOf(t, set)
	peak, held, fell := set.Optimizer.LR, 0, 0
	var last float64
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	for {
		r, ok := tr.Next()
		if !ok {
			break
		}
		part := tr.Progress().FLOPs / set.Train.MaxFLOPs
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if a.Step == nil {
			continue
		}
		want := peak * min(1, 2*(1-part))
		if last = a.Step.LR; math.Abs(last-want) > peak/12 { // the length is foreseen in whole steps, of which there are some twelve
			t.Errorf("step %d, with %.2f spent: rate %v, want %v", a.Step.Step, part, last, want)
		}
		if want == peak {
			held++
		} else {
			fell++
		}
	}
	if held < 3 || fell < 3 || last > 0.3*peak {
		t.Errorf("%d steps held, %d fell, to %v", held, fell, last)
	}
}
