package nn

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"sync"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Fingerprint returns the SHA-256, in hexadecimal, of fixed probes through the
// kernels in use: training steps of small networks that together have every
// operation, at odd widths, and updates of every optimizer. Two processes with
// the same fingerprint round alike. It is computed once per instruction set.
func Fingerprint() string { return allProbes.get(probes) }

// CommonFingerprint is Fingerprint of the common probes alone. It stays when an
// operation is added, so it is what recorded runs are compared by.
func CommonFingerprint() string { return common.get(commonProbes) }

// fingerprints are those of some probes by instruction set, each computed once.
type fingerprints struct{ known sync.Map }

var allProbes, common fingerprints

func (f *fingerprints) get(probes func() []*Graph) string {
	isa := kernel.Active()
	if known, ok := f.known.Load(isa); ok {
		return known.(string)
	}
	made := fingerprintOf(probes())
	f.known.Store(isa, made)
	return made
}

func fingerprintOf(probes []*Graph) string {
	h := sha256.New()
	for i, g := range probes {
		const samples = 45 // a full block and a partial one
		p, err := Compile(g, samples, Options{})
		if err != nil {
			panic("nn: invalid probe")
		}
		m := Init(g, uint64(i))
		b := p.NewBatch()
		b.N = samples
		b.Drop = Drop{On: true, Seed: uint64(i), Step: 2, Shard: 3}
		s := rng.New(uint64(i), rng.Key("probe"))
		pixels := g.Input.Len()
		for j := range samples {
			b.Labels[j] = int32(j % p.output.C)
			for k := range pixels {
				b.X[(j/tensor.Lanes*pixels+k)*tensor.Lanes+j%tensor.Lanes] = float32(s.Normal(uint64(j*pixels + k)))
			}
		}
		w := p.NewWorkspace()
		grad := make([]float32, len(m.Params))
		moments := make([]float64, p.MomentsLen())
		for _, mode := range []Mode{Train, Eval} {
			w.Forward(p.Pack(nil, m.Params), m.Buffers, b, mode)
			loss := w.Loss()
			w.Backward(grad)
			hashFloats(h, grad)
			var bits [8]byte
			binary.LittleEndian.PutUint64(bits[:], math.Float64bits(loss.Loss))
			h.Write(bits[:])
			if mode == Train {
				w.AddMoments(moments)
				UpdateRunning(g, m.Buffers, moments)
				hashFloats(h, m.Buffers)
			}
		}
		slots := [2][]float32{make([]float32, len(grad)), make([]float32, len(grad))}
		kernel.SGD(m.Params, grad, slots[0],
			kernel.SGDCoefs{Scale: 1. / samples, LR: 0.1, Momentum: 0.9, WeightDecay: 0.01, Nesterov: true})
		kernel.AdamW(m.Params, grad, slots[0], slots[1], kernel.AdamCoefs{Scale: 1. / samples, Beta1: 0.9, Beta2: 0.999,
			Rest1: 0.1, Rest2: 0.001, Keep: 0.99, Step: 0.1, Root: 3, Eps: 1e-8})
		hashFloats(h, m.Params)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// probes returns networks that together use every operation and every fusion:
// two common ones and those of operations that these do not have.
func probes() []*Graph {
	all := commonProbes()
	for _, op := range Ops() {
		if g := operations[op].probe(); g != nil {
			all = append(all, g)
		}
	}
	return all
}

func commonProbes() []*Graph {
	node := func(op Op, id NodeID, in ...NodeID) Node { return Node{ID: id, Op: op, Inputs: in} }
	conv := func(id, in NodeID, out, kernel, stride int) Node {
		return Node{ID: id, Op: OpConv, Inputs: []NodeID{in}, Out: out, Kernel: kernel, Stride: stride, Pad: kernel / 2, Bias: true}
	}
	norm := func(id, in NodeID) Node {
		return Node{ID: id, Op: OpBatchNorm, Inputs: []NodeID{in}, Eps: 1e-5, Momentum: 0.1}
	}
	return []*Graph{
		{Input: Shape{3, 10, 10}, Loss: CrossEntropy, Nodes: []Node{
			node(OpInput, "x"), conv("c1", "x", 17, 3, 1), norm("b1", "c1"), node(OpReLU, "r1", "b1"),
			{ID: "p1", Op: OpMaxPool, Inputs: []NodeID{"r1"}, Kernel: 2, Stride: 2},
			conv("c2", "p1", 17, 3, 1), norm("b2", "c2"), node(OpAdd, "a2", "b2", "p1"), node(OpReLU, "r2", "a2"),
			conv("c3", "r2", 21, 3, 2), norm("b3", "c3"), node(OpGELU, "g3", "b3"), conv("s3", "r2", 21, 1, 2),
			node(OpAdd, "a3", "g3", "s3"), node(OpGlobalAvgPool, "avg", "a3"),
			{ID: "fc", Op: OpLinear, Inputs: []NodeID{"avg"}, Out: 7, Bias: true},
		}},
		{Input: Shape{2, 7, 7}, Loss: MSE, Nodes: []Node{
			node(OpInput, "x"), {ID: "p0", Op: OpMaxPool, Inputs: []NodeID{"x"}, Kernel: 3, Stride: 2, Pad: 1},
			conv("c1", "p0", 5, 2, 1), node(OpTanh, "t1", "c1"),
			{ID: "p1", Op: OpAvgPool, Inputs: []NodeID{"t1"}, Kernel: 3, Stride: 2, Pad: 1},
			{ID: "f1", Op: OpLinear, Inputs: []NodeID{"p1"}, Out: 37, Bias: true}, node(OpReLU, "r1", "f1"),
			{ID: "f2", Op: OpLinear, Inputs: []NodeID{"r1"}, Out: 5, Bias: true},
		}},
	}
}
