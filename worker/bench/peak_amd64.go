package bench

import "github.com/tinygrow/tinygrow/tensor/kernel"

// fmaFLOPs is the operations of one round of fmaLoop.
func fmaFLOPs() float64 {
	switch kernel.Active() {
	case kernel.AVX512:
		return 12 * 16 * 2
	case kernel.AVX2:
		return 12 * 8 * 2
	}
	return 0
}

func fmaLoop(rounds int) {
	if kernel.Active() == kernel.AVX512 {
		fmaLoop512(rounds)
		return
	}
	fmaLoop256(rounds)
}

// fmaLoop512 runs 12 independent chains of 16 lanes; rounds is at least 1.
//
//go:noescape
func fmaLoop512(rounds int)

// fmaLoop256 runs 12 independent chains of 8 lanes; rounds is at least 1.
//
//go:noescape
func fmaLoop256(rounds int)
