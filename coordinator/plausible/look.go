package plausible

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Round is what is known of the sums of a round.
type Round struct {
	Spec proto.RoundSpec
	// Graph is that of a gradient round or of one of local steps, and Layout that of its sums.
	Graph  *nn.Graph
	Layout nn.GradientSums
	// Scored says that samples have targets instead of labels, so that what counts as correct
	// is a sum of scores: parts of 1, of any size below 0 for squared errors.
	Scored bool
	// Riding says what rides along with a gradient round, with S or without; empty: nothing.
	Riding []measure.RidingSite
	Metric bool
	// Moved, of a round of local steps, is the sum of the rates of its steps: over it
	// the change of a replica's weights is compared with a mean gradient.
	Moved float64
}

// Of returns what is known of a round over graph g.
func Of(spec proto.RoundSpec, g *nn.Graph) Round {
	r := Round{Spec: spec}
	if spec.Kind == proto.Gradient || spec.Kind == proto.Local {
		r.Graph = g
		r.Layout = g.GradientSums()
	}
	return r
}

// Finding is what a look at sums led to. Wrong is a fact that no weights can
// explain, Doubt one that divergence could; both are empty for most.
type Finding struct {
	Wrong, Doubt string
	sizes        sizes
}

// sizes are magnitudes per sample.
type sizes [4]float64

// What sizes are of.
const (
	ofGradient   = iota // the norm of the float32 values
	ofStatistics        // the largest float64 behind the metrics
	ofLoss
	ofRiding // the largest of N that rides along
)

var sizeNames = [...]string{"gradient", "statistics", "loss", "statistics that rode along"}

// Look looks at the sums over block b of a round; norm is that of their float32
// values, which may be no number.
func (r Round) Look(b proto.Block, s proto.Sums, norm float64) Finding {
	var f Finding
	from, _ := r.Spec.Range(b.Lo)
	_, to := r.Spec.Range(b.Hi - 1)
	n := float64(to - from)
	if len(s.F64) < nn.MetricsLen {
		return f
	}
	f.Wrong = r.counts(b, s.F64, n)
	largest := 0.0
	rest := s.F64[nn.MetricsLen:]
	if r.Spec.Kind == proto.Growth {
		rest = s.F64[min(measure.HeaderLen, len(s.F64)):]
	}
	var rode error
	largestRidden := 0.0
	var halves string
	if r.Graph != nil && len(s.F64) >= r.Layout.Len() {
		rest = r.Layout.Moments(s.F64)
		halves = r.halves(r.Layout.Halves(s.F64), norm)
	}
	if len(r.Riding) > 0 && len(s.F64) >= r.Layout.Len() {
		largestRidden, rode = measure.LookRidden(r.Riding, r.Metric, s.F64[r.Layout.Len():], n/r.steps())
	}
	for _, v := range rest {
		if m := math.Abs(v); m > largest || m != m {
			largest = m
		}
	}
	loss := nn.MetricsOf(s.F64).Loss
	f.sizes = sizes{norm / r.over(b, n), largest / n, loss / n, largestRidden / n}
	switch {
	case !faults.Finite(norm), !faults.Finite(largest), !faults.Finite(loss):
		f.Doubt = "some of its numbers are none"
	case rode != nil:
		f.Doubt = rode.Error()
	case halves != "":
		f.Doubt = halves
	case loss < -1e-6*n:
		f.Doubt = fmt.Sprintf("its loss is %.3g", loss)
	case r.Graph != nil && len(s.F64) >= r.Layout.Len():
		f.Doubt = r.variances(r.Layout.Moments(s.F64))
	}
	return f
}

// counts compares what counts samples with the block's n.
func (r Round) counts(b proto.Block, v []float64, n float64) string {
	m := nn.MetricsOf(v)
	switch correct := m.Correct; {
	case m.N != n:
		return fmt.Sprintf("they are over %v samples, the block has %v", m.N, n)
	case !(correct <= n) || !r.Scored && (!(correct >= 0) || correct != math.Trunc(correct)):
		return fmt.Sprintf("%v of %v samples cannot be classified correctly", correct, n)
	case r.Spec.Kind == proto.Growth && (len(v) < measure.HeaderLen || measure.TotalsOf(v).Shards != float64(b.Len())):
		return fmt.Sprintf("they are not over the %d micro-shards of the block", b.Len())
	}
	switch {
	case r.Graph == nil:
		return ""
	case len(v) < r.Layout.Len():
		return "their batch-norm moments are too few"
	}
	if h := r.Layout.Halves(v); !r.Spec.Halved(b) && (h[0] != 0 || h[1] != 0) {
		return "they tell of halves of a batch that nobody asked them for"
	}
	moments := r.Layout.Moments(v)
	for _, norm := range r.Layout.Norms {
		count := *norm.Count(moments)
		positions := count / n
		if r.Spec.Kind == proto.Local { // those of earlier steps count less
			positions = whole(count / (n / r.steps() * r.Graph.DecayedSteps(norm.Node, uint64(r.Spec.Local.Steps))))
		}
		if !(positions >= 1) || positions != math.Trunc(positions) {
			return fmt.Sprintf("their batch-norm moments are over %v values, the block has %v samples", count, n)
		}
	}
	return ""
}

// halves looks at what sums tell of the halves of a round: |a + b|^2 <= 2 |a|^2 + 2 |b|^2.
func (r Round) halves(squares []float64, norm float64) string {
	left, right := squares[0], squares[1]
	told := left != 0 || right != 0
	switch {
	case !(left >= 0 && right >= 0) || !faults.Finite(left+right):
		return "the squares of its halves are none"
	case told && norm*norm > float64(2*(left+right)*(1+slack)):
		return fmt.Sprintf("its gradient, of norm %.3g, is no sum of halves of norms %.3g and %.3g", norm, math.Sqrt(left),
			math.Sqrt(right))
	}
	return ""
}

// steps returns how many steps the samples of the round are of.
func (r Round) steps() float64 { return float64(max(r.Spec.Local.Steps, 1)) }

// over returns what the float32 values of sums over block b, of n samples, are divided by to be
// those of a mean gradient.
func (r Round) over(b proto.Block, n float64) float64 {
	if r.Spec.Kind != proto.Local || r.Moved == 0 {
		return n
	}
	return float64(r.Moved * float64(b.Len()))
}

// whole returns the whole number that v is but for what rounding left, else v.
func whole(v float64) float64 {
	if n := math.Round(v); math.Abs(v-n) <= 1e-9*n {
		return n
	}
	return v
}

// slack is the relative error that float32 sums of squares may have at most.
const slack = 1e-2

// variances looks for batch-norm moments whose mean is beyond what their sum of
// squares allows: |sum|^2 <= count * squares.
func (r Round) variances(at []float64) string {
	for layer, norm := range r.Layout.Norms {
		sums, squares, count := norm.Sums(at), norm.Squares(at), *norm.Count(at)
		for c, sum := range sums {
			squares := squares[c]
			if squares < 0 || sum*sum > float64(count*squares*(1+slack))+1e-12 {
				return fmt.Sprintf("channel %d of batch-norm layer %d has a negative variance", c, layer+1)
			}
		}
	}
	return ""
}
