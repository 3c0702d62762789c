package reduce

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// State is what the owner of a range has to know to make its updates, but for the values.
type State struct {
	Optimizer optim.Config
	Layout    optim.Layout // of the range's hull
	Updates   uint64       // made so far
	Averaged  bool         // there is an average
	Wire      string       // the format in which pieces and weights travel; empty: float32 (see proto.Wire)
	Ranges    Ranges
	Share     int // which of the ranges it is
}

// rounding is how what travels is rounded, at no scale.
func (s *State) rounding() kernel.Rounding {
	f, _ := kernel.ParseFormat(cmp.Or(s.Wire, kernel.FP32.String()))
	return kernel.Rounding{Format: f}
}

// hull is what the owner updates.
func (s *State) hull() kernel.Range { return s.Ranges.Hulls[s.Share] }

// Encode returns the bytes of a range: its state, then the values of its hull.
func (s State) Encode(values []float32) ([]byte, error) {
	head, err := proto.MarshalBlob(s)
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, 4+len(head)+4*len(values))
	data = binary.LittleEndian.AppendUint32(data, uint32(len(head)))
	return append(append(data, head...), proto.Bytes32(values)...), nil
}

// ErrState is returned for bytes that are no range.
var ErrState = errors.New("not the state of a range of parameters")

// decode reads what Encode wrote, into memory of its own.
func decode(data []byte) (s State, values []float32, err error) {
	if len(data) < 4 {
		return s, nil, ErrState
	}
	n := binary.LittleEndian.Uint32(data)
	if data = data[4:]; uint64(n) > uint64(len(data)) || (len(data)-int(n))%4 != 0 {
		return s, nil, ErrState
	}
	if err := proto.UnmarshalBlob(data[:n], &s); err != nil {
		return s, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	rest := data[n:]
	values = make([]float32, len(rest)/4)
	copy(proto.Bytes32(values), rest)
	if err := s.Layout.Validate(len(values)); err != nil {
		return s, nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	if s.Wire != "" && s.Wire != proto.FP16 && s.Wire != proto.BF16 || s.Ranges.Half != (s.Wire != "") {
		return s, nil, fmt.Errorf("%w: weights travel as %.40q", ErrState, s.Wire)
	}
	return s, values, nil
}

// join returns the bytes of digests.
func join(lists ...[]proto.Digest) []byte {
	var out []byte
	for _, list := range lists {
		for _, d := range list {
			out = append(out, d[:]...)
		}
	}
	return out
}

// SquaresOf reads the squares of chunks from a report.
func SquaresOf(data []byte) []float64 {
	list := make([]float64, len(data)/8)
	copy(proto.Bytes64(list), data)
	return list
}
