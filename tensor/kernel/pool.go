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

// each calls f for every output pixel in order with its index and the rows and
// columns of the input that it covers.
func (w Window) each(blocks int, f func(out, block, y0, y1, x0, x1 int)) {
	out := 0
	for b := range blocks {
		for oy := range w.OutH() {
			y := oy*w.Stride - w.Pad
			for ox := range w.OutW() {
				x := ox*w.Stride - w.Pad
				f(out, b, max(y, 0), min(y+w.KH, w.H), max(x, 0), min(x+w.KW, w.W))
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
	w.each(blocks, func(out, b, y0, y1, x0, x1 int) {
		for c := range w.C {
			m := row(y, out*w.C+c)
			first := true
			for iy := y0; iy < y1; iy++ {
				for ix := x0; ix < x1; ix++ {
					v := row(x, ((b*w.H+iy)*w.W+ix)*w.C+c)
					if first {
						*m, first = *v, false
						continue
					}
					for l := range m {
						if v[l] > m[l] {
							m[l] = v[l]
						}
					}
				}
			}
			if first {
				for l := range m {
					m[l] = float32(math.Inf(-1))
				}
			}
		}
	})
}

// MaxPoolBackward adds every dy to dx at the first pixel of its window that
// equals y, windows in order, starting from 0.
func MaxPoolBackward(dx, dy, x, y []float32, w Window, blocks int) {
	w.check(dx, dy, blocks)
	w.check(x, y, blocks)
	clear(dx)
	w.each(blocks, func(out, b, y0, y1, x0, x1 int) {
		for c := range w.C {
			m, d := row(y, out*w.C+c), row(dy, out*w.C+c)
			var done [lanes]bool
			for iy := y0; iy < y1; iy++ {
				for ix := x0; ix < x1; ix++ {
					at := ((b*w.H+iy)*w.W+ix)*w.C + c
					v, dst := row(x, at), row(dx, at)
					for l := range m {
						if !done[l] && v[l] == m[l] {
							dst[l] += d[l]
							done[l] = true
						}
					}
				}
			}
		}
	})
}

// AvgPool sets every y to the sum of x over its window, pixels in order, times
// 1/(KH KW): padding counts as zeros, as in PyTorch's default.
func AvgPool(y, x []float32, w Window, blocks int) {
	w.check(x, y, blocks)
	scale := float32(1 / float64(w.KH*w.KW))
	w.each(blocks, func(out, b, y0, y1, x0, x1 int) {
		for c := range w.C {
			var s [lanes]float32
			for iy := y0; iy < y1; iy++ {
				for ix := x0; ix < x1; ix++ {
					v := row(x, ((b*w.H+iy)*w.W+ix)*w.C+c)
					for l := range s {
						s[l] += v[l]
					}
				}
			}
			dst := row(y, out*w.C+c)
			for l := range s {
				dst[l] = s[l] * scale
			}
		}
	})
}

// AvgPoolBackward sets dx to the sum of dy/(KH KW) over the windows that cover
// a pixel, windows in order.
func AvgPoolBackward(dx, dy []float32, w Window, blocks int) {
	w.check(dx, dy, blocks)
	scale := float32(1 / float64(w.KH*w.KW))
	clear(dx)
	w.each(blocks, func(out, b, y0, y1, x0, x1 int) {
		for c := range w.C {
			d := row(dy, out*w.C+c)
			for iy := y0; iy < y1; iy++ {
				for ix := x0; ix < x1; ix++ {
					dst := row(dx, ((b*w.H+iy)*w.W+ix)*w.C+c)
					for l := range d {
						dst[l] += float32(d[l] * scale)
					}
				}
			}
		}
	})
}
