package nn

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Metrics are sums over samples.
type Metrics struct {
	N       float64 // samples
	Loss    float64 // sum of the samples' losses
	Correct float64 // samples whose first largest output is their label's
}

// Loss returns the metrics of the last Forward, and prepares Backward. Losses
// are computed in float64, one sample after another, classes in order.
func (w *Workspace) Loss() Metrics {
	p := w.program
	var d []float32
	if !p.inference {
		d = w.at(p.dLoss)
		if w.n < w.blocks*tensor.Lanes {
			clear(d[(w.blocks-1)*p.output.C*tensor.Lanes:])
		}
	}
	y := w.at(p.logits)
	m := Metrics{N: float64(w.n)}
	for i := range w.n {
		at := i/tensor.Lanes*p.output.C*tensor.Lanes + i%tensor.Lanes
		values, gradient := y[at:], []float32(nil)
		if d != nil {
			gradient = d[at:]
		}
		if p.graph.Loss == CrossEntropy {
			w.losses[i] = w.crossEntropy(values, gradient, int(w.batch.Labels[i]))
		} else {
			w.losses[i] = squaredError(values, w.batch.Targets[at:], gradient, p.output.C)
		}
		m.Loss += w.losses[i]
		if i < len(w.batch.Labels) && argmax(values, p.output.C) == int(w.batch.Labels[i]) {
			m.Correct++
		}
	}
	return m
}

// SampleLosses returns the loss of every sample, valid after Loss until the
// next Loss.
func (w *Workspace) SampleLosses() []float64 { return w.losses[:w.n] }

// The values of one sample, y, its targets and the gradient d lie tensor.Lanes
// apart; d may be nil.

// crossEntropy returns log(sum exp y) - y[label], and writes
// softmax(y) - onehot(label) to d.
func (w *Workspace) crossEntropy(y, d []float32, label int) float64 {
	if label < 0 || label >= len(w.exps) {
		panic("nn: label outside the classes")
	}
	top := float64(y[argmax(y, len(w.exps))*tensor.Lanes])
	var sum float64
	for c := range w.exps {
		w.exps[c] = portable.Exp(float64(y[c*tensor.Lanes]) - top)
		sum += w.exps[c]
	}
	if d != nil {
		for c, e := range w.exps {
			g := e / sum
			if c == label {
				g -= 1
			}
			d[c*tensor.Lanes] = float32(g)
		}
	}
	return portable.Log(sum) - (float64(y[label*tensor.Lanes]) - top)
}

// squaredError returns the sum over outputs of (y - target)^2 and writes
// 2 (y - target) to d.
func squaredError(y, targets, d []float32, classes int) float64 {
	var sum float64
	for c := range classes {
		e := float64(y[c*tensor.Lanes]) - float64(targets[c*tensor.Lanes])
		sum += float64(e * e)
		if d != nil {
			d[c*tensor.Lanes] = float32(2 * e)
		}
	}
	return sum
}

// argmax returns the first class of the largest value.
func argmax(y []float32, classes int) int {
	best := 0
	for c := 1; c < classes; c++ {
		if y[c*tensor.Lanes] > y[best*tensor.Lanes] {
			best = c
		}
	}
	return best
}
