package trainer

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// How gradient rounds are rounded (Config.Wire). In fp16 gradients are multiplied by a power of
// two, which each step fixes for the next one from the sums that it got. It is part of
// the progress and of the digest.

const (
	// wireTop is the exponent, in fp16, of the largest value of a gradient if it is as large as that
	// of the step before: 256 times as much is no overflow yet, and what is 2^21 times
	// smaller still has all its bits.
	wireTop = 8
	// wireBack is by how much an overflow lowers the exponent.
	wireBack = 8
	// wireLeast is the lowest exponent: 10^16 overflows.
	wireLeast = -40
)

// wire returns how the gradient round at hand is rounded.
func (t *Trainer) wire() proto.Wire {
	switch f := t.set.Train.format(); f {
	case kernel.FP32:
		return proto.Wire{}
	case kernel.FP16:
		return proto.Wire{Format: f.String(), Exponent: t.at.WireExponent - wireBack*t.overflows}
	default:
		return proto.Wire{Format: f.String()}
	}
}

// format returns what Wire names; it must be valid.
func (c Config) format() kernel.Format {
	f, _ := kernel.ParseFormat(cmp.Or(c.Wire, kernel.FP32.String()))
	return f
}

// Rounding returns what the kernels do for w.
func Rounding(w proto.Wire) kernel.Rounding {
	return kernel.Rounding{Format: Config{Wire: w.Format}.format(), Exponent: w.Exponent}
}

// overflowed looks at a gradient in fp16. One that is not finite is computed once more, at a
// lower scale, and is an error at the lowest; else the scale of the next step
// follows from it.
func (t *Trainer) overflowed(grad []float32) (again bool, err error) {
	if !t.scales() {
		return false, nil
	}
	top := largest(grad)
	if again, err = t.overflows16(top); !again && err == nil {
		t.rescale(top)
	}
	return again, err
}

// scales reports whether gradients are multiplied by a power of two that follows from their size.
func (t *Trainer) scales() bool { return t.set.Train.format() == kernel.FP16 }

// overflows16 looks at the largest value of a gradient in fp16. It changes nothing but the scale of
// the round that comes again.
func (t *Trainer) overflows16(top float32) (again bool, err error) {
	switch w := t.wire(); {
	case top <= math.MaxFloat32:
		return false, nil
	case w.Exponent-wireBack < wireLeast:
		return false, fmt.Errorf("%w: the gradient of step %d does not fit into fp16 at a scale of 2^%d: lower the learning rate (--lr), "+
			"add warm-up, or begin the run with train.wire: bf16 or fp32", ErrDiverged, t.at.Step, w.Exponent)
	}
	t.overflows++
	return true, nil
}

// rescale fixes the scale of the next step by the largest value of the gradient of this one.
func (t *Trainer) rescale(top float32) {
	t.overflows = 0
	if top > 0 {
		_, e := math.Frexp(float64(top))
		t.at.WireExponent = max(wireLeast, min(wireTop-e, proto.MaxExponent))
	}
}

// largest returns the largest absolute value of x, a NaN or infinite if one of them is.
func largest(x []float32) float32 {
	l := reduce.Looks{Largest: make([]uint32, reduce.Chunk.Chunks(len(x)))}
	parallel.Each(len(l.Largest), func(i int) {
		l.Largest[i] = reduce.Largest(x[i*int(reduce.Chunk) : min((i+1)*int(reduce.Chunk), len(x))])
	})
	return l.Top()
}

// digested returns what the digest covers beside model and optimizer.
func (t *Trainer) digested() []byte {
	rest := t.gatesDigested()
	if t.set.Train.format() == kernel.FP16 {
		rest = binary.LittleEndian.AppendUint64(append(rest, proto.FP16...), uint64(t.at.WireExponent))
	}
	if t.masks != nil {
		rest = reduce.AppendSum(reduce.AppendSum(rest, t.masks.scores), t.masks.fixed)
	}
	return rest
}
