package kernel

// GroupNorm normalises groups of channels of each sample over all positions, PyTorch's
// GroupNorm, by the mean and the variance of the group itself. With one group and one
// position an image it is PyTorch's LayerNorm over the channels of a position: then all
// positions are images. Shapes: x, y, dx and dy (images, Positions, C, 32), weight, bias
// and their gradients (C).
//
// A sum of a group is one chain for each lane over the channels of a position from +0,
// then one over the positions. Every product is rounded by itself.
type GroupNorm struct {
	C, Groups, Positions int
	Eps                  float32
}

// groupStatistics are the mean and 1 / sqrt(variance + eps) of a group, for each lane.
type groupStatistics struct{ mean, scale [lanes]float32 }

// Forward computes y from x.
func (n GroupNorm) Forward(y, x, weight, bias []float32, images int) {
	n.check(y, x, weight, images)
	need(len(bias) == n.C)
	for image := range images {
		for g := range n.Groups {
			s := n.statistics(x, image, g)
			c := n.channels(g)
			for p := range n.Positions {
				r := n.rows(image, p, c)
				groupNorm(r.Of(y), r.Of(x), s.mean[:], s.scale[:], c.Of(weight), c.Of(bias))
			}
		}
	}
}

// ScratchLen returns the scratch length that Backward needs.
func (n GroupNorm) ScratchLen() int { return n.C * (2*lanes + vec) }

// Backward computes dx and, if dw is not nil, dw and db, the gradients at weight and bias
// summed over all samples: of a channel a chain for each lane over images and positions,
// whose lanes are then added as said in the package comment. Lanes without a sample must be
// zero in dy. dx may be dy.
func (n GroupNorm) Backward(dx, dw, db, dy, x, weight []float32, images int, scratch []float32) {
	n.check(dx, x, weight, images)
	need(len(dy) == len(dx) && (dw == nil || len(dw) == n.C && len(db) == n.C) && len(scratch) >= n.ScratchLen())
	sums := scratch[:2*n.C*lanes]
	ofWeight, ofBias := sums[:n.C*lanes], sums[n.C*lanes:]
	clear(sums)
	for image := range images {
		for g := range n.Groups {
			n.group(dx, dy, x, weight, image, g, ofWeight, ofBias)
		}
	}
	if dw == nil {
		return
	}
	parts := scratch[2*n.C*lanes:][:n.C*vec]
	foldRows(Active(), dw, ofWeight, parts)
	foldRows(Active(), db, ofBias, parts)
}

// group does the work of Backward on one group of an image.
func (n GroupNorm) group(dx, dy, x, weight []float32, image, g int, ofWeight, ofBias []float32) {
	s := n.statistics(x, image, g)
	c := n.channels(g)
	own := Range{c.Lo * lanes, c.Hi * lanes}
	var gs, gns, part, normed [lanes]float32
	for p := range n.Positions {
		r := n.rows(image, p, c)
		clear(part[:])
		clear(normed[:])
		groupGradients(own.Of(ofWeight), own.Of(ofBias), part[:], normed[:],
			own.Of(ofWeight), own.Of(ofBias), r.Of(dy), r.Of(x), s.mean[:], s.scale[:], c.Of(weight))
		groupSum(gs[:], part[:])
		groupSum(gns[:], normed[:])
	}
	count := [1]float32{float32(n.Positions * c.Len())}
	groupShare(gs[:], gs[:], count[:])
	groupShare(gns[:], gns[:], count[:])
	for p := range n.Positions {
		r := n.rows(image, p, c)
		groupBackward(r.Of(dx), r.Of(dy), r.Of(x), s.mean[:], s.scale[:], c.Of(weight), gs[:], gns[:])
	}
}

// statistics returns those of a group, the variance around the mean.
func (n GroupNorm) statistics(x []float32, image, g int) (s groupStatistics) {
	c := n.channels(g)
	count, eps := [1]float32{float32(n.Positions * c.Len())}, [1]float32{n.Eps}
	var sum, part [lanes]float32
	for p := range n.Positions {
		clear(part[:])
		groupSum(part[:], n.rows(image, p, c).Of(x))
		groupSum(sum[:], part[:])
	}
	groupShare(s.mean[:], sum[:], count[:])
	clear(sum[:])
	for p := range n.Positions {
		clear(part[:])
		groupSquares(part[:], n.rows(image, p, c).Of(x), s.mean[:])
		groupSum(sum[:], part[:])
	}
	groupScale(s.scale[:], sum[:], count[:], eps[:])
	return s
}

// channels returns those of group g.
func (n GroupNorm) channels(g int) Range {
	size := n.C / n.Groups
	return Range{g * size, (g + 1) * size}
}

// rows returns where some channels of a position lie.
func (n GroupNorm) rows(image, position int, c Range) Range {
	first := (image*n.Positions + position) * n.C
	return Range{(first + c.Lo) * lanes, (first + c.Hi) * lanes}
}

func (n GroupNorm) check(y, x, weight []float32, images int) {
	need(n.Groups > 0 && n.C%n.Groups == 0 && n.Positions > 0 && images >= 0)
	need(len(y) == images*n.Positions*n.C*lanes && len(x) == len(y) && len(weight) == n.C)
}

// foldRows sets out[i] to the sum of the lanes of rows i, i + len(out), and so on.
func foldRows(isa ISA, out, rows, parts []float32) {
	clear(parts)
	laneSums(isa, parts, rows, len(out))
	for i := range out {
		out[i] = combine((*[vec]float32)(parts[i*vec:]))
	}
}
