package initial

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Part is a part of the batch of an iteration.
type Part int

// The parts.
const (
	Batch  Part = iota // all of it
	Next               // as many samples, the first half of which is the second half of the batch
	First              // the first half
	Second             // the second half
)

// State is what a Learner has to know between two iterations; a value for each tensor, in their order.
type State struct {
	Iteration int       `json:"iteration"` // made so far
	Scales    []float64 `json:"scales"`
	// Mean and Square are the moments of Adam.
	Mean   []float64 `json:"mean"`
	Square []float64 `json:"square"`
}

// Start is the state before the first iteration, of so many tensors: scales of 1.
func Start(tensors int) State {
	return State{Scales: slices.Repeat([]float64{1}, tensors), Mean: make([]float64, tensors), Square: make([]float64, tensors)}
}

// Report is what an iteration found.
type Report struct {
	Iteration int     // from 1
	Loss      float64 // mean over the batch, at the scales before
	GradNorm  float64 // what is held against gamma; 0: it is no number
	Cosine    float64 // of the gradients of the halves, by NIO
	Shrunk    bool    // the gradient was too large, and made smaller
}

// Learner learns the scales of a network's fresh weights.
type Learner struct {
	cfg     Config
	signs   bool // steps follow the sign of the gradient, as those of Adam
	entries []nn.Entry
	fresh   []float32
	state   State

	// Of the iteration at hand:
	weights []float32 // at the scales of state
	probes  []probe   // still to come
	fed     int       // probes that were answered
	at      []float32 // the weights of the probe at hand, once somebody asked
	halves  [2]gradient
	slopes  []float64 // of the objective by each scale
	report  Report
}

// gradient is the mean over samples, with its Euclidean norm.
type gradient struct {
	values []float32
	norm   float64
}

// probe is a gradient that is wanted, at the weights plus by times along.
type probe struct {
	part  Part
	along []float32 // nil: at the weights
	by    float64
	take  func(g gradient, loss float64)
}

// ErrState is returned for a state that is not of the network.
var ErrState = errors.New("scales of first weights do not fit the network")

// New returns a learner for the network g with fresh weights, which it only reads, where state ends; signs
// says that the optimizer is one of Adam's kind.
func New(cfg Config, signs bool, g *nn.Graph, fresh []float32, state State) (*Learner, error) {
	l := &Learner{cfg: cfg, signs: signs, entries: g.ParamEntries(), fresh: fresh}
	for _, list := range [][]float64{state.Scales, state.Mean, state.Square} {
		if len(list) != len(l.entries) {
			return nil, fmt.Errorf("%w: %d values, it has %d tensors", ErrState, len(list), len(l.entries))
		}
		for _, v := range list {
			if !faults.Finite(v) {
				return nil, fmt.Errorf("%w: one is %v", ErrState, v)
			}
		}
	}
	if state.Iteration < 0 || state.Iteration >= cfg.Iterations {
		return nil, fmt.Errorf("%w: %d iterations are made, of %d", ErrState, state.Iteration, cfg.Iterations)
	}
	l.state = State{state.Iteration, slices.Clone(state.Scales), slices.Clone(state.Mean), slices.Clone(state.Square)}
	l.begin()
	return l, nil
}

// State returns that behind the last iteration that is whole.
func (l *Learner) State() State {
	return State{l.state.Iteration, slices.Clone(l.state.Scales), slices.Clone(l.state.Mean), slices.Clone(l.state.Square)}
}

// Iteration returns how many iterations are made.
func (l *Learner) Iteration() int { return l.state.Iteration }

// Done reports whether all iterations are made.
func (l *Learner) Done() bool { return l.Iteration() >= l.cfg.Iterations }

// Scaled returns the weights at the scales at hand, in memory of their own.
func (l *Learner) Scaled() []float32 {
	out := make([]float32, len(l.fresh))
	for i, e := range l.entries {
		scale, to := float32(l.state.Scales[i]), e.Of(out)
		for k, v := range e.Of(l.fresh) {
			to[k] = float32(scale * v)
		}
	}
	return out
}

// begin opens an iteration.
func (l *Learner) begin() {
	l.weights, l.at, l.fed = l.Scaled(), nil, 0
	l.report = Report{Iteration: l.state.Iteration + 1}
	l.slopes = make([]float64, len(l.entries))
	if l.cfg.Learn == GradInit {
		l.probes = []probe{{part: Batch, take: l.try}}
		return
	}
	half := func(i int) func(g gradient, loss float64) {
		return func(g gradient, loss float64) {
			l.halves[i] = g
			l.report.Loss += float64(loss / 2)
			if i == 1 {
				l.turn()
			}
		}
	}
	l.probes = []probe{{part: First, take: half(0)}, {part: Second, take: half(1)}}
}

// Want returns the weights that the gradient is wanted of, and the part of the batch. They are not
// changed later.
func (l *Learner) Want() (weights []float32, part Part) {
	p := &l.probes[0]
	if p.along == nil {
		return l.weights, p.part
	}
	if l.at == nil {
		l.at = make([]float32, len(l.weights))
		for i, v := range p.along {
			l.at[i] = float32(float64(l.weights[i]) + float64(p.by*float64(v)))
		}
	}
	return l.at, p.part
}

// Fed returns how many gradients of the iteration at hand are there.
func (l *Learner) Fed() int { return l.fed }

// Feed takes the sum over samples of the gradient that was wanted, which it only reads, and that of the
// losses. It returns what the iteration found once it has all, else nil.
func (l *Learner) Feed(sum []float32, loss, samples float64) *Report {
	g := gradient{values: make([]float32, len(sum))}
	for i, v := range sum {
		g.values[i] = float32(float64(v) / samples)
	}
	g.norm = norm(g.values)
	p := l.probes[0]
	l.probes, l.at = l.probes[1:], nil
	l.fed++
	p.take(g, loss/samples)
	if len(l.probes) > 0 {
		return nil
	}
	l.update()
	found := l.report
	if l.halves = [2]gradient{}; !l.Done() {
		l.begin()
	}
	return &found
}

// try takes the gradient of GradInit: where its norm is above gamma the objective is that norm, else the loss
// behind a step against it, of length eta, of which the gradient counts as given ([gradinit] algorithm 1; the
// authors' code detaches it too). Norm and step are of L2, of Adam of L1 and the sign.
func (l *Learner) try(g gradient, loss float64) {
	direction, size := g, g.norm
	l.report.Loss, l.report.GradNorm = loss, g.norm
	if l.signs {
		direction, l.report.GradNorm = signs(g)
		size = 1
	}
	switch {
	case l.explodes():
	case direction.norm == 0:
	case l.report.GradNorm > l.cfg.gamma():
		l.report.Shrunk = true
		l.curve(Batch, direction, 1/size) // d|g|_2 is H g / |g|_2, d|g|_1 is H sign(g)
	default:
		l.probes = append(l.probes, probe{Next, direction.values, -l.cfg.Eta / size, func(g gradient, _ float64) { l.slope(g, 1) }})
	}
}

// turn takes the gradients a and b of the halves, of NIO: where the mean of their norms is above gamma the objective
// is that mean, else less their cosine c ([nio] GradCosine of two sub-batches), whose derivative by
// a is (b/|b| - c a/|a|) / |a|.
func (l *Learner) turn() {
	a, b := l.halves[0], l.halves[1]
	l.report.GradNorm = float64((a.norm + b.norm) / 2)
	if l.explodes() || a.norm == 0 || b.norm == 0 {
		return
	}
	dot := 0.0
	for i, v := range a.values {
		dot += float64(float64(v) * float64(b.values[i]))
	}
	c := max(-1, min(dot/a.norm/b.norm, 1))
	l.report.Cosine = c
	if l.report.GradNorm > l.cfg.gamma() {
		l.report.Shrunk = true
		l.curve(First, a, 0.5/a.norm)
		l.curve(Second, b, 0.5/b.norm)
		return
	}
	l.curve(First, against(a, b, c), 1)
	l.curve(Second, against(b, a, c), 1)
}

// against returns less the derivative of the cosine c of a and b by a.
func against(a, b gradient, c float64) gradient {
	out := make([]float32, len(a.values))
	for i, v := range a.values {
		out[i] = float32((float64(c*(float64(v)/a.norm)) - float64(b.values[i])/b.norm) / a.norm)
	}
	return gradient{out, norm(out)}
}

// explodes reports whether the gradient is no number, which counts as one that is too large by all scales.
func (l *Learner) explodes() bool {
	if faults.Finite(l.report.GradNorm) && faults.Finite(l.report.Loss) {
		return false
	}
	l.report.GradNorm, l.report.Loss, l.report.Shrunk = 0, 0, true
	for i := range l.slopes {
		l.slopes[i] = 1
	}
	return true
}

// nearby is the distance, as a part of the norm of the weights, at which gradients are compared.
const nearby = 1. / 256

// curve adds factor times the derivative by the scales of the product of v with the gradient over a part, v being given: that of scale m
// is the product over tensor m of H v with the fresh weights, and H v is
// (g(w + t v) - g(w - t v)) / 2t.
func (l *Learner) curve(part Part, v gradient, factor float64) {
	t := float64(nearby * norm(l.weights))
	if v.norm == 0 || t == 0 {
		return
	}
	t /= v.norm
	for _, by := range []float64{t, -t} {
		l.probes = append(l.probes, probe{part, v.values, by, func(g gradient, _ float64) { l.slope(g, factor/(2*by)) }})
	}
}

// slope adds factor times the derivative of a loss with gradient g by each scale: that of scale m is the product over tensor m of
// g with the fresh weights ([gradinit] eq. 4).
func (l *Learner) slope(g gradient, factor float64) {
	for i, e := range l.entries {
		sum := 0.0
		values := e.Of(g.values)
		for k, w := range e.Of(l.fresh) {
			sum += float64(float64(values[k]) * float64(w))
		}
		l.slopes[i] += float64(factor * sum)
	}
}

// Constants of Adam, as PyTorch has them.
const (
	beta1 = 0.9
	beta2 = 0.999
	eps   = 1e-8
)

// update makes a step of Adam by the slopes, each at most 1 in size. A slope that is no number counts as 1: the
// weights are too large for what was tried.
func (l *Learner) update() {
	s := &l.state
	s.Iteration++
	n := uint64(s.Iteration)
	left1, left2 := 1-portable.PowInt(beta1, n), 1-portable.PowInt(beta2, n)
	for i, d := range l.slopes {
		if !faults.Finite(d) {
			d = 1
		}
		d = max(-1, min(d, 1))
		s.Mean[i] = float64(beta1*s.Mean[i]) + float64((1-beta1)*d)
		s.Square[i] = float64(beta2*s.Square[i]) + float64((1-beta2)*float64(d*d))
		step := float64(l.cfg.LR * (s.Mean[i] / left1 / (math.Sqrt(s.Square[i]/left2) + eps)))
		least := l.cfg.MinScale
		if l.entries[i].Role == nn.RoleBias {
			least = 0
		}
		s.Scales[i] = max(s.Scales[i]-step, least)
	}
}

// norm returns the Euclidean norm of x.
func norm(x []float32) float64 { return math.Sqrt(linalg.SquareSum(x)) }

// signs returns the signs of g, and its norm of L1.
func signs(g gradient) (s gradient, l1 float64) {
	s.values = make([]float32, len(g.values))
	for i, v := range g.values {
		switch l1 += math.Abs(float64(v)); {
		case v > 0:
			s.values[i] = 1
		case v < 0:
			s.values[i] = -1
		}
	}
	s.norm = norm(s.values)
	return s, l1
}
