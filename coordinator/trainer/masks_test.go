package trainer

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// maskedToy finds masks in the first half of 12 steps.
func maskedToy(until float64) Settings {
	s := toySettings()
	s.Growth.Policy = growth.PolicyNone
	s.Train.Masks = DefaultMasks()
	s.Train.Masks.Until = until
	return s
}

// The gradient at scores is that of the network whose masks are the sigmoids themselves, by finite differences of its
// loss.
func TestScoresHaveTheGradientOfTheSoftMask(t *testing.T) {
	const temperature = 0.7
	g := toyGraph(5)
	m := nn.Init(g, 3)
	k := newMasks(m, 3)
	program, err := nn.Compile(g, 16, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, w := program.NewBatch(), program.NewWorkspace()
	fillToy(b, proto.Order{Split: "train", Stream: "epoch", Seed: 1}, 0, 16)
	soft := func() []float32 {
		params := slices.Clone(m.Params)
		for _, r := range k.of {
			for i := r.Lo; i < r.Hi; i++ {
				params[i] = float32(float64(k.fixed[i]) / (1 + math.Exp(-float64(k.scores[i])/temperature)))
			}
		}
		return params
	}
	loss := func() float64 {
		w.Forward(program.Pack(nil, soft()), m.Buffers, b, nn.Train)
		return w.Loss().Loss
	}
	loss()
	grad := make([]float32, len(m.Params))
	w.Backward(grad)
	got := slices.Clone(k.scored(grad, temperature))
	seen := 0
	for _, r := range k.of {
		for i := r.Lo; i < r.Hi; i++ {
			const step = 0.02
			was := k.scores[i]
			k.scores[i] = was + step
			up := loss()
			k.scores[i] = was - step
			down := loss()
			k.scores[i] = was
			seen++
			if want := (up - down) / (2 * step); math.Abs(float64(got[i])-want) > 2e-3 {
				t.Errorf("score %d: %v, finite differences %v", i, got[i], want)
			}
			got[i] = 0
		}
	}
	if seen != 4*5+5*3 || slices.ContainsFunc(got, func(v float32) bool { return v != 0 }) {
		t.Errorf("%d scores, and %v of what has none", seen, got)
	}
}

// While masks are found, the network is the drawn weights under the mask, and scores take the steps of a plain loop; then
// masks stay and only what they keep is trained, by an optimizer that begins anew.
func TestMaskedRunIsAPlainLoop(t *testing.T) {
	s := maskedToy(0.5)
	tr := newToyOf(t, s)
	scores, fixed := slices.Clone(tr.masks.scores), slices.Clone(tr.masks.fixed)
	velocity := make([]float64, len(scores))
	step := 0
	run(t, tr, func() bool {
		r, ok := tr.Next()
		if !ok || r.Kind != proto.Gradient || int(r.Step) != step {
			return false
		}
		if step++; step > 6 {
			return false
		}
		grad := compute(tr, r, proto.Root(r.MicroShards())).F32
		part := float64(r.Step) / 12
		temperature := math.Pow(0.1, part/0.5)
		lr := 10 * 0.5 * (1 + math.Cos(math.Pi*part))
		for _, of := range tr.masks.of {
			for i := of.Lo; i < of.Hi; i++ {
				if got := tr.masks.scores[i]; math.Abs(float64(got-scores[i])) > 1e-5 {
					t.Fatalf("step %d: score %d is %v, want %v", step, i, got, scores[i])
				}
				want := float32(0)
				if scores[i] > 0 {
					want = fixed[i]
				}
				if got := tr.Model().Params[i]; got != want {
					t.Fatalf("step %d: weight %d is %v, want %v", step, i, got, want)
				}
				p := 1 / (1 + math.Exp(-float64(scores[i])/temperature))
				velocity[i] = 0.9*velocity[i] + float64(grad[i])/50*float64(fixed[i])*p*(1-p)/temperature
				scores[i] -= float32(lr * velocity[i])
			}
		}
		return false
	})
	if step != 12 || !tr.Progress().Masked || tr.Optimizer().Count() != 6 {
		t.Fatalf("%d steps, %d updates, %+v", step, tr.Optimizer().Count(), tr.Progress())
	}
	trained := 0
	for _, of := range tr.masks.of {
		for i := of.Lo; i < of.Hi; i++ {
			if got, counts := tr.Model().Params[i], tr.masks.scores[i] > 0; !counts && got != 0 {
				t.Errorf("weight %d does not count and is %v", i, got)
			} else if counts && got != fixed[i] && got != 0 {
				trained++
			}
		}
	}
	weights := toyGraph(2).NumParams() - 2 - 3 - 4 // but for biases and the normalisation
	if kept, ok := tr.Masks(); !ok || kept <= 0 || kept >= 1 || math.Abs(float64(trained)-kept*float64(weights)) > 1e-6 {
		t.Errorf("%d weights of %d trained, %v kept", trained, weights, kept)
	}
}

// Structure alone: nothing but scores changes, to the end, whatever the optimizer of weights.
func TestStructureAlone(t *testing.T) {
	s := maskedToy(1)
	s.Optimizer.Name = optim.Muon
	tr := newToyOf(t, s)
	fixed := slices.Clone(tr.masks.fixed)
	lines := run(t, tr, never)
	for i, v := range tr.Model().Params {
		if v != 0 && v != fixed[i] {
			t.Errorf("parameter %d is %v, was drawn as %v", i, v, fixed[i])
		}
	}
	if tr.Progress().Masked || !slices.Equal(tr.masks.fixed, fixed) || !strings.Contains(lines[len(lines)-1], `"kept":0.`) {
		t.Errorf("%+v, %s", tr.Progress(), lines[len(lines)-1])
	}
}

// A run that is taken up from a checkpoint of any step ends with the same digests, with every optimizer.
func TestMaskedRunResumes(t *testing.T) {
	for _, name := range []string{optim.SGD, optim.AdamW, optim.Muon} {
		s := maskedToy(0.5)
		s.Optimizer.Name = name
		whole := newToyOf(t, s)
		want := run(t, whole, never)
		for _, at := range []proto.Step{0, 3, 5, 6, 7, 11} {
			tr := newToyOf(t, s)
			run(t, tr, func() bool { return tr.Step() == at })
			var slots []optim.Slot
			for _, slot := range tr.Slots() {
				slots = append(slots, optim.Slot{Name: slot.Name, Data: slices.Clone(slot.Data)})
			}
			text, _ := json.Marshal(tr.Progress())
			var progress Progress
			if err := json.Unmarshal(text, &progress); err != nil {
				t.Fatal(err)
			}
			again, err := Restore(s, tr.Model().Clone(), slots, tr.Optimizer().Count(), progress)
			if err != nil {
				t.Fatal(name, at, err)
			}
			if again.Digest() != tr.Digest() {
				t.Errorf("%s, step %d: another digest when taken up", name, at)
			}
			rest := run(t, again, never)
			if !slices.Equal(rest, want[len(want)-len(rest):]) || again.Digest() != whole.Digest() {
				t.Errorf("%s, step %d: another end when taken up", name, at)
			}
			if _, err := Restore(s, tr.Model(), slots[:len(slots)-1], tr.Optimizer().Count(), progress); err == nil {
				t.Errorf("%s: a checkpoint without its masks is taken", name)
			}
		}
	}
}

func TestMasksFaults(t *testing.T) {
	for want, change := range map[string]func(*Settings){
		"masks.until 2: must be 0 to 1":        func(s *Settings) { s.Train.Masks.Until = 2 },
		"masks.lr 0: must be above 0":          func(s *Settings) { s.Train.Masks.LR = 0 },
		"masks.end_temperature -1":             func(s *Settings) { s.Train.Masks.EndTemperature = -1 },
		"only with masks.until above 0":        func(s *Settings) { s.Train.Masks.Until, s.Train.Masks.LR = 0, 3 },
		"--from names trained ones":            func(s *Settings) { s.Train.From = strings.Repeat("ab", 32) },
		"scores need the gradient of the loss": func(s *Settings) { s.Train.Update.Rule = RecLRA },
		"set growth.policy to none":            func(s *Settings) { s.Growth.Policy = growth.PolicyTiny },
		"set prune.policy to none":             func(s *Settings) { s.Prune = prune.Default(); s.Prune.Policy = prune.Magnitude },
		"set sync.every to 1":                  func(s *Settings) { s.Sync = localToy().Sync },
		"set optim.average to 0":               func(s *Settings) { s.Optimizer.Average = 0.1 },
		"early_stopping.restore_best_weights":  func(s *Settings) { s.Callbacks.EarlyStopping.RestoreBestWeights = true },
	} {
		s := maskedToy(0.5)
		if change(&s); s.Validate() == nil || !strings.Contains(s.Validate().Error(), want) {
			t.Errorf("%v, want %s", s.Validate(), want)
		}
	}
	if s := maskedToy(0.5); s.Validate() != nil {
		t.Error(s.Validate())
	}
}
