package kernel

// Batch normalisation as passes over rows. Activations are (P, C, 32): P
// pixels, all blocks one after another where nothing is summed, one block
// where lanes are summed. Coefficients of a channel lie side by side in a
// table (C, NormCoefs), in the order of the constants below.
const (
	NormRef   = iota // a value near the channel's mean, so that sums of squares do not cancel
	NormScale        // y = Scale x + Shift
	NormShift
	NormA // dx = A g + (B (x - Ref) + C)
	NormB
	NormC
	_
	_
	NormCoefs // length of a table row
)

// Moments sets s[c,l] = sum over p of d and q[c,l] = sum over p of d*d, where
// d = x[p,c,l] - Ref[c], adding pixels in order in one accumulator for each
// channel and lane. s and q are (C, 32), x is one block.
func Moments(s, q, x, k []float32) {
	c := channels(k, x)
	need(len(s) == c*lanes && len(q) == c*lanes)
	if momentsSIMD(s, q, x, k) {
		return
	}
	clear(s)
	clear(q)
	for r := 0; r < len(x)/lanes; r += c {
		for j := range c {
			ref := k[j*NormCoefs+NormRef]
			xr, sr, qr := row(x, r+j), row(s, j), row(q, j)
			for l := range xr {
				d := xr[l] - ref
				sr[l] += d
				qr[l] += float32(d * d)
			}
		}
	}
}

// Norm sets y = Scale x + Shift, and with relu y = 0 where that is below 0.
// y may be x.
func Norm(y, x, k []float32, relu bool) {
	c := channels(k, x)
	need(len(y) == len(x))
	if normSIMD(y, x, k, relu) {
		return
	}
	for r := 0; r < len(x)/lanes; r += c {
		for j := range c {
			scale, shift := k[j*NormCoefs+NormScale], k[j*NormCoefs+NormShift]
			xr, yr := row(x, r+j), row(y, r+j)
			for l := range xr {
				v := float32(xr[l]*scale) + shift
				if relu && v < 0 {
					v = 0
				}
				yr[l] = v
			}
		}
	}
}

// NormAdd sets y = (Scale x + Shift) + skip, and with relu y = 0 where that is
// below 0. y may be x or skip.
func NormAdd(y, x, skip, k []float32, relu bool) {
	c := channels(k, x)
	need(len(y) == len(x) && len(skip) == len(x))
	if normAddSIMD(y, x, skip, k, relu) {
		return
	}
	for r := 0; r < len(x)/lanes; r += c {
		for j := range c {
			scale, shift := k[j*NormCoefs+NormScale], k[j*NormCoefs+NormShift]
			xr, yr, or := row(x, r+j), row(y, r+j), row(skip, r+j)
			for l := range xr {
				v := float32(xr[l]*scale) + shift + or[l]
				if relu && v < 0 {
					v = 0
				}
				yr[l] = v
			}
		}
	}
}

// NormSums sets s[c,l] = sum over p of g and q[c,l] = sum over p of
// g*(x - Ref), in the order of Moments. g is dy, with relu only where
// Scale x + Shift > 0, else 0.
func NormSums(s, q, dy, x, k []float32, relu bool) {
	c := channels(k, x)
	need(len(s) == c*lanes && len(q) == c*lanes && len(dy) == len(x))
	if normSumsSIMD(s, q, dy, x, k, relu) {
		return
	}
	clear(s)
	clear(q)
	for r := 0; r < len(x)/lanes; r += c {
		for j := range c {
			kr := k[j*NormCoefs : (j+1)*NormCoefs]
			ref, scale, shift := kr[NormRef], kr[NormScale], kr[NormShift]
			xr, dr, sr, qr := row(x, r+j), row(dy, r+j), row(s, j), row(q, j)
			for l := range xr {
				v, d := xr[l], dr[l]
				if relu && !(float32(v*scale)+shift > 0) {
					d = 0
				}
				sr[l] += d
				qr[l] += float32(d * (v - ref))
			}
		}
	}
}

// NormBackward sets dx = A g + (B (x - Ref) + C) with g as in NormSums. dx may
// be dy or x.
func NormBackward(dx, dy, x, k []float32, relu bool) {
	c := channels(k, x)
	need(len(dx) == len(x) && len(dy) == len(x))
	if normBackwardSIMD(dx, dy, x, k, relu) {
		return
	}
	for r := 0; r < len(x)/lanes; r += c {
		for j := range c {
			kr := k[j*NormCoefs : (j+1)*NormCoefs]
			ref, scale, shift := kr[NormRef], kr[NormScale], kr[NormShift]
			ca, cb, cc := kr[NormA], kr[NormB], kr[NormC]
			xr, dr, or := row(x, r+j), row(dy, r+j), row(dx, r+j)
			for l := range xr {
				v, d := xr[l], dr[l]
				if relu && !(float32(v*scale)+shift > 0) {
					d = 0
				}
				or[l] = float32(ca*d) + (float32(cb*(v-ref)) + cc)
			}
		}
	}
}

// channels returns the number of channels of a coefficient table and checks
// that x consists of whole pixels.
func channels(k, x []float32) int {
	c := len(k) / NormCoefs
	need(len(k) == c*NormCoefs)
	if c == 0 {
		need(len(x) == 0)
		return 0
	}
	need(len(x)%(c*lanes) == 0)
	return c
}
