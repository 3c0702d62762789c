package kernel

import "math"

// Window is the geometry of a pooling layer over activations (blocks, H, W, C, 32).
type Window struct{ C, H, W, KH, KW, Stride, Pad int }

// OutH returns the number of output rows.
func (w Window) OutH() int { return (w.H+2*w.Pad-w.KH)/w.Stride + 1 }

// OutW returns the number of output columns.
func (w Window) OutW() int { return (w.W+2*w.Pad-w.KW)/w.Stride + 1 }

// Tiles reports whether every input pixel lies in exactly one window.
func (w Window) Tiles() bool {
	return w.Pad == 0 && w.KH == w.Stride && w.KW == w.Stride && w.H%w.KH == 0 && w.W%w.KW == 0
}

func (w Window) check(x, y []float32, blocks int) {
	need(len(x) == blocks*w.H*w.W*w.C*lanes && len(y) == blocks*w.OutH()*w.OutW()*w.C*lanes)
}

// A view is what output pixel out covers: rows y and columns x of the image of a block.
type view struct {
	out, block int
	y, x       Range
}

// each calls f for every output pixel in order.
func (w Window) each(blocks int, f func(view)) {
	out := 0
	for b := range blocks {
		for oy := range w.OutH() {
			y := oy*w.Stride - w.Pad
			for ox := range w.OutW() {
				x := ox*w.Stride - w.Pad
				f(view{out, b, Range{max(y, 0), min(y+w.KH, w.H)}, Range{max(x, 0), min(x+w.KW, w.W)}})
				out++
			}
		}
	}
}

// MaxPool sets every y to the largest x of its window: m = v where v > m, over
// the window's pixels in order, starting from -Inf for an empty window and
// from its first pixel else. Padding never wins.
func MaxPool(y, x []float32, w Window, blocks int) {
	w.check(x, y, blocks)
	n := w.C * lanes
	w.each(blocks, func(from view) {
		m := y[from.out*n : (from.out+1)*n]
		if from.y.Len() <= 0 || from.x.Len() <= 0 {
			for l := range m {
				m[l] = float32(math.Inf(-1))
			}
			return
		}
		for iy := from.y.Lo; iy < from.y.Hi; iy++ {
			for ix := from.x.Lo; ix < from.x.Hi; ix++ {
				v := w.pixel(x, pixel{from.block, iy, ix})
				if iy == from.y.Lo && ix == from.x.Lo {
					copy(m, v)
				} else {
					raise(m, v)
				}
			}
		}
	})
}

// MaxPoolBackward adds every dy to dx at the first pixel of its window that
// equals y, windows in order, starting from 0. scratch holds one pixel, C*32.
func MaxPoolBackward(dx, dy, x, y []float32, w Window, blocks int, scratch []float32) {
	w.check(dx, dy, blocks)
	w.check(x, y, blocks)
	n := w.C * lanes
	need(len(scratch) >= n)
	rest := scratch[:n]
	clear(dx)
	w.each(blocks, func(from view) {
		m := y[from.out*n : (from.out+1)*n]
		copy(rest, dy[from.out*n:(from.out+1)*n])
		for iy := from.y.Lo; iy < from.y.Hi; iy++ {
			for ix := from.x.Lo; ix < from.x.Hi; ix++ {
				claim(w.pixel(dx, pixel{from.block, iy, ix}), rest, w.pixel(x, pixel{from.block, iy, ix}), m)
			}
		}
	})
}

// AvgPool sets every y to the sum of x over its window, pixels in order, times
// 1/(KH KW): padding counts as zeros, as in PyTorch's default.
func AvgPool(y, x []float32, w Window, blocks int) {
	w.check(x, y, blocks)
	n := w.C * lanes
	scale := w.share()
	w.each(blocks, func(from view) {
		s := y[from.out*n : (from.out+1)*n]
		clear(s)
		for iy := from.y.Lo; iy < from.y.Hi; iy++ {
			for ix := from.x.Lo; ix < from.x.Hi; ix++ {
				Add(s, s, w.pixel(x, pixel{from.block, iy, ix}))
			}
		}
		for l := range s {
			s[l] = float32(s[l] * scale)
		}
	})
}

// AvgPoolBackward sets dx to the sum of dy/(KH KW) over the windows that cover
// a pixel, windows in order.
func AvgPoolBackward(dx, dy []float32, w Window, blocks int) {
	w.check(dx, dy, blocks)
	n := w.C * lanes
	scale := w.share()
	clear(dx)
	w.each(blocks, func(from view) {
		for iy := from.y.Lo; iy < from.y.Hi; iy++ {
			for ix := from.x.Lo; ix < from.x.Hi; ix++ {
				addScaled(w.pixel(dx, pixel{from.block, iy, ix}), dy[from.out*n:(from.out+1)*n], &scale)
			}
		}
	})
}

// share returns 1/(KH KW).
func (w Window) share() float32 { return float32(1 / float64(w.KH*w.KW)) }

// pixel is a place in blocks of images.
type pixel struct{ block, y, x int }

// pixel returns all channels of x at p.
func (w Window) pixel(x []float32, p pixel) []float32 {
	at := ((p.block*w.H+p.y)*w.W + p.x) * w.C * lanes
	return x[at : at+w.C*lanes]
}

// raise sets m = v where v > m.
func raise(m, v []float32) {
	for i := raiseSIMD(m, v); i < len(m); i++ {
		if v[i] > m[i] {
			m[i] = v[i]
		}
	}
}

// claim adds rest to dx where x = m, and leaves 0 there.
func claim(dx, rest, x, m []float32) {
	for i := claimSIMD(dx, rest, x, m); i < len(dx); i++ {
		var d float32
		if x[i] == m[i] {
			d, rest[i] = rest[i], 0
		}
		dx[i] += d
	}
}

// addScaled adds x times scale to y.
func addScaled(y, x []float32, scale *float32) {
	for i := addScaledSIMD(y, x, scale); i < len(y); i++ {
		y[i] += float32(x[i] * *scale)
	}
}
