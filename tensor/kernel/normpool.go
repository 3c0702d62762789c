package kernel

// Batch normalisation, ReLU and a maximum over windows that tile the image,
// without the array between them. x is (blocks, H, W, C, 32), k the table of
// Norm, y and dy are (blocks, H/KH, W/KW, C, 32). The normalised value of a
// pixel is v = Scale x + Shift rounded as in Norm; the winner of a window is
// the first pixel of the largest v, and passes the gradient where v > 0.

// NormMaxPool sets y to the largest v of its window, or 0 where that is below 0.
func NormMaxPool(y, x, k []float32, w Window, blocks int) {
	w.checkTiles(x, y, k, blocks)
	if normMaxPoolSIMD(y, x, k, w, blocks) {
		return
	}
	w.each(blocks, func(from view) {
		for c := range w.C {
			scale, shift := k[c*NormCoefs+NormScale], k[c*NormCoefs+NormShift]
			m := row(y, from.out*w.C+c)
			for iy := from.y.Lo; iy < from.y.Hi; iy++ {
				for ix := from.x.Lo; ix < from.x.Hi; ix++ {
					xr := row(x, ((from.block*w.H+iy)*w.W+ix)*w.C+c)
					first := iy == from.y.Lo && ix == from.x.Lo
					for l := range m {
						if v := float32(xr[l]*scale) + shift; first || v > m[l] {
							m[l] = v
						}
					}
				}
			}
			for l := range m {
				if m[l] < 0 {
					m[l] = 0
				}
			}
		}
	})
}

// NormMaxPoolSums sets s[c,l] = sum of g and q[c,l] = sum of g*(x - Ref) over
// the windows in order, x that of the winner. x and dy are one block.
func NormMaxPoolSums(s, q, dy, x, k []float32, w Window) {
	w.checkTiles(x, dy, k, 1)
	need(len(s) == w.C*lanes && len(q) == w.C*lanes)
	clear(s)
	clear(q)
	if normMaxPoolSumsSIMD(s, q, dy, x, k, w, 1) {
		return
	}
	w.each(1, func(from view) {
		for c := range w.C {
			m, best, _ := w.winners(x, k, c, from)
			ref := k[c*NormCoefs+NormRef]
			d, sr, qr := row(dy, from.out*w.C+c), row(s, c), row(q, c)
			for l := range m {
				var g float32
				if m[l] > 0 {
					g = d[l]
				}
				sr[l] += g
				qr[l] += float32(g * (best[l] - ref))
			}
		}
	})
}

// NormMaxPoolBackward sets dx = A g + (B (x - Ref) + C), g at the winners and 0
// elsewhere.
func NormMaxPoolBackward(dx, dy, x, k []float32, w Window, blocks int) {
	w.checkTiles(x, dy, k, blocks)
	need(len(dx) == len(x))
	if normMaxPoolBackwardSIMD(dx, dy, x, k, w, blocks) {
		return
	}
	w.each(blocks, func(from view) {
		for c := range w.C {
			kr := k[c*NormCoefs : (c+1)*NormCoefs]
			ref, ca, cb, cc := kr[NormRef], kr[NormA], kr[NormB], kr[NormC]
			m, _, at := w.winners(x, k, c, from)
			d := row(dy, from.out*w.C+c)
			i := int32(0)
			for iy := from.y.Lo; iy < from.y.Hi; iy++ {
				for ix := from.x.Lo; ix < from.x.Hi; ix++ {
					r := ((from.block*w.H+iy)*w.W+ix)*w.C + c
					xr, dst := row(x, r), row(dx, r)
					for l := range dst {
						var g float32
						if at[l] == i && m[l] > 0 {
							g = d[l]
						}
						dst[l] = float32(ca*g) + (float32(cb*(xr[l]-ref)) + cc)
					}
					i++
				}
			}
		}
	})
}

// winners returns, for every lane, the largest v of a window, the x it came
// from and its place within the window.
func (w Window) winners(x, k []float32, c int, from view) (m, best [lanes]float32, at [lanes]int32) {
	scale, shift := k[c*NormCoefs+NormScale], k[c*NormCoefs+NormShift]
	i := int32(0)
	for iy := from.y.Lo; iy < from.y.Hi; iy++ {
		for ix := from.x.Lo; ix < from.x.Hi; ix++ {
			xr := row(x, ((from.block*w.H+iy)*w.W+ix)*w.C+c)
			for l := range m {
				if v := float32(xr[l]*scale) + shift; i == 0 || v > m[l] {
					m[l], best[l], at[l] = v, xr[l], i
				}
			}
			i++
		}
	}
	return
}

func (w Window) checkTiles(x, y, k []float32, blocks int) {
	w.check(x, y, blocks)
	need(w.Tiles() && len(k) == w.C*NormCoefs)
}
