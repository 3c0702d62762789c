package nn

// MetricsLen is the number of float64 sums with which those of every gradient and
// evaluation round begin: the fields of Metrics in order.
const MetricsLen = 3

// FlipLen is the number of sums behind the metrics of an evaluation of both sides of
// each picture: the loss and the correct samples by the mean of the two outputs.
const FlipLen = 2

// MetricsOf reads the metrics at the head of a round's float64 sums.
func MetricsOf(sums []float64) Metrics { return Metrics{sums[0], sums[1], sums[2]} }

// FlipsOf reads the metrics of both sides from the sums of an evaluation that has them.
func FlipsOf(sums []float64) Metrics {
	return Metrics{sums[0], sums[MetricsLen], sums[MetricsLen+1]}
}

// Put writes the metrics to the head of a round's float64 sums.
func (m Metrics) Put(sums []float64) { sums[0], sums[1], sums[2] = m.N, m.Loss, m.Correct }

// HalvesLen is the number of sums in which a gradient round tells the sums of the squares of
// the gradients of its two halves: those of the children of the root of its tree, the left one
// first. They are 0 in the sums over any other block, and in a round of one micro-shard.
const HalvesLen = 2

// GradientSums says what the float64 sums of a gradient round over a graph mean:
// the metrics, then the moments of the batch normalisations in node order, then the
// halves. What a round computes beside them begins at Len.
type GradientSums struct{ Norms []NormMoments }

// GradientSums returns the layout for a valid graph.
func (g *Graph) GradientSums() GradientSums {
	var l GradientSums
	at := 0
	for _, e := range g.BufferEntries() {
		if e.Role == RoleRunningMean {
			l.Norms = append(l.Norms, NormMoments{e.Node, e.Len(), at})
			at += momentsLen(e.Len())
		}
	}
	return l
}

// Len returns the number of metrics, moments and halves.
func (l GradientSums) Len() int { return MetricsLen + l.MomentsLen() + HalvesLen }

// MomentsLen returns the number of moments, which is Program.MomentsLen.
func (l GradientSums) MomentsLen() int {
	if len(l.Norms) == 0 {
		return 0
	}
	last := l.Norms[len(l.Norms)-1]
	return last.At + momentsLen(last.Channels)
}

// Moments returns the part of a gradient round's sums that Workspace.AddMoments
// adds to.
func (l GradientSums) Moments(sums []float64) []float64 { return sums[MetricsLen : l.Len()-HalvesLen] }

// Halves returns the part of a gradient round's sums that tells of its halves.
func (l GradientSums) Halves(sums []float64) []float64 { return sums[l.Len()-HalvesLen : l.Len()] }

// Norm returns where the moments of a node lie; ok is false if it has none.
func (l GradientSums) Norm(id NodeID) (n NormMoments, ok bool) {
	for _, n := range l.Norms {
		if n.Node == id {
			return n, true
		}
	}
	return NormMoments{}, false
}

// NormMoments is where the moments of one batch normalisation lie among all
// moments: for each channel the sum of its values, then for each the sum of their
// squares, then the number of values of a channel.
type NormMoments struct {
	Node     NodeID
	Channels int
	At       int // index of the first
}

// momentsLen returns the number of moments of that many channels.
func momentsLen(channels int) int { return 2*channels + 1 }

// Sums returns the sum of the values of each channel.
func (n NormMoments) Sums(moments []float64) []float64 { return moments[n.At:][:n.Channels] }

// Squares returns the sum of the squares of the values of each channel.
func (n NormMoments) Squares(moments []float64) []float64 {
	return moments[n.At+n.Channels:][:n.Channels]
}

// Count returns the number of values of a channel.
func (n NormMoments) Count(moments []float64) *float64 { return &moments[n.At+2*n.Channels] }
