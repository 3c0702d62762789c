package trainer

import (
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/parallel"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// MasksConfig lets a run find which connections a network has before it trains their weights
// ([disentangling], arXiv 2009.05346, of which the abstract alone was read: the rest is a reading of ours).
//
// Every weight w of a layer is drawn and stays as it is. It has a score s, and counts if sigmoid(s/T) > 1/2. The
// gradient of a score is that of the weight as it counts, taken as if the mask were the sigmoid itself
// (straight through): dL/ds = dL/d(mask w) w sigmoid'(s/T) / T. The temperature T falls by the same factor each step.
// Biases and normalisations stay as they begin. Once the part Until of the run is done, masks
// stay, and the weights that they keep, biases and normalisations are trained as in any other run.
type MasksConfig struct {
	// Until is the part of the run in which masks are found; 0: there are none, 1: weights are never trained.
	Until float64 `yaml:"until" json:"until,omitempty"`
	// LR is the learning rate of scores, by SGD with a momentum of 0.9, times what the schedule makes of
	// Optimizer.LR.
	LR float64 `yaml:"lr" json:"lr,omitempty"`
	// Temperature is T at the first step, EndTemperature at the part Until.
	Temperature    float64 `yaml:"temperature" json:"temperature,omitempty"`
	EndTemperature float64 `yaml:"end_temperature" json:"end_temperature,omitempty"`
}

// DefaultMasks returns no masks, and what they begin with.
func DefaultMasks() MasksConfig { return MasksConfig{LR: 10, Temperature: 1, EndTemperature: 0.1} }

// check says what is wrong.
func (m MasksConfig) check(found *faults.List, c Config) {
	if m == (MasksConfig{}) {
		return
	}
	found.Check(m.Until >= 0 && m.Until <= 1, "masks.until %v: must be 0 to 1", m.Until)
	above := func(name string, v float64) {
		found.Check(v > 0 && v <= 1e6, "masks.%s %v: must be above 0 and at most 1e6", name, v)
	}
	above("lr", m.LR)
	above("temperature", m.Temperature)
	above("end_temperature", m.EndTemperature)
	if d := DefaultMasks(); m.Until == 0 {
		found.Check(m == d, "masks.lr %v, masks.temperature %v, masks.end_temperature %v: there are masks only with masks.until above 0: "+
			"set that, or leave them out", m.LR, m.Temperature, m.EndTemperature)
		return
	}
	found.Check(c.From == "", "masks.until %v: masks are found over fresh weights, and --from names trained ones: leave one out", m.Until)
	found.Check(!c.Init.On(), "masks.until %v, init.learn %s: masks are found over weights as drawn: leave one out", m.Until, c.Init.Learn)
	found.Check(c.Update.Rule != RecLRA, "masks.until %v, update.rule %s: scores need the gradient of the loss: leave one out", m.Until,
		c.Update.Rule)
}

// CheckMasks returns an error if other settings do not go with masks.
func (s Settings) CheckMasks() error {
	var found faults.List
	if s.Train.Masks.Until == 0 {
		return nil
	}
	found.Check(s.Growth.Policy == growth.PolicyNone, "train.masks.until %v, growth.policy %s: masks are of a network of one size: set "+
		"growth.policy to %s", s.Train.Masks.Until, s.Growth.Policy, growth.PolicyNone)
	found.Check(s.Prune.Policy == prune.None || s.Prune.Policy == "", "train.masks.until %v, prune.policy %s: set prune.policy to %s",
		s.Train.Masks.Until, s.Prune.Policy, prune.None)
	found.Check(!s.Sync.local(), "train.masks.until %v, sync.every %d: replicas know no masks: set sync.every to 1", s.Train.Masks.Until,
		s.Sync.Every)
	found.Check(s.Optimizer.Average == 0, "train.masks.until %v, optim.average %v: a mean of masks is none: set optim.average to 0",
		s.Train.Masks.Until, s.Optimizer.Average)
	found.Check(!s.Callbacks.EarlyStopping.RestoreBestWeights, "train.masks.until %v: the best network is kept without its masks: "+
		"leave out callbacks.early_stopping.restore_best_weights", s.Train.Masks.Until)
	return found.Err()
}

// The names of what masks keep among slots.
const (
	scoresSlot = "mask_scores"
	fixedSlot  = "mask_weights"
)

// scoreMomentum is that of the updates of scores.
const scoreMomentum = 0.9

// masks are the scores of a network's weights and the values they were drawn with, both laid out like its
// parameters. Where a parameter is no weight of a layer it has no score, and is never masked.
type masks struct {
	scores, fixed []float32
	of            []kernel.Range // parameters that have scores
	grad          []float32
}

// maskable returns the stretches of the parameters that masks are over: the weights of layers.
func maskable(g *nn.Graph) []kernel.Range {
	var list []kernel.Range
	for _, e := range g.ParamEntries() {
		if e.Role == nn.RoleWeight && len(e.Shape) > 1 {
			list = append(list, kernel.Range{Lo: e.Offset, Hi: e.Offset + e.Len()})
		}
	}
	return list
}

// newMasks draws scores for a network with fresh weights, about half of which count, and masks it. The
// weights are those drawn times the root of 2, so that half of them make values of the usual size.
func newMasks(m *nn.Model, seed uint64) *masks {
	k := &masks{scores: make([]float32, len(m.Params)), fixed: slices.Clone(m.Params), of: maskable(m.Graph)}
	s := rng.New(seed, rng.Key(scoresSlot))
	for _, r := range k.of {
		for i := r.Lo; i < r.Hi; i++ {
			k.scores[i] = float32(scoreSize * s.Normal(uint64(i)))
			k.fixed[i] = float32(math.Sqrt2 * float64(k.fixed[i]))
		}
	}
	k.apply(m.Params, k.fixed)
	return k
}

// scoreSize is the standard deviation of fresh scores.
const scoreSize = 0.1

// apply overwrites the weights of layers in params by those of values that count, and 0 for the others; values may be
// params.
func (k *masks) apply(params, values []float32) {
	for _, r := range k.of {
		for i := r.Lo; i < r.Hi; i++ {
			v := values[i]
			if k.scores[i] <= 0 { // sigmoid(score / T) <= 1/2 at any temperature
				v = 0
			}
			params[i] = v
		}
	}
}

// kept returns the part of the weights of layers that count.
func (k *masks) kept() float64 {
	n, all := 0, 0
	for _, r := range k.of {
		for _, s := range k.scores[r.Lo:r.Hi] {
			if all++; s > 0 {
				n++
			}
		}
	}
	return float64(n) / float64(max(all, 1))
}

// scored returns the gradient at scores for one at the weights that count.
func (k *masks) scored(grad []float32, temperature float64) []float32 {
	out := k.zeros()
	for _, r := range k.of {
		const span = 1 << 12
		parallel.Each((r.Hi-r.Lo+span-1)/span, func(part int) {
			for i := r.Lo + part*span; i < min(r.Lo+(part+1)*span, r.Hi); i++ {
				p := 1 / (1 + portable.Exp(-float64(k.scores[i])/temperature))
				slope := float64(p*(1-p)) / temperature
				out[i] = float32(float64(float64(grad[i])*float64(k.fixed[i])) * slope)
			}
		})
	}
	return out
}

// counting returns a gradient without its values at weights that do not count.
func (k *masks) counting(grad []float32) []float32 {
	out := k.zeros()
	copy(out, grad)
	k.apply(out, grad)
	return out
}

// zeros returns memory for a gradient.
func (k *masks) zeros() []float32 {
	if k.grad == nil {
		k.grad = make([]float32, len(k.scores))
	}
	clear(k.grad)
	return k.grad
}

// finding reports whether masks are still to be found in a run that stands there.
func (s Settings) finding(at Progress) bool {
	return s.Train.Masks.Until > 0 && !at.Masked && s.part(at) < s.Train.Masks.Until
}

// scoring returns how scores are updated while masks are found.
func (s Settings) scoring() optim.Config {
	c := s.Optimizer
	c.Name, c.LR, c.MinLR, c.WeightDecay, c.Momentum, c.Nesterov = optim.SGD, s.Train.Masks.LR, 0, 0, scoreMomentum, false
	c.Births, c.Arch, c.ClipNorm = optim.OneRate, optim.Default().Arch, 0
	return c
}

// temperature returns T of a run that stands there.
func (s Settings) temperature(at Progress) float64 {
	m := s.Train.Masks
	fallen := float64(portable.Log(m.EndTemperature/m.Temperature) * min(s.part(at)/m.Until, 1))
	return float64(m.Temperature * portable.Exp(fallen))
}

// Masks returns the part of the weights of layers that count; ok is false where there are no masks.
func (t *Trainer) Masks() (kept float64, ok bool) {
	if t.masks == nil {
		return 0, false
	}
	return t.masks.kept(), true
}

// shard returns the shard that updates are of: of the scores while masks are found, else of all parameters.
func (t *Trainer) shard() *reduce.Shard {
	s := t.whole()
	if t.masks != nil && !t.at.Masked {
		s.Params = t.masks.scores
	}
	return s
}

// update makes the update of a gradient round.
func (t *Trainer) update(grad []float32, step reduce.Step) reduce.Parts {
	if t.masks == nil {
		return update(t.whole(), grad, step)
	}
	k := t.masks
	if t.set.finding(t.at) {
		parts := update(t.shard(), k.scored(grad, t.set.temperature(t.at)), step)
		k.apply(t.model.Params, k.fixed)
		return reduce.Parts{State: parts.State}
	}
	if !t.at.Masked {
		t.at.Masked, t.opt = true, optim.New(t.set.Optimizer, local.LayoutOf(t.model.Graph))
	}
	update(t.shard(), k.counting(grad), step)
	k.apply(t.model.Params, t.model.Params) // updates by matrix move all weights
	return t.shard().Parts()
}

// takeMasks takes scores and weights from the slots of a checkpoint and returns the others.
func (t *Trainer) takeMasks(slots []optim.Slot) ([]optim.Slot, error) {
	if t.set.Train.Masks.Until == 0 {
		return slots, nil
	}
	last, n := len(slots)-2, len(t.model.Params)
	if last < 0 || slots[last].Name != scoresSlot || slots[last+1].Name != fixedSlot || len(slots[last].Data) != n ||
		len(slots[last+1].Data) != n {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: it has no masks of %d values", n)
	}
	t.masks = &masks{scores: slots[last].Data, fixed: slots[last+1].Data, of: maskable(t.model.Graph)}
	return slots[:last], nil
}

// masked appends scores and weights to slots.
func (t *Trainer) masked(slots []optim.Slot) []optim.Slot {
	if t.masks == nil {
		return slots
	}
	return append(slices.Clip(slots), optim.Slot{Name: scoresSlot, Data: t.masks.scores}, optim.Slot{Name: fixedSlot, Data: t.masks.fixed})
}
