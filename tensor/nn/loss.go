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
// are computed in float64, one sample after another, classes in order. Labels are
// smoothed where the graph says so, but not in Eval mode.
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
	smoothing := 0.0
	if w.mode == Train {
		smoothing = p.graph.Smoothing
	}
	m := Metrics{N: float64(w.n)}
	for i := range w.n {
		at := i/tensor.Lanes*p.output.C*tensor.Lanes + i%tensor.Lanes
		values, gradient := y[at:], []float32(nil)
		if d != nil {
			gradient = d[at:]
		}
		if p.graph.Loss == CrossEntropy {
			w.losses[i] = w.crossEntropy(values, gradient, int(w.batch.Labels[i]), smoothing)
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

// crossEntropy returns log(sum exp y) - sum t y and writes softmax(y) - t to d, where the targets t
// are smoothing / classes, and 1 - smoothing more for the label (PyTorch's label_smoothing).
func (w *Workspace) crossEntropy(y, d []float32, label int, smoothing float64) float64 {
	if label < 0 || label >= len(w.exps) {
		panic("nn: label outside the classes")
	}
	top := float64(y[argmax(y, len(w.exps))*tensor.Lanes])
	var sum, all float64
	for c := range w.exps {
		above := float64(y[c*tensor.Lanes]) - top
		w.exps[c] = portable.Exp(above)
		sum += w.exps[c]
		all += above
	}
	rest := smoothing / float64(len(w.exps))
	if d != nil {
		for c, e := range w.exps {
			g := e/sum - rest
			if c == label {
				g -= 1 - smoothing
			}
			d[c*tensor.Lanes] = float32(g)
		}
	}
	loss := portable.Log(sum) - float64((1-smoothing)*(float64(y[label*tensor.Lanes])-top))
	if rest > 0 {
		loss -= float64(rest * all)
	}
	return loss
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
