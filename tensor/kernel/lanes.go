package kernel

// laneSums adds the lanes of src (pixels, channels, 32) into 16 partial sums for
// each channel:
//
//	for p in 0..pixels, c in 0..channels, l in 0..32:
//	  acc[c*16 + l%16] += src[(p*channels + c)*32 + l]
func laneSums(isa ISA, acc, src []float32, channels int) {
	if len(acc) < channels*16 || channels > 0 && len(src)%(channels*lanes) != 0 {
		panic("kernel: lane sums: slice of a wrong length")
	}
	if channels == 0 || len(src) == 0 {
		return
	}
	laneSumsISA(isa, acc, src, channels)
}

func laneSumsGeneric(acc, src []float32, channels int) {
	for p := range len(src) / (channels * lanes) {
		for c := range channels {
			part := (*[16]float32)(acc[c*16:])
			row := (*[lanes]float32)(src[(p*channels+c)*lanes:])
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
