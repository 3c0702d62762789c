package kernel

// A filter call computes all channels of count destination pixels of one span, each
// channel from source pixels of the same channel:
//
//	for i in 0..count, c in 0..channels, lane:
//	  acc = bias[c] (or 0)
//	  for each tap: acc = FMA(w[c*wStep + tap.w], src[i*srcStep + tap.src + c*32 + lane], acc)
//	  dst[i*dstStep + c*32 + lane] = acc
type filter struct {
	channels, count  int
	dst, src         []float32
	dstStep, srcStep int
	w, bias          []float32
	wStep            int
	taps             []filterTap
}

// A filterTap is a weight of a channel's filter and where the first destination pixel
// reads its source, in floats.
type filterTap struct{ src, w int }

// check panics unless every element that the call touches exists.
func (f *filter) check() {
	if f.channels < 1 || f.count < 1 || min(f.dstStep, f.srcStep, f.wStep) < 0 {
		panic("kernel: impossible filter call")
	}
	if len(f.dst) < (f.count-1)*f.dstStep+f.channels*lanes {
		panic("kernel: filter destination too short")
	}
	if f.bias != nil && len(f.bias) < f.channels {
		panic("kernel: filter bias too short")
	}
	for _, t := range f.taps {
		if t.src < 0 || len(f.src) < (f.count-1)*f.srcStep+t.src+f.channels*lanes {
			panic("kernel: filter source too short")
		}
		if t.w < 0 || len(f.w) < (f.channels-1)*f.wStep+t.w+1 {
			panic("kernel: filter weights too short")
		}
	}
}

// doGeneric is the loop above in Go.
func (f *filter) doGeneric() {
	for i := range f.count {
		for c := range f.channels {
			var acc [lanes]float32
			if f.bias != nil {
				for l := range acc {
					acc[l] = f.bias[c]
				}
			}
			for _, t := range f.taps {
				fmaRow(acc[:], f.w[c*f.wStep+t.w], f.src[i*f.srcStep+t.src+c*lanes:])
			}
			copy(f.dst[i*f.dstStep+c*lanes:], acc[:])
		}
	}
}

// A filterSum call adds products of dy and x over count pixels of one row, for
// neighbouring taps of a kernel row and all channels, to a sum for each lane:
//
//	for c in 0..channels, t in 0..taps, lane:
//	  acc = sums[c*sumsStep + t*32 + lane]
//	  for i in 0..count: acc = FMA(dy[i*dyStep + c*32 + lane], x[i*xStep + t*tapStep + c*32 + lane], acc)
//	  sums[c*sumsStep + t*32 + lane] = acc
type filterSum struct {
	channels, count, taps int
	sums, x, dy           []float32
	sumsStep, tapStep     int
	xStep, dyStep         int
}

// filterSumTaps is the most taps of a filterSum call.
const filterSumTaps = 7

// check panics unless every element that the call touches exists.
func (f *filterSum) check() {
	if f.channels < 1 || f.count < 1 || f.taps < 1 || f.taps > filterSumTaps || min(f.sumsStep, f.tapStep, f.xStep, f.dyStep) < 0 {
		panic("kernel: impossible filter sum")
	}
	if len(f.sums) < (f.channels-1)*f.sumsStep+f.taps*lanes {
		panic("kernel: filter sums too short")
	}
	row := f.channels * lanes
	if len(f.dy) < (f.count-1)*f.dyStep+row || len(f.x) < (f.count-1)*f.xStep+(f.taps-1)*f.tapStep+row {
		panic("kernel: filter sum source too short")
	}
}

// doGeneric is the loop above in Go.
func (f *filterSum) doGeneric() {
	for c := range f.channels {
		for t := range f.taps {
			acc := f.sums[c*f.sumsStep+t*lanes:][:lanes]
			for i := range f.count {
				fmaRows(acc, f.dy[i*f.dyStep+c*lanes:], f.x[i*f.xStep+t*f.tapStep+c*lanes:])
			}
		}
	}
}

// fmaRows sets acc[l] = FMA(a[l], b[l], acc[l]).
func fmaRows(acc, a, b []float32) {
	a, b = a[:len(acc)], b[:len(acc)]
	for l := range acc {
		acc[l] = FMA(a[l], b[l], acc[l])
	}
}
