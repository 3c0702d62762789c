package dataset

import (
	"math"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Mixing of samples: each sample of an order is mixed with one that is drawn from all of the order, augmented as
// the epoch has it, by a share that is drawn. The target is mixed by the same share.

var mixKey = rng.Key("mix")

// mixing is how a sample is mixed with another one.
type mixing struct {
	share float32 // share of the other one, in picture and target
	// Rows y0 to y1-1 of columns x0 to x1-1 are the other one's, and all else is the sample's own, where
	// the rectangle is not empty.
	y0, y1, x0, x1 int
}

// partner draws the position in the order of the other sample, of count, and how both are mixed.
func (s *Set) partner(o proto.Order, with proto.Strengths, sample, count int) (position int, m mixing) {
	d := dice{stream: rng.New(mixKey, o.Seed, o.Index, uint64(sample))}
	position = d.n(count)
	cut := d.n(2) == 1
	switch {
	case with.CutMix == 0:
		cut = false
	case with.MixUp == 0:
		cut = true
	}
	if !cut {
		m.share = float32(beta(&d, with.MixUp))
		return position, m
	}
	h, w := s.shape.H, s.shape.W
	side := math.Sqrt(beta(&d, with.CutMix))
	rows, columns := int(float64(side*float64(h))), int(float64(side*float64(w)))
	y, x := d.n(h), d.n(w)
	m.y0, m.y1 = max(y-rows/2, 0), min(y+rows-rows/2, h)
	m.x0, m.x1 = max(x-columns/2, 0), min(x+columns-columns/2, w)
	m.share = float32(float64((m.y1-m.y0)*(m.x1-m.x0)) / float64(h*w))
	return position, m
}

// maxDraws bounds the tries of beta: so many fail with a probability below 1e-9 for all alphas up to 2.55.
const maxDraws = 512

// beta draws from the distribution Beta(alpha, alpha): Jöhnk's method, with logarithms, so that no
// power is too small.
func beta(d *dice, alpha float64) float64 {
	for range maxDraws {
		x, y := portable.Log(1-d.unit())/alpha, portable.Log(1-d.unit())/alpha
		if portable.Exp(x)+portable.Exp(y) > 1 {
			continue
		}
		top := math.Max(x, y)
		a, b := portable.Exp(x-top), portable.Exp(y-top)
		return a / (a + b)
	}
	return 0.5
}

// blendLanes mixes block dst with block other, lane by lane.
func (s *Set) blendLanes(dst, other []float32, how *[tensor.Lanes]mixing) {
	var share [tensor.Lanes]float32
	any := false
	for l, m := range how {
		if m.y1 == m.y0 || m.x1 == m.x0 {
			share[l] = m.share
			any = any || m.share != 0
		}
	}
	for at := 0; any && at < len(dst); at += tensor.Lanes {
		d, o := dst[at:at+tensor.Lanes], other[at:at+tensor.Lanes]
		for l := range share {
			d[l] += float32(share[l] * float32(o[l]-d[l]))
		}
	}
	pixel := s.shape.C * tensor.Lanes
	for l, m := range how {
		for y := m.y0; y < m.y1; y++ {
			for at := (y*s.shape.W+m.x0)*pixel + l; at < (y*s.shape.W+m.x1)*pixel; at += tensor.Lanes {
				dst[at] = other[at]
			}
		}
	}
}
