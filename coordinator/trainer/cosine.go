package trainer

import (
	"math"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Compared is what the gradients of the two halves of a batch say of it. The halves are the children of the
// root of the round's tree, so they do not depend on who computed them.
type Compared struct {
	// GradNorm is the Euclidean norm of the mean gradient, before clipping; of a round of
	// local steps that of the mean change of the weights. 0: it is no number.
	GradNorm float64 `json:"grad_norm,omitempty"`
	// GradCosine is the cosine of the gradients of the halves [nio, arXiv 2210.05956, GradCosine of
	// two parts], in a round of local steps that of the changes by the halves of the replicas; from -1 to 1.
	// 0: there are no halves, or train.grad_cosine is off.
	GradCosine float64 `json:"grad_cosine,omitempty"`
	// NoiseScale is the batch in samples at which noise and signal are of one size, the
	// simple noise scale tr S / |G|^2 of [noise, arXiv 1812.06162], by the means of the last steps; at
	// most MaxNoiseScale. 0: there are no halves, the steps are local, or train.grad_cosine is off.
	NoiseScale float64 `json:"noise_scale,omitempty"`
}

// MaxNoiseScale stands for all larger ones, and for gradients that do not show above their noise.
const MaxNoiseScale = 1e6

// noiseSpan is the number of steps over which the parts of the noise scale are averaged:
// those of one step are too uncertain to be divided by one another.
const noiseSpan = 100

// Noise is the mean over the last steps of what the noise scale is the ratio of: exponential, but of the first
// noiseSpan steps the mean.
type Noise struct {
	Steps uint64 `json:"steps"`
	// Signal estimates the squared norm of the gradient over all data, Trace the trace of the
	// covariance of the gradients of single samples, both without bias.
	Signal float64 `json:"signal"`
	Trace  float64 `json:"trace"`
}

// scale returns the noise scale.
func (n Noise) scale() float64 {
	if n.Signal <= 0 || n.Trace >= float64(MaxNoiseScale*n.Signal) {
		return MaxNoiseScale
	}
	return max(n.Trace/n.Signal, 0)
}

// with returns the means with those of one more step.
func (n Noise) with(signal, trace float64) Noise {
	n.Steps++
	part := max(1/float64(n.Steps), 1./noiseSpan)
	n.Signal += float64(part * (signal - n.Signal))
	n.Trace += float64(part * (trace - n.Trace))
	return n
}

// parts are the sums of the squares of the gradient, and of the gradients of the halves, over left and right samples.
type parts struct {
	Sum, Left, Right float64
	left, right      float64
}

// dot returns the product of the gradients of the halves a and b: (|a + b|^2 - |a|^2 - |b|^2) / 2.
func (p parts) dot() float64 { return float64((p.Sum - p.Left - p.Right) / 2) }

// cosine returns that of the halves, (|u + v|^2 - 2) / 2 of their unit gradients.
func (p parts) cosine() float64 {
	return max(-1, min(p.dot()/(math.Sqrt(p.Left)*math.Sqrt(p.Right)), 1))
}

// signal and trace return what Noise averages. With the mean gradients A and B over m and n samples, E[A.B] = |G|^2
// and E|A - B|^2 = tr S (1/m + 1/n) [noise, appendix A.1, of halves of any size].
func (p parts) signal() float64 { return p.dot() / float64(p.left*p.right) }

func (p parts) trace() float64 {
	apart := p.Left/float64(p.left*p.left) + p.Right/float64(p.right*p.right) - float64(2*p.signal())
	return apart / (1/p.left + 1/p.right)
}

// compared compares the halves of round r, given its float64 sums and the squares of the gradient's chunks that the
// update took, and counts them.
func (t *Trainer) compared(r Round, f64, squares []float64) (c Compared) {
	halves := t.model.Graph.GradientSums().Halves(f64)
	p := parts{Left: halves[0], Right: halves[1]}
	for _, s := range squares {
		p.Sum += s
	}
	if !(p.Sum > 0) || !faults.Finite(p.Sum) { // nothing is told where gates learn in place of weights
		return c
	}
	root, local := proto.Root(r.MicroShards()), r.Kind == proto.Local
	over := float64(r.Count)
	if local {
		over = float64(r.Local.Replicas)
	}
	c.GradNorm = math.Sqrt(p.Sum) / over
	if !r.Halved(root) || !(p.Left > 0 && p.Right > 0) || !faults.Finite(p.Left) || !faults.Finite(p.Right) {
		return c
	}
	left, right := root.Split()
	p.left, p.right = samples(&r, left), samples(&r, right)
	if c.GradCosine = p.cosine(); !local {
		t.at.Noise = t.at.Noise.with(p.signal(), p.trace())
		c.NoiseScale = t.at.Noise.scale()
	}
	return c
}

// samples returns the number of samples of a node of the tree of a round.
func samples(r *Round, b proto.Block) float64 {
	lo, _ := r.Range(b.Lo)
	_, hi := r.Range(b.Hi - 1)
	return float64(hi - lo)
}
