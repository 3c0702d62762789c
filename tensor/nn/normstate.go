package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// channelState is what a workspace knows of one batchnorm channel between
// forward and backward. Sums are over the valid samples of the micro-shard and
// all pixels; lanes are added in order within a block, blocks in order.
type channelState struct {
	mean, inv  float64 // inv is 1/sqrt(variance + eps)
	sum, sumSq float64 // moments of the values
	s, q       float64 // sums of the pass at hand
}

func (w *Workspace) channels(n *norm) []channelState { return w.state[n.state : n.state+n.channels] }

func (w *Workspace) coefs(n *norm) []float32 {
	return w.coef[n.state*kernel.NormCoefs : (n.state+n.channels)*kernel.NormCoefs]
}

// clearSums starts a pass of sums.
func (w *Workspace) clearSums(n *norm) {
	cs := w.channels(n)
	for i := range cs {
		cs[i].s, cs[i].q = 0, 0
	}
}

// foldSums adds the lane sums of block b in w.s and w.q, valid lanes only.
func (w *Workspace) foldSums(n *norm, b int) {
	used := w.lanes(b)
	cs := w.channels(n)
	for i := range cs {
		var s, q float64
		sr := w.s[i*tensor.Lanes:][:used]
		qr := w.q[i*tensor.Lanes:][:len(sr)]
		for l, v := range sr {
			s += float64(v)
			q += float64(qr[l])
		}
		cs[i].s += s
		cs[i].q += q
	}
}

// measure sets mean and inv of n's channels from the micro-shard's own values
// x, and their moments. The reference of a channel is the mean of the pixel in
// the middle over the first block.
func (w *Workspace) measure(n *norm, x []float32) {
	cs, k := w.channels(n), w.coefs(n)
	used := w.lanes(0)
	middle := n.pixels / 2 * n.channels * tensor.Lanes
	for i := range cs {
		var s float64
		for _, v := range x[middle+i*tensor.Lanes:][:used] {
			s += float64(v)
		}
		k[i*kernel.NormCoefs+kernel.NormRef] = float32(s / float64(used))
	}
	w.clearSums(n)
	for b := range w.blocks {
		kernel.Moments(w.s[:n.channels*tensor.Lanes], w.q[:n.channels*tensor.Lanes], w.block(x, b), k)
		w.foldSums(n, b)
	}
	count := float64(w.n * n.pixels)
	for i := range cs {
		c := &cs[i]
		ref := float64(k[i*kernel.NormCoefs+kernel.NormRef])
		off := c.s / count
		c.mean = ref + off
		variance := c.q/count - float64(off*off)
		if variance < 0 {
			variance = 0 // rounding; NaN stays
		}
		c.inv = 1 / math.Sqrt(variance+n.eps)
		c.sum = c.s + float64(count*ref)
		c.sumSq = c.q + float64(ref*(float64(2*c.s)+float64(count*ref)))
	}
}

// recall sets mean and inv of n's channels from the running statistics.
func (w *Workspace) recall(n *norm) {
	mean, variance := n.mean.Of(w.running), n.variance.Of(w.running)
	cs, k := w.channels(n), w.coefs(n)
	for i := range cs {
		cs[i].mean = float64(mean[i])
		cs[i].inv = 1 / math.Sqrt(float64(variance[i])+n.eps)
		cs[i].sum, cs[i].sumSq = 0, 0
		k[i*kernel.NormCoefs+kernel.NormRef] = mean[i]
	}
}

// affine sets the coefficients of y = Scale x + Shift.
func (w *Workspace) affine(n *norm) {
	gamma, beta := w.packed.vector[n.gammaVec:], w.packed.vector[n.betaVec:]
	cs, k := w.channels(n), w.coefs(n)
	for i := range cs {
		scale := float64(float64(gamma[i]) * cs[i].inv)
		k[i*kernel.NormCoefs+kernel.NormScale] = float32(scale)
		k[i*kernel.NormCoefs+kernel.NormShift] = float32(float64(beta[i]) - float64(cs[i].mean*scale))
	}
}

// slopes turns the sums of a backward pass, of g and of g (x - ref), into the
// gradients of weight and bias and the coefficients of
// dx = A g + B (x - mean) - A mean(g), where under running statistics mean and
// variance do not depend on x and dx = A g.
func (w *Workspace) slopes(n *norm) {
	gamma := w.packed.vector[n.gammaVec:]
	var dGamma, dBeta []float32
	if w.grad != nil {
		dGamma, dBeta = n.weight.Of(w.grad), n.bias.Of(w.grad)
	}
	cs, k := w.channels(n), w.coefs(n)
	count := float64(w.n * n.pixels)
	for i := range cs {
		c, row := &cs[i], k[i*kernel.NormCoefs:(i+1)*kernel.NormCoefs]
		ref := float64(row[kernel.NormRef])
		centred := c.q + float64((ref-c.mean)*c.s) // sum of g (x - mean)
		if dGamma != nil {
			dGamma[i], dBeta[i] = float32(centred*c.inv), float32(c.s)
		}
		a := float64(float64(gamma[i]) * c.inv)
		var slope, offset float64
		if w.mode == Train {
			slope = -a * c.inv * c.inv * centred / count
			offset = float64(slope*(ref-c.mean)) - float64(a*c.s)/count
		}
		row[kernel.NormA], row[kernel.NormB], row[kernel.NormC] = float32(a), float32(slope), float32(offset)
	}
}

// MomentsLen returns the number of moments: those of GradientSums.
func (p *Program) MomentsLen() int { return p.moments }

// SumsLen returns the number of float64 sums of a gradient round: GradientSums.Len.
func (p *Program) SumsLen() int { return MetricsLen + p.moments + HalvesLen }

// AddMoments adds the moments of the last Forward in Train mode to dst.
func (w *Workspace) AddMoments(dst []float64) {
	if len(dst) != w.program.moments {
		panic("nn: wrong number of moments")
	}
	for _, n := range w.program.norms {
		at := NormMoments{Channels: n.channels, At: n.moments}
		sums, squares := at.Sums(dst), at.Squares(dst)
		for i, c := range w.channels(n) {
			sums[i] += c.sum
			squares[i] += c.sumSq
		}
		*at.Count(dst) += float64(w.n * n.pixels)
	}
}

// UpdateRunning moves the running statistics in buffers towards the moments of
// a whole step (sums of AddMoments over its micro-shards) by PyTorch's rule:
// running += momentum (batch - running), with the unbiased variance.
func UpdateRunning(g *Graph, buffers []float32, moments []float64) {
	UpdateRunningBy(g, buffers, moments, 1)
}

// UpdateRunningBy is UpdateRunning by so many steps at once, at least 1, whose moments
// were put together with DecayMoments: the running means become those of one step after the
// other; the variances are around the mean of all these steps.
func UpdateRunningBy(g *Graph, buffers []float32, moments []float64, steps uint64) {
	entries := ByName(g.BufferEntries())
	for _, n := range g.GradientSums().Norms {
		node := g.Node(n.Node)
		mean, variance := entries[node.tensor(RoleRunningMean)].Of(buffers), entries[node.tensor(RoleRunningVar)].Of(buffers)
		momentum := momentum(node.Momentum).over(steps)
		sums, squares, count := n.Sums(moments), n.Squares(moments), *n.Count(moments)
		for i := range variance {
			m := sums[i] / count
			v := max(squares[i]/count-float64(m*m), 0)
			if count > 1 {
				v = float64(v * (count / (count - 1)))
			}
			mean[i], variance[i] = momentum.towards(mean[i], m), momentum.towards(variance[i], v)
		}
	}
}

// DecayMoments puts the moments of one more step behind those of earlier ones, so that
// each counts as much as it does in the running statistics: sum = (1 - momentum) sum + step.
func DecayMoments(g *Graph, sum, step []float64) {
	for _, n := range g.GradientSums().Norms {
		keep := 1 - g.Node(n.Node).Momentum
		of := momentsLen(n.Channels)
		for i, v := range step[n.At:][:of] {
			sum[n.At+i] = float64(keep*sum[n.At+i]) + v
		}
	}
}

// DecayedSteps returns how many steps the count of a normalisation's moments is of, once
// DecayMoments put those of so many together, which count less and less.
func (g *Graph) DecayedSteps(id NodeID, steps uint64) float64 {
	m := g.Node(id).Momentum
	if m == 0 {
		return float64(steps)
	}
	return float64(momentum(m).over(steps)) / m
}

// momentum is the part of the way that running statistics move in a step.
type momentum float64

// over returns the part of the way in so many steps.
func (m momentum) over(steps uint64) momentum {
	if steps == 1 {
		return m
	}
	return momentum(1 - portable.PowInt(1-float64(m), steps))
}

func (m momentum) towards(running float32, v float64) float32 {
	return float32(float64((1-float64(m))*float64(running)) + float64(float64(m)*v))
}
