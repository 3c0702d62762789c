package kernel

// FMALoop runs n rounds of independent fused multiply-adds on registers alone
// and returns how many floating-point operations that were: what it reaches
// in a second is the peak of one core, for benchmarks to compare with.
func FMALoop(n int) float64 {
	if n < 1 {
		return 0
	}
	return fmaLoop(Active(), n)
}

func fmaLoopGeneric(n int) float64 {
	var acc [16]float32
	for range n {
		fmaRow(acc[:], 1, acc[:])
	}
	return float64(2 * 16 * float64(n))
}
