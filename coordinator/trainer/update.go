package trainer

import (
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/parallel"
	"github.com/zeebo/xxh3"
)

// chunk is the number of parameters that are updated and hashed together: with
// gradient and optimizer state they stay in the L2 cache between the two. It
// is part of the digest's definition, and a span of the weights' (see Spans).
const chunk = proto.DigestSpan / 4

// Digest identifies architecture, weights, buffers and optimizer state. It is
// 128 bits of XXH3, strong against accidents, not against malice.
type Digest [16]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// hasher collects the digests of the chunks of the parameters.
type hasher struct {
	parts  [][16]byte
	params proto.Spans // digests of the parameters alone
}

func newHasher(n int) *hasher {
	return &hasher{make([][16]byte, (n+chunk-1)/chunk), proto.NewSpans(4 * n)}
}

// part hashes chunk i of parameters and state.
func (h *hasher) part(i int, params []float32, slots []optim.Slot, a average) {
	lo, hi := i*chunk, min((i+1)*chunk, len(params))
	var sums [4 * 16]byte
	h.params[i] = proto.HashSpan(proto.Bytes32(params[lo:hi]))
	at := append(sums[:0], h.params[i][:]...)
	for _, s := range slots {
		at = appendSum(at, s.Data[lo:hi])
	}
	if a != nil {
		at = appendSum(at, a[lo:hi])
	}
	h.parts[i] = xxh3.Hash128(at).Bytes()
}

// sum combines the chunks with what is small.
func (h *hasher) sum(m *nn.Model, o *optim.Optimizer, a average) Digest {
	js := m.Graph.JSON()
	all := binary.LittleEndian.AppendUint64(nil, uint64(len(js)))
	all = append(all, js...)
	all = binary.LittleEndian.AppendUint64(all, uint64(len(m.Params)))
	all = binary.LittleEndian.AppendUint64(all, uint64(len(m.Buffers)))
	all = binary.LittleEndian.AppendUint64(all, o.Count())
	for _, p := range h.parts {
		all = append(all, p[:]...)
	}
	all = appendSum(all, m.Buffers)
	if a != nil {
		_, buffers := a.split(len(m.Params))
		all = appendSum(all, buffers)
	}
	return xxh3.Hash128(all).Bytes()
}

func appendSum(dst []byte, values []float32) []byte {
	b := xxh3.Hash128(proto.Bytes32(values)).Bytes()
	return append(dst, b[:]...)
}

// digest hashes a model, its optimizer and its average, if there is one.
func digest(m *nn.Model, o *optim.Optimizer, a average) Digest {
	h := newHasher(len(m.Params))
	parallel.Each(len(h.parts), func(i int) { h.part(i, m.Params, o.Slots(), a) })
	return h.sum(m, o, a)
}

// update makes one update of all parameters by grad times scale and returns
// the digest of the result, and what spans of the parameters are known by; running statistics must be up to date. Every
// parameter is touched by one goroutine, so the bits do not depend on how many there are.
func update(m *nn.Model, o *optim.Optimizer, a averaging, grad []float32, scale float32, lr float64) (Digest, proto.Spans) {
	u := o.Begin(clip(grad, scale, o.Config().ClipNorm), lr)
	parallel.Each(u.Matrices(), func(i int) { u.Direct(i, m.Params, grad) })
	h := newHasher(len(m.Params))
	parallel.Each(len(h.parts), func(i int) {
		r := kernel.Range{Lo: i * chunk, Hi: min((i+1)*chunk, len(m.Params))}
		u.Apply(m.Params, grad, r)
		a.apply(m.Params, r)
		h.part(i, m.Params, o.Slots(), a.average)
	})
	if a.average != nil {
		a.toward(m.Buffers, len(m.Params), a.weight)
	}
	return h.sum(m, o, a.average), h.params
}

// clip returns scale, made smaller where the norm of grad times scale is above
// limit. Squares are summed by chunk, then over the chunks in order, so the
// bits do not depend on the goroutines.
func clip(grad []float32, scale float32, limit float64) float32 {
	if limit == 0 {
		return scale
	}
	parts := make([]float64, (len(grad)+chunk-1)/chunk)
	parallel.Each(len(parts), func(i int) {
		parts[i] = squares(grad[i*chunk : min((i+1)*chunk, len(grad))])
	})
	total := 0.0
	for _, p := range parts {
		total += p
	}
	norm := float64(math.Sqrt(total) * float64(scale))
	if norm > limit {
		return float32(float64(scale) * limit / norm)
	}
	return scale
}

// squares returns the sum of squares of x, in four sums by position.
func squares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		v := (*[4]float32)(x)
		a, b, c, d := float64(v[0]), float64(v[1]), float64(v[2]), float64(v[3])
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
	}
	for _, v := range x {
		s0 += float64(float64(v) * float64(v))
	}
	return (s0 + s1) + (s2 + s3)
}
