package nn

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
)

// outputsOf returns the metrics of a network that puts out its inputs, and the gradient at its outputs.
func outputsOf(t *testing.T, loss Loss, y, targets [][]float64, label int32) (Metrics, []float64) {
	t.Helper()
	c := len(y[0])
	g := chain(Shape{c, 1, 1}, loss, Node{Op: OpLinear, Out: c})
	p, err := Compile(g, len(y), Options{})
	if err != nil {
		t.Fatal(err)
	}
	params := make([]float32, c*c) // the identity
	for i := range c {
		params[i*c+i] = 1
	}
	b, w := p.NewBatch(), p.NewWorkspace()
	b.N = len(y)
	for i := range b.Labels {
		b.Labels[i] = label
	}
	lanesOf(b.X, y, g.Input)
	if loss.targets() {
		lanesOf(b.Targets, targets, g.Input)
	}
	w.Forward(p.Pack(nil, params), nil, b, Train)
	m := w.Loss()
	d := make([]float64, 0, len(y)*c)
	for i := range y {
		for j := range c {
			d = append(d, float64(w.at(p.dLoss)[i/tensor.Lanes*c*tensor.Lanes+j*tensor.Lanes+i%tensor.Lanes]))
		}
	}
	return m, d
}

// Without a label MSE scores what is left of the variance: R^2 for targets of mean 0 and variance 1.
func TestSamplesWithoutALabelScoreByTheirTargets(t *testing.T) {
	targets := [][]float64{{-1, 1}, {1, -1}, {1, 1}, {-1, -1}}
	y := [][]float64{{-0.5, 1}, {1, -1.5}, {0, 1}, {-1, -1}}
	m, _ := outputsOf(t, MSE, y, targets, NoLabel)
	var residual float64
	for i := range y {
		for j := range y[i] {
			residual += (y[i][j] - targets[i][j]) * (y[i][j] - targets[i][j])
		}
	}
	if r2 := 1 - residual/8; math.Abs(m.Correct/m.N-r2) > 1e-6 {
		t.Errorf("score %v, R^2 is %v", m.Correct/m.N, r2)
	}
	if m, _ := outputsOf(t, MSE, y, targets, 1); m.Correct != 2 { // as classes: the first and the third
		t.Errorf("%v samples have their largest output at 1, want 2", m.Correct)
	}
	want := (1 + 0.5 + 0.5 + 0) / 4.
	m, _ = outputsOf(t, BinaryCrossEntropy, [][]float64{{-2, 3}, {1, -1}, {-1, 0.5}, {0, 4}}, [][]float64{{0, 1}, {0, 0}, {1, 1}, {1, 0}}, NoLabel)
	if m.Correct/m.N != want {
		t.Errorf("score %v, want %v", m.Correct/m.N, want)
	}
}

// Far from 0 the logistic loss is |y| on the wrong side and 0 on the right one, with no overflow on the way.
func TestBinaryCrossEntropyFarFromZero(t *testing.T) {
	m, d := outputsOf(t, BinaryCrossEntropy, [][]float64{{1000, -1000, 1000, -1000}}, [][]float64{{0, 1, 1, 0}}, NoLabel)
	if m.Loss != 2000 {
		t.Errorf("loss %v, want 2000", m.Loss)
	}
	for i, want := range []float64{1, -1, 0, 0} {
		if d[i] != want {
			t.Errorf("gradient %d is %v, want %v", i, d[i], want)
		}
	}
}

// The loss of a mixed target is the mean of the losses of both classes, weighted by their shares, and so is its
// gradient: sum t_c log softmax is linear in t.
func TestMixedTargets(t *testing.T) {
	const c, n = 5, 40
	g := chain(Shape{c, 1, 1}, CrossEntropy, Node{Op: OpLinear, Out: c})
	g.Smoothing = 0.1
	p, err := Compile(g, n, Options{})
	if err != nil {
		t.Fatal(err)
	}
	params := make([]float32, c*c)
	for i := range c {
		params[i*c+i] = 1
	}
	b, w := p.NewBatch(), p.NewWorkspace()
	b.N = n
	y := make([][]float64, n)
	labels, others, shares := make([]int32, n), make([]int32, n), make([]float32, n)
	for i := range y {
		for j := range c {
			y[i] = append(y[i], math.Sin(float64(7*i+3*j)))
		}
		labels[i], others[i], shares[i] = int32(i%c), int32(i/2%c), float32(i%4)/4
	}
	lanesOf(b.X, y, g.Input)
	losses := func(labels, others []int32, shares []float32) (loss, gradient []float64) {
		copy(b.Labels, labels)
		b.Others, b.Shares = others, shares
		w.Forward(p.Pack(nil, params), nil, b, Train)
		w.Loss()
		for i := range n {
			for j := range c {
				gradient = append(gradient, float64(w.at(p.dLoss)[i/tensor.Lanes*c*tensor.Lanes+j*tensor.Lanes+i%tensor.Lanes]))
			}
		}
		return append([]float64{}, w.SampleLosses()...), gradient
	}
	first, firstD := losses(labels, nil, nil)
	second, secondD := losses(others, nil, nil)
	mixed, mixedD := losses(labels, others, shares)
	for i := range n {
		s := float64(shares[i])
		if want := (1-s)*first[i] + s*second[i]; math.Abs(mixed[i]-want) > 1e-12 {
			t.Errorf("sample %d: loss %v, want %v", i, mixed[i], want)
		}
		for j := range c {
			if want := (1-s)*firstD[i*c+j] + s*secondD[i*c+j]; math.Abs(mixedD[i*c+j]-want) > 1e-6 {
				t.Errorf("sample %d, output %d: gradient %v, want %v", i, j, mixedD[i*c+j], want)
			}
		}
	}
	unmixed, _ := losses(labels, others, make([]float32, n))
	for i := range unmixed {
		if unmixed[i] != first[i] {
			t.Error("a share of nothing changes the loss")
		}
	}
}
