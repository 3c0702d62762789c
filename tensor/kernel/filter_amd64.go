package kernel

import "unsafe"

// noBias is what a filter call without bias broadcasts; never written.
var noBias [1]float32

// do runs the call by the bodies of isa, some pixels at a time.
func (f *filter) do(isa ISA) {
	f.check()
	if isa == Generic {
		f.doGeneric()
		return
	}
	limit := 4
	if isa == AVX2 {
		limit = 3
	}
	for first := 0; first < f.count; first += limit {
		args := filterArgs{
			dst: start(f.dst[first*f.dstStep:]), w: start(f.w), bias: start(noBias[:]),
			taps: unsafe.Pointer(unsafe.SliceData(f.taps)), tapsLen: len(f.taps), channels: f.channels,
			wStep: 4 * f.wStep, dstStep: 4 * f.dstStep, srcStep: 4 * f.srcStep,
		}
		if len(f.taps) > 0 {
			args.src = start(f.src[first*f.srcStep:])
		}
		if f.bias != nil {
			args.bias, args.biasStep = start(f.bias), 4
		}
		words, pixels := (*uintptr)(unsafe.Pointer(&args)), min(limit, f.count-first)
		if isa == AVX2 {
			filterAVX2Rows(pixels, words)
		} else {
			filterAVX512Rows(pixels, words)
		}
	}
}

// do runs the call by the bodies of isa.
func (f *filterSum) do(isa ISA) {
	f.check()
	if isa == Generic {
		f.doGeneric()
		return
	}
	args := filterSumArgs{
		sums: start(f.sums), x: start(f.x), dy: start(f.dy), channels: f.channels, count: f.count,
		sumsStep: 4 * f.sumsStep, tapStep: 4 * f.tapStep, xStep: 4 * f.xStep, dyStep: 4 * f.dyStep,
	}
	words := (*uintptr)(unsafe.Pointer(&args))
	if isa == AVX2 {
		filterSumAVX2Rows(f.taps, words)
	} else {
		filterSumAVX512Rows(f.taps, words)
	}
}
