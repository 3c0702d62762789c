package kernel

import "github.com/tinygrow/tinygrow/tensor"

// ScratchLen returns the scratch length that every method of c accepts for blocks.
func (c *Conv) ScratchLen(blocks int) int { return 0 }

// BackwardWeights computes dw and db (which may be nil), the gradients at
// the weights and the bias summed over all samples, pixels and blocks.
// Lanes without a sample must be zero in dy.
func (c *Conv) BackwardWeights(dw, db, x, dy []float32, blocks int, scratch []float32) {
	c.checkData(dy, x, blocks)
	g := c.geometry
	if len(dw) < g.weights() || db != nil && len(db) < g.OutC {
		panic("kernel: BackwardWeights: slice too short")
	}
	outH, outW, area := g.OutH(), g.OutW(), g.KH*g.KW
	dw = dw[:g.weights()]
	clear(dw)
	for row := range blocks * outH * min(1, g.InC) {
		b, oh := row/outH, row%outH
		for kh := range g.KH {
			ih := oh*g.Stride + kh - g.Pad
			if ih < 0 || ih >= g.InH {
				continue
			}
			for lane := range tensor.Lanes {
				for ow := range outW {
					for oc := range g.OutC {
						d := dy[((row*outW+ow)*g.OutC+oc)*tensor.Lanes+lane]
						for kw := range g.KW {
							iw := ow*g.Stride + kw - g.Pad
							out := dw[oc*g.InC*area+kh*g.KW+kw:]
							if iw < 0 || iw >= g.InW {
								for ic := range g.InC {
									out[ic*area] = FMA(d, 0, out[ic*area])
								}
								continue
							}
							in := x[((b*g.InH+ih)*g.InW+iw)*g.InC*tensor.Lanes+lane:]
							for ic := range g.InC {
								out[ic*area] = FMA(d, in[ic*tensor.Lanes], out[ic*area])
							}
						}
					}
				}
			}
		}
	}
	if db != nil {
		biasGradient(db[:g.OutC], dy, blocks*outH*outW)
	}
}

// biasGradient sums the lanes of pixels rows of len(db) channels.
func biasGradient(db, dy []float32, pixels int) {
	for c := range db {
		var part [16]float32
		for p := range pixels {
			row := (*[tensor.Lanes]float32)(dy[(p*len(db)+c)*tensor.Lanes:])
			for l, v := range row {
				part[l%16] += v
			}
		}
		db[c] = combine(&part)
	}
}

// combine adds 16 partial sums by halves.
func combine(p *[16]float32) float32 {
	for n := 8; n > 0; n /= 2 {
		for j := range n {
			p[j] += p[j+n]
		}
	}
	return p[0]
}
