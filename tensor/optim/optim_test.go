package optim

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

func configs() map[string]Config {
	with := func(change func(c *Config)) Config { c := Default(); change(&c); return c }
	return map[string]Config{
		"plain":    with(func(c *Config) { c.Momentum = 0; c.WeightDecay = 0.01 }),
		"momentum": with(func(c *Config) { c.WeightDecay = 5e-4 }),
		"nesterov": with(func(c *Config) { c.Nesterov, c.WeightDecay = true, 5e-4 }),
		"adamw":    with(func(c *Config) { c.Name, c.WeightDecay = AdamW, 0.01 }),
		"groups":   with(func(c *Config) { c.DecayBiases, c.NormBiasFactor, c.WeightDecay = false, 3, 0.01 }),
		"adamw of groups": with(func(c *Config) {
			c.Name, c.DecayBiases, c.NormBiasFactor, c.WeightDecay = AdamW, false, 3, 0.01
		}),
		"variance transfer": with(func(c *Config) { c.Births, c.WeightDecay, c.Nesterov = VarianceTransfer, 5e-4, true }),
		"adamw by births":   with(func(c *Config) { c.Name, c.Births, c.WeightDecay = AdamW, VarianceTransfer, 0.01 }),
		"muon by births":    with(func(c *Config) { c.Name, c.Births = Muon, VarianceTransfer }),
		"muon":              with(func(c *Config) { c.Name, c.WeightDecay, c.Nesterov = Muon, 0.01, true }),
	}
}

// layout has every kind, a filter of each orientation and one that no normalisation follows.
var layout = Layout{
	{Kind: Filters, Len: 5 * 18, Rows: 5, Normed: true}, {Kind: Biases, Len: 5}, {Kind: NormScales, Len: 5}, {Kind: NormBiases, Len: 5},
	{Kind: Filters, Len: 40 * 9, Rows: 40, Normed: true}, {Kind: NormScales, Len: 40}, {Kind: NormBiases, Len: 40},
	{Kind: Filters, Len: 12 * 4, Rows: 12}, {Kind: Weights, Len: 70, Births: &births}, {Kind: Biases, Len: 7},
}

// births are those of 7 outputs of 10 weights.
var births = Births{Outputs: []Birth{{3, 0}, {5, 2}, {7, 3}}, Inputs: []Birth{{4, 0}, {8, 1}, {10, 2}}}

// ages returns which of the layout's parameters are weights of the tensor with births, and by
// which event they were born.
func ages() map[int]int {
	out := map[int]int{}
	first := layout.Len() - 7 - 70
	for output, event := range []int{0, 0, 0, 2, 2, 3, 3} {
		for input, other := range []int{0, 0, 0, 0, 1, 1, 1, 1, 2, 2} {
			out[first+output*10+input] = max(event, other)
		}
	}
	return out
}

// naiveFactors returns |W_t| / |W_0| by event, between 1 and 8.
func naiveFactors(params []float64) map[int]float64 {
	square := map[int]float64{}
	for i, event := range ages() {
		square[event] += params[i] * params[i]
	}
	out := map[int]float64{}
	for event, sum := range square {
		out[event] = max(1, min(8, math.Sqrt(sum)/math.Sqrt(square[0])))
	}
	return out
}

// kindAt returns the tensor of parameter i.
func (l Layout) at(i int) Tensor {
	for _, t := range l {
		if i < t.Len {
			return t
		}
		i -= t.Len
	}
	panic("no such parameter")
}

// naive is one update in float64, as PyTorch's documentation states it.
func naive(c Config, t int, p, g float64, s []float64, lr float64) float64 {
	if c.Name == AdamW {
		p -= lr * c.WeightDecay * p
		s[0] = c.Beta1*s[0] + (1-c.Beta1)*g
		s[1] = c.Beta2*s[1] + (1-c.Beta2)*g*g
		mHat := s[0] / (1 - math.Pow(c.Beta1, float64(t)))
		vHat := s[1] / (1 - math.Pow(c.Beta2, float64(t)))
		return p - lr*mHat/(math.Sqrt(vHat)+c.Eps)
	}
	g += c.WeightDecay * p
	s[0] = c.Momentum*s[0] + g
	if c.Nesterov {
		g += c.Momentum * s[0]
	} else {
		g = s[0]
	}
	return p - lr*g
}

func TestStepsAgainstFloat64(t *testing.T) {
	n := layout.Len()
	for name, c := range configs() {
		if c.Name == Muon {
			continue
		}
		o := New(c, layout)
		s := rng.New(5)
		params, grad := make([]float32, n), make([]float32, n)
		want, state := make([]float64, n), make([][2]float64, n)
		for i := range params {
			params[i] = float32(s.Normal(uint64(i)))
			want[i] = float64(params[i])
		}
		for step := 1; step <= 20; step++ {
			lr := 0.01 / float64(step)
			factors, age := naiveFactors(want), ages()
			for i := range grad {
				grad[i] = float32(64 * s.Normal(uint64(step*n+i)))
				own, rate := c, lr
				if k := layout.at(i).Kind; !c.DecayBiases && k != Weights && k != Filters {
					own.WeightDecay = 0
				}
				if layout.at(i).Kind == NormBiases {
					rate *= c.NormBiasFactor
				}
				if event, grown := age[i]; grown && c.Births == VarianceTransfer {
					rate *= factors[event]
				}
				want[i] = naive(own, step, want[i], float64(grad[i])/64, state[i][:], rate)
			}
			o.Step(params, grad, 1./64, lr)
		}
		for i := range params {
			if math.Abs(float64(params[i])-want[i]) > 3e-6*(1+math.Abs(want[i])) {
				t.Errorf("%s: parameter %d is %v, want %v", name, i, params[i], want[i])
				break
			}
		}
		if o.Count() != 20 {
			t.Errorf("%s: count %d", name, o.Count())
		}
	}
}

func TestPartsGiveTheSameBits(t *testing.T) {
	n := layout.Len()
	for name, c := range configs() {
		whole, parts := New(c, layout), New(c, layout)
		a, b, grad := make([]float32, n), make([]float32, n), make([]float32, n)
		s := rng.New(6)
		for step := range 3 {
			for i := range grad {
				grad[i] = float32(s.Normal(uint64(step*n + i)))
			}
			whole.Step(a, grad, 0.5, 0.1)
			u := parts.Begin(0.5, 0.1)
			var wg sync.WaitGroup
			for i := range u.Prepared() {
				wg.Go(func() { u.Prepare(i, b, grad) })
			}
			wg.Wait()
			for _, r := range [][2]int{{0, 7}, {7, 400}, {400, 400}, {400, n}} {
				wg.Go(func() { u.Apply(b, grad, kernel.Range{Lo: r[0], Hi: r[1]}) })
			}
			wg.Wait()
		}
		for i := range a {
			if a[i] != b[i] {
				t.Fatalf("%s: parameter %d differs", name, i)
			}
		}
	}
}

func TestRestore(t *testing.T) {
	for name, c := range configs() {
		o := New(c, Plain(3))
		p, q := []float32{1, 2, 3}, []float32{1, 2, 3}
		g := []float32{3, -2, 1}
		o.Step(p, g, 1, 0.1)
		copy(q, p)
		r, err := Restore(c, Plain(3), o.Count(), cloneSlots(o.Slots()))
		if err != nil {
			t.Fatal(err)
		}
		o.Step(p, g, 1, 0.1)
		r.Step(q, g, 1, 0.1)
		for i := range p {
			if p[i] != q[i] {
				t.Errorf("%s: a restored optimizer goes elsewhere", name)
			}
		}
		if _, err := Restore(c, Plain(4), 1, append(o.Slots(), Slot{"more", nil})); err == nil {
			t.Errorf("%s: wrong state was taken", name)
		}
	}
}

// New weights of zero learn at the rate of the others, and no group at more than 8 times
// that.
func TestRatesByBirthAreBounded(t *testing.T) {
	g := newGroups(&births)
	weights := make([]float32, 70)
	for i := range weights {
		switch age := ages()[layout.Len()-77+i]; age {
		case 0:
			weights[i] = 1
		case 3:
			weights[i] = 100
		}
	}
	g.measure(weights)
	if want := []float64{1, 1, 1, 8}; !slices.Equal(g.factor, want) {
		t.Errorf("factors %v, want %v", g.factor, want)
	}
	g.measure(make([]float32, 70))
	if want := []float64{1, 1, 1, 1}; !slices.Equal(g.factor, want) {
		t.Errorf("of an oldest group of zeros: %v, want %v", g.factor, want)
	}
	if newGroups(&Births{Outputs: []Birth{{3, 0}, {5, 2}}, Inputs: []Birth{{4, 2}}}) != nil {
		t.Error("weights of one age have groups")
	}
}

func cloneSlots(slots []Slot) []Slot {
	var out []Slot
	for _, s := range slots {
		out = append(out, Slot{s.Name, append([]float32(nil), s.Data...)})
	}
	return out
}

func TestStepAllocatesNothing(t *testing.T) {
	for name, c := range configs() {
		o := New(c, layout)
		p, g := make([]float32, layout.Len()), make([]float32, layout.Len())
		g[0], g[100] = 1, 1
		if n := testing.AllocsPerRun(10, func() { o.Step(p, g, 1, 0.1) }); n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
	}
}

func TestSchedules(t *testing.T) {
	c := Default()
	c.Schedule, c.LR, c.Warmup = Constant, 0.8, 0.04
	at := func(step uint64) float64 { return LR(c, step, Length{Steps: 100, PerEpoch: 10}) }
	check := func(step uint64, want float64) {
		t.Helper()
		if got := at(step); math.Abs(got-want) > 1e-15 {
			t.Errorf("%s: rate of step %d is %v, want %v", c.Schedule, step, got, want)
		}
	}
	check(0, 0.2)
	check(3, 0.8)
	check(99, 0.8)
	c.Schedule, c.StepEpochs, c.StepFactor = Step, 3, 0.5
	check(0, 0.2)
	check(29, 0.8)
	check(30, 0.4)
	check(99, 0.1)
	c.Schedule, c.MinLR = Cosine, 0.2
	check(4, 0.8)
	check(52, 0.5)
	check(100, 0.2)
	check(1000, 0.2)
	for s := uint64(4); s < 100; s++ {
		if at(s) < at(s+1) {
			t.Errorf("cosine rises after step %d", s)
		}
	}
	c.Schedule, c.Hold, c.MinLR = Trapezoid, 0.4, 0.2
	check(0, 0.2)
	check(3, 0.8)
	check(40, 0.8)
	check(55, 0.65)
	check(85, 0.35)
	check(100, 0.2)
	check(1000, 0.2)
	c.Warmup, c.Hold, c.MinLR = 0, 0, 0
	check(0, 0.8)
	check(75, 0.2)
	c.Hold = 1
	check(99, 0.8)
}

// The values are those of torch.optim.lr_scheduler.OneCycleLR (PyTorch 1.13) with max_lr 0.4, total_steps 20, pct_start 0.3,
// div_factor 25 and final_div_factor 40.
func TestOneCycleIsPyTorchs(t *testing.T) {
	c := Default()
	c.Schedule, c.LR, c.Warmup, c.MinLR = OneCycle, 0.4, 0.3, 0.0004
	for step, want := range []float64{
		0.016, 0.05266873708001013, 0.1486687370800101, 0.2673312629199899, 0.3633312629199899, 0.4, 0.39499059685392834,
		0.38021357980690335, 0.3564099301971124, 0.324773262411375, 0.28688997107568814, 0.24465968260447163, 0.2002,
		0.1557403173955284, 0.1135100289243119, 0.07562673758862505, 0.043990069802887645, 0.020186420193096678,
		0.005409403146071641, 0.0004,
	} {
		if got := LR(c, uint64(step), Length{Steps: 20, PerEpoch: 5}); math.Abs(got-want) > 1e-15 {
			t.Errorf("rate of step %d is %v, PyTorch's %v", step, got, want)
		}
	}
}

func TestValidateReportsAllFaults(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Fatal(err)
	}
	err := Config{Name: "lion", LR: math.NaN(), WeightDecay: -1, Schedule: "linear", Warmup: -1}.Validate()
	for _, part := range []string{`optimizer "lion"`, "lr NaN", "weight_decay -1", `schedule "linear"`, "warmup -1"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q: %v", part, err)
		}
	}
	for name, spoil := range map[string]func(c *Config){
		"momentum of 1":             func(c *Config) { c.Momentum = 1 },
		"nesterov without momentum": func(c *Config) { c.Momentum, c.Nesterov = 0, true },
		"beta of 1":                 func(c *Config) { c.Name, c.Beta2 = AdamW, 1 },
		"no eps":                    func(c *Config) { c.Name, c.Eps = AdamW, 0 },
		"negative norm_bias_factor": func(c *Config) { c.NormBiasFactor = -1 },
		"muon without momentum":     func(c *Config) { c.Name, c.Momentum = Muon, 0 },
		"muon's momentum of 1":      func(c *Config) { c.Name, c.Muon.Momentum = Muon, 1 },
		"muon's rate of 0":          func(c *Config) { c.Name, c.Muon.Factor = Muon, 0 },
		"no step length":            func(c *Config) { c.Schedule, c.StepEpochs = Step, 0 },
		"min_lr above lr":           func(c *Config) { c.Schedule, c.MinLR = Cosine, 1 },
		"min_lr of a trapezoid":     func(c *Config) { c.Schedule, c.MinLR = Trapezoid, 1 },
		"hold within the warm-up":   func(c *Config) { c.Schedule, c.Warmup, c.Hold = Trapezoid, 0.3, 0.2 },
		"hold beyond the end":       func(c *Config) { c.Schedule, c.Hold = Trapezoid, 1.1 },
		"a warm-up beyond the end":  func(c *Config) { c.Warmup = 1.1 },
	} {
		c := Default()
		spoil(&c)
		if c.Validate() == nil {
			t.Errorf("%s: no fault", name)
		}
	}
}
