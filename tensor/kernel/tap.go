package kernel

import "github.com/tinygrow/tinygrow/tensor"

// A tap call computes rows x 32 tiles for count pixels of one span:
//
//	for i in 0..count, r in 0..rows, lane:
//	  acc = bias[r] (or 0)
//	  for each run, for k in 0..run.k:
//	    acc = FMA(w[(run.w+k)*rows + r], src[i*srcStep + run.src + k*32 + lane], acc)
//	  dst[i*dstStep + r*32 + lane] = acc
type tap struct {
	rows, count      int
	dst, src         []float32
	dstStep, srcStep int
	w, bias          []float32
	runs             []run
}

// check panics unless every element that the call touches exists.
func (t *tap) check() {
	if t.rows < 1 || t.count < 1 || t.dstStep < 0 || t.srcStep < 0 {
		panic("kernel: impossible tap call")
	}
	if len(t.dst) < (t.count-1)*t.dstStep+t.rows*tensor.Lanes {
		panic("kernel: destination too short")
	}
	if t.bias != nil && len(t.bias) < t.rows {
		panic("kernel: bias too short")
	}
	last := (t.count - 1) * t.srcStep
	for _, r := range t.runs {
		if r.k < 1 || r.src < 0 || r.w < 0 || len(t.src) < last+r.src+r.k*tensor.Lanes {
			panic("kernel: source too short")
		}
		if len(t.w) < (r.w+r.k)*t.rows {
			panic("kernel: packed weights too short")
		}
	}
}

// doGeneric is the loop above in Go.
func (t *tap) doGeneric() {
	for i := range t.count {
		src := t.src[i*t.srcStep:]
		for r := range t.rows {
			var acc [tensor.Lanes]float32
			if t.bias != nil {
				for l := range acc {
					acc[l] = t.bias[r]
				}
			}
			for _, u := range t.runs {
				for k := range u.k {
					fmaRow(acc[:], t.w[(u.w+k)*t.rows+r], src[u.src+k*tensor.Lanes:])
				}
			}
			copy(t.dst[i*t.dstStep+r*tensor.Lanes:], acc[:])
		}
	}
}
