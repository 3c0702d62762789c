package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Metrics are sums over samples.
type Metrics struct {
	N       float64 // samples
	Loss    float64 // sum of the samples' losses
	Correct float64 // samples whose first largest output is their label's; else the sum of their scores
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
		var score float64 // what a sample without a label counts
		switch p.graph.Loss {
		case CrossEntropy:
			t := target{label: int(w.batch.Labels[i]), smoothing: smoothing}
			if len(w.batch.Shares) > 0 {
				t.other, t.share = int(w.batch.Others[i]), float64(w.batch.Shares[i])
			}
			w.losses[i] = w.crossEntropy(values, gradient, t)
		case BinaryCrossEntropy:
			w.losses[i], score = binaryCrossEntropy(values, w.batch.Targets[at:], gradient, p.output.C)
		default:
			w.losses[i] = squaredError(values, w.batch.Targets[at:], gradient, p.output.C)
			score = 1 - w.losses[i]/float64(p.output.C)
		}
		m.Loss += w.losses[i]
		switch label := int(w.batch.Labels[i]); {
		case label == NoLabel:
			m.Correct += score
		case argmax(values, p.output.C) == label:
			m.Correct++
		}
	}
	return m
}

// NoLabel is the label of a sample that belongs to no single class: its targets alone say what the
// outputs should be. Of such samples Metrics.Correct sums scores: under BinaryCrossEntropy the part of
// outputs on the right side of 0, under MSE one less the mean squared error of an output, whose
// mean over samples is the coefficient of determination R^2 where targets have mean 0 and variance 1.
const NoLabel = -1

// SampleLosses returns the loss of every sample, valid after Loss until the
// next Loss.
func (w *Workspace) SampleLosses() []float64 { return w.losses[:w.n] }

// The values of one sample, y, its targets and the gradient d lie tensor.Lanes
// apart; d may be nil.

// target is what the outputs of a sample should be: smoothing / classes, and of the remaining 1 - smoothing
// the label has all but the share of the other class.
type target struct {
	label, other     int
	share, smoothing float64
}

// crossEntropy returns log(sum exp y) - sum t y and writes softmax(y) - t to d, where t are the
// targets (PyTorch's label_smoothing).
func (w *Workspace) crossEntropy(y, d []float32, t target) float64 {
	label, smoothing := t.label, t.smoothing
	if label < 0 || label >= len(w.exps) || t.other < 0 || t.other >= len(w.exps) {
		panic("nn: label outside the classes")
	}
	main, second := float64((1-smoothing)*(1-t.share)), float64((1-smoothing)*t.share)
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
				g -= main
			}
			if c == t.other {
				g -= second
			}
			d[c*tensor.Lanes] = float32(g)
		}
	}
	loss := portable.Log(sum) - float64(main*(float64(y[label*tensor.Lanes])-top))
	if t.share > 0 {
		loss -= float64(second * (float64(y[t.other*tensor.Lanes]) - top))
	}
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

// binaryCrossEntropy returns the sum over outputs of -t log s(y) - (1 - t) log(1 - s(y)), where s is the
// logistic function (PyTorch's BCEWithLogitsLoss, summed), and writes s(y) - t to d. It also returns the
// part of outputs that are above 0 where the target is above 1/2, and not where it is not.
func binaryCrossEntropy(y, targets, d []float32, outputs int) (loss, right float64) {
	for c := range outputs {
		v, t := float64(y[c*tensor.Lanes]), float64(targets[c*tensor.Lanes])
		small := portable.Exp(-math.Abs(v)) // at most 1: nothing overflows
		loss += math.Max(v, 0) - float64(v*t) + portable.Log(1+small)
		if d != nil {
			sigmoid := 1 / (1 + small)
			if v < 0 {
				sigmoid = small / (1 + small)
			}
			d[c*tensor.Lanes] = float32(sigmoid - t)
		}
		if (v > 0) == (t > 0.5) {
			right++
		}
	}
	return loss, right / float64(outputs)
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
