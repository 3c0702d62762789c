package kernel

import "github.com/tinygrow/tinygrow/tensor"

// laneSums adds the lanes of pixels rows of channels into 16 partial sums for
// each channel:
//
//	for p in 0..pixels, c in 0..channels, l in 0..32:
//	  acc[c*16 + l%16] += src[(p*channels + c)*32 + l]
func laneSums(isa ISA, acc, src []float32, channels, pixels int) {
	if len(acc) < channels*16 || len(src) < pixels*channels*tensor.Lanes {
		panic("kernel: lane sums: slice too short")
	}
	if channels == 0 || pixels == 0 {
		return
	}
	laneSumsISA(isa, acc, src, channels, pixels)
}

func laneSumsGeneric(acc, src []float32, channels, pixels int) {
	for p := range pixels {
		for c := range channels {
			part := (*[16]float32)(acc[c*16:])
			row := (*[tensor.Lanes]float32)(src[(p*channels+c)*tensor.Lanes:])
			for l, v := range row {
				part[l%16] += v
			}
		}
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

// ZeroLanes sets lanes from..31 of every row of x to 0.
func ZeroLanes(x []float32, from int) {
	for i := 0; i+lanes <= len(x); i += lanes {
		clear(x[i+from : i+lanes])
	}
}
