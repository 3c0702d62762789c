package trainer

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/zeebo/xxh3"
)

// Digest identifies architecture, weights, buffers and optimizer state. It is
// 128 bits of XXH3, strong against accidents, not against malice.
type Digest [16]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// sum combines what the chunks of the parameters are known by with what is small, and with the rest.
func sum(parts []proto.Digest, m *nn.Model, updates uint64, a average, rest []byte) Digest {
	js := m.Graph.JSON()
	all := binary.LittleEndian.AppendUint64(nil, uint64(len(js)))
	all = append(all, js...)
	all = binary.LittleEndian.AppendUint64(all, uint64(len(m.Params)))
	all = binary.LittleEndian.AppendUint64(all, uint64(len(m.Buffers)))
	all = binary.LittleEndian.AppendUint64(all, updates)
	for _, p := range parts {
		all = append(all, p[:]...)
	}
	all = reduce.AppendSum(all, m.Buffers)
	if a != nil {
		_, buffers := a.split(len(m.Params))
		all = reduce.AppendSum(all, buffers)
	}
	all = append(all, rest...)
	return xxh3.Hash128(all).Bytes()
}

// whole returns the shard of all parameters: the coordinator's own.
func whole(m *nn.Model, o *optim.Optimizer, a average, g reduce.Grain) *reduce.Shard {
	s := &reduce.Shard{Params: m.Params, Opt: o, Grain: g}
	if a != nil {
		s.Average, _ = a.split(len(m.Params))
	}
	return s
}

// digest hashes a model, its optimizer, its average, if there is one, and the rest.
func digest(m *nn.Model, o *optim.Optimizer, a average, g reduce.Grain, rest []byte) Digest {
	return sum(whole(m, o, a, g).Parts().State, m, o.Count(), a, rest)
}

// update makes one update of a shard of all parameters by grad, clipped, and returns what their
// chunks are known by.
func update(s *reduce.Shard, grad []float32, step reduce.Step) reduce.Parts {
	if limit := s.Opt.Config().ClipNorm; limit != 0 {
		step.Scale = optim.Clip(s.Look(grad).Squares, step.Scale, limit)
	}
	return s.Update(grad, step)
}
