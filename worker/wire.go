package worker

import (
	"cmp"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// rounding returns what the kernels do for w, which was checked.
func rounding(w proto.Wire) kernel.Rounding {
	f, _ := kernel.ParseFormat(cmp.Or(w.Format, kernel.FP32.String()))
	return kernel.Rounding{Format: f, Exponent: w.Exponent}
}

// roundWeights returns the rounding of weights: of any size, at no scale.
func roundWeights(w proto.Wire) kernel.Rounding {
	r := rounding(w)
	r.Exponent = 0
	return r
}

// travelling returns what travels of sums, in their own memory.
func travelling(w proto.Wire, s proto.Sums) proto.Sums {
	if !w.Half() {
		return s
	}
	halves := proto.Halves(s.F32)[:len(s.F32)]
	rounding(w).Pack(halves, s.F32)
	return proto.Sums{F16: halves, F64: s.F64}
}

// sized returns n values of arbitrary contents, in the memory of v if that is large enough.
func sized(v []float32, n int) []float32 {
	if cap(v) < n {
		return make([]float32, n)
	}
	return v[:n]
}
