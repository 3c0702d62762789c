package initial

import (
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

const samples = 12

// smooth is a network without kinks, so that differences of gradients are products of the Hessian.
func smooth() *nn.Graph {
	return &nn.Graph{Input: nn.Shape{C: 4, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 5, Bias: true},
		{ID: "act", Op: nn.OpTanh, Inputs: []nn.NodeID{"fc1"}},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"act"}, Out: 3, Bias: true},
	}}
}

// sums returns the sums of gradient and loss over samples lo to hi of a made-up batch.
func sums(t *testing.T, g *nn.Graph, params []float32, lo, hi int) (grad []float32, loss float64) {
	t.Helper()
	p, err := nn.Compile(g, hi-lo, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := p.NewBatch()
	b.N = hi - lo
	noise := rng.New(3)
	for i := range b.N {
		label := (lo + i) % 3
		b.Labels[i] = int32(label)
		for c := range 4 {
			v := noise.Normal(uint64(4*(lo+i) + c))
			if c == label {
				v += 1.5
			}
			b.X[c*32+i] = float32(v)
		}
	}
	w := p.NewWorkspace()
	w.Forward(p.Pack(nil, params), nil, b, nn.Train)
	loss = w.Loss().Loss
	grad = make([]float32, len(params))
	w.Backward(grad)
	return grad, loss
}

// of returns which samples a part of the batch is.
func of(p Part) (lo, hi int) {
	switch p {
	case Next:
		return samples / 2, samples/2 + samples
	case First:
		return 0, samples / 2
	case Second:
		return samples / 2, samples
	}
	return 0, samples
}

// mean returns the mean gradient in float64, and the mean loss.
func mean(t *testing.T, g *nn.Graph, params []float32, p Part) ([]float64, float64) {
	lo, hi := of(p)
	sum, loss := sums(t, g, params, lo, hi)
	out := make([]float64, len(sum))
	for i, v := range sum {
		out[i] = float64(v) / float64(hi-lo)
	}
	return out, loss / float64(hi-lo)
}

// iterate feeds a learner the gradients of an iteration.
func iterate(t *testing.T, l *Learner) Report {
	for {
		w, p := l.Want()
		lo, hi := of(p)
		sum, loss := sums(t, smooth(), w, lo, hi)
		if r := l.Feed(sum, loss, float64(hi-lo)); r != nil {
			return *r
		}
	}
}

func l2(v []float64) float64 { return mat.Norm(mat.NewVecDense(len(v), v), 2) }

func l1(v []float64) float64 { return mat.Norm(mat.NewVecDense(len(v), v), 1) }

func cosine(a, b []float64) float64 {
	return mat.Dot(mat.NewVecDense(len(a), a), mat.NewVecDense(len(b), b)) / l2(a) / l2(b)
}

// The derivatives by the scales are those of the objective, which is computed here at scales a little larger and
// smaller: by ordinary gradients, with no product of a Hessian.
func TestSlopesAreThoseOfTheObjective(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 5)
	for i := range fresh.Params { // biases too
		fresh.Params[i] += float32(0.3 * rng.New(9).Normal(uint64(i)))
	}
	entries := g.ParamEntries()
	scaled := func(scales []float64) []float32 {
		out := slices.Clone(fresh.Params)
		for i, e := range entries {
			for k := range e.Of(out) {
				e.Of(out)[k] *= float32(scales[i])
			}
		}
		return out
	}
	state := Start(len(entries))
	state.Scales = []float64{1.2, 0.7, 0.9, 1.1}
	at, _ := mean(t, g, scaled(state.Scales), Batch)
	for name, c := range map[string]struct {
		cfg       Config
		signs     bool
		objective func(scales []float64) float64
		shrinks   bool
	}{
		"norm": {Config{Learn: GradInit, Gamma: 1e-6}, false, func(s []float64) float64 {
			v, _ := mean(t, g, scaled(s), Batch)
			return l2(v)
		}, true},
		"norm of L1": {Config{Learn: GradInit, Gamma: 1e-6}, true, func(s []float64) float64 {
			v, _ := mean(t, g, scaled(s), Batch)
			return l1(v)
		}, true},
		"a step": {Config{Learn: GradInit, Gamma: 1e6, Eta: 0.1}, false, func(s []float64) float64 {
			w := scaled(s)
			for i, v := range at { // the step is that of the scales at hand
				w[i] -= float32(0.1 * v / l2(at))
			}
			_, loss := mean(t, g, w, Next)
			return loss
		}, false},
		"a step of signs": {Config{Learn: GradInit, Gamma: 1e6, Eta: 0.01}, true, func(s []float64) float64 {
			w := scaled(s)
			for i, v := range at {
				w[i] -= float32(math.Copysign(0.01, v))
			}
			_, loss := mean(t, g, w, Next)
			return loss
		}, false},
		"norms of halves": {Config{Learn: NIO, Gamma: 1e-6}, false, func(s []float64) float64 {
			a, _ := mean(t, g, scaled(s), First)
			b, _ := mean(t, g, scaled(s), Second)
			return (l2(a) + l2(b)) / 2
		}, true},
		"cosine": {Config{Learn: NIO, Gamma: 1e6}, false, func(s []float64) float64 {
			a, _ := mean(t, g, scaled(s), First)
			b, _ := mean(t, g, scaled(s), Second)
			return -cosine(a, b)
		}, false},
	} {
		c.cfg.Iterations, c.cfg.LR, c.cfg.MinScale = 2, 0.01, 0.01
		l, err := New(c.cfg, c.signs, g, fresh.Params, state)
		if err != nil {
			t.Fatal(err)
		}
		var found *Report
		var slopes []float64
		for found == nil {
			slopes = l.slopes
			w, p := l.Want()
			lo, hi := of(p)
			sum, loss := sums(t, g, w, lo, hi)
			found = l.Feed(sum, loss, float64(hi-lo))
		}
		if found.Shrunk != c.shrinks {
			t.Errorf("%s: %+v", name, found)
		}
		const h = 4e-3
		for i, e := range entries {
			up, down := slices.Clone(state.Scales), slices.Clone(state.Scales)
			up[i] += h
			down[i] -= h
			want := (c.objective(up) - c.objective(down)) / (2 * h)
			if math.Abs(slopes[i]-want) > 4e-3*(math.Abs(want)+0.05) {
				t.Errorf("%s: the derivative by the scale of %s is %.6f, want %.6f", name, e.Name, slopes[i], want)
			}
		}
	}
}

// Differences of gradients are the product of the dense Hessian, each column of which is made by differences of its own.
func TestProductsOfTheHessian(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 2)
	n := len(fresh.Params)
	hessian := mat.NewDense(n, n, nil)
	const h = 2e-2
	for k := range n {
		up, down := slices.Clone(fresh.Params), slices.Clone(fresh.Params)
		up[k] += h
		down[k] -= h
		a, _ := mean(t, g, up, Batch)
		b, _ := mean(t, g, down, Batch)
		for i := range n {
			hessian.Set(i, k, (a[i]-b[i])/float64(up[k]-down[k]))
		}
	}
	asym := 0.0
	for i := range n {
		for k := range n {
			asym = max(asym, math.Abs(hessian.At(i, k)-hessian.At(k, i)))
		}
	}
	if asym > 2e-3 {
		t.Fatalf("the dense Hessian is not symmetric, by %v", asym)
	}
	entries := g.ParamEntries()
	l, err := New(Config{Learn: GradInit, Iterations: 1, LR: 0.1, MinScale: 0.1}, false, g, fresh.Params, Start(len(entries)))
	if err != nil {
		t.Fatal(err)
	}
	v := gradient{values: make([]float32, n)}
	for i := range v.values {
		v.values[i] = float32(rng.New(4).Normal(uint64(i)))
	}
	v.norm = norm(v.values)
	l.probes = nil
	l.curve(Batch, v, 3)
	for len(l.probes) > 0 {
		w, _ := l.Want()
		p := l.probes[0]
		l.probes, l.at = l.probes[1:], nil
		values, loss := mean(t, g, w, Batch)
		grad := gradient{values: make([]float32, n)}
		for i, x := range values {
			grad.values[i] = float32(x)
		}
		p.take(grad, loss)
	}
	direction := mat.NewVecDense(n, nil)
	for i, x := range v.values {
		direction.SetVec(i, float64(x))
	}
	var product mat.VecDense
	product.MulVec(hessian, direction)
	for i, e := range entries {
		want := 0.0
		for k := e.Offset; k < e.Offset+e.Len(); k++ {
			want += 3 * product.AtVec(k) * float64(fresh.Params[k])
		}
		if math.Abs(l.slopes[i]-want) > 1e-2*(math.Abs(want)+0.1) {
			t.Errorf("%s: %v, want %v", e.Name, l.slopes[i], want)
		}
	}
}

// Both methods reach what they are for.
func TestWhatIsLearned(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 1)
	for i := range fresh.Params {
		fresh.Params[i] *= 6
	}
	for _, c := range []Config{{Learn: GradInit, Gamma: 0.5, Eta: 0.1}, {Learn: NIO, Gamma: 0.5}} {
		c.Iterations, c.LR, c.MinScale = 60, 0.05, 0.01
		l, err := New(c, false, g, fresh.Params, Start(4))
		if err != nil {
			t.Fatal(err)
		}
		first := iterate(t, l)
		var last Report
		for !l.Done() {
			last = iterate(t, l)
		}
		switch {
		case !first.Shrunk || last.GradNorm >= first.GradNorm:
			t.Errorf("%s: the norm went from %v to %v", c.Learn, first.GradNorm, last.GradNorm)
		case c.Learn == GradInit && last.Loss >= first.Loss:
			t.Errorf("the loss went from %v to %v", first.Loss, last.Loss)
		case c.Learn == NIO && last.Cosine <= first.Cosine:
			t.Errorf("the cosine went from %v to %v", first.Cosine, last.Cosine)
		}
		for i, s := range l.State().Scales {
			if least := []float64{0.01, 0, 0.01, 0}[i]; s < least {
				t.Errorf("%s: scale %d is %v", c.Learn, i, s)
			}
		}
	}
}

// A learner that is stopped goes on from its state to the same scales.
func TestStatesAreTakenUp(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 1)
	for _, method := range []string{GradInit, NIO} {
		c := Default()
		c.Learn, c.Iterations = method, 6
		whole, err := New(c, false, g, fresh.Params, Start(4))
		if err != nil {
			t.Fatal(err)
		}
		parts, state := whole, Start(4)
		for range 6 {
			iterate(t, whole)
		}
		for range 6 {
			if parts, err = New(c, false, g, fresh.Params, state); err != nil {
				t.Fatal(err)
			}
			w, p := parts.Want() // one that is broken off
			lo, hi := of(p)
			sum, loss := sums(t, g, w, lo, hi)
			if parts.Feed(sum, loss, float64(hi-lo)) != nil {
				t.Fatal("an iteration of one gradient")
			}
			if parts, err = New(c, false, g, fresh.Params, parts.State()); err != nil {
				t.Fatal(err)
			}
			iterate(t, parts)
			state = parts.State()
		}
		if !slices.Equal(state.Scales, whole.State().Scales) || !slices.Equal(parts.Scaled(), whole.Scaled()) {
			t.Errorf("%s: %v, want %v", method, state, whole.State())
		}
	}
}

// Gradients that are no numbers make all weights smaller.
func TestGradientsThatExplode(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 1)
	for _, method := range []string{GradInit, NIO} {
		c := Default()
		c.Learn = method
		l, err := New(c, false, g, fresh.Params, Start(4))
		if err != nil {
			t.Fatal(err)
		}
		var found *Report
		for found == nil {
			sum := make([]float32, len(fresh.Params))
			sum[3] = float32(math.Inf(1))
			found = l.Feed(sum, math.NaN(), 6)
		}
		if !found.Shrunk || found.Loss != 0 || found.GradNorm != 0 {
			t.Errorf("%s: %+v", method, found)
		}
		for _, s := range l.State().Scales {
			if math.Abs(s-0.99) > 1e-6 {
				t.Errorf("%s: a scale of %v", method, s)
			}
		}
	}
}

func TestStatesOfOthersAreRefused(t *testing.T) {
	g := smooth()
	fresh := nn.Init(g, 1)
	c := Default()
	c.Learn = NIO
	for name, change := range map[string]func(s *State){
		"too few":     func(s *State) { s.Scales = s.Scales[1:] },
		"no moments":  func(s *State) { s.Mean = nil },
		"no numbers":  func(s *State) { s.Square[1] = math.NaN() },
		"negative":    func(s *State) { s.Iteration = -1 },
		"beyond all":  func(s *State) { s.Iteration = c.Iterations },
		"none at all": func(s *State) { *s = State{} },
	} {
		s := Start(4)
		change(&s)
		if _, err := New(c, false, g, fresh.Params, s); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
