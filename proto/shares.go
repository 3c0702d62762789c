package proto

import (
	"errors"
	"fmt"
)

// MaxShares bounds the ranges that parameters are cut into.
const MaxShares = 1 << 10

// Shares says how the parameters of a round are cut into ranges, each of which has an
// owner, a reducer: who sums gradients sends each range to its owner, and
// the float64 values to the coordinator.
type Shares struct {
	// Deal is the number of the assignment of ranges to owners.
	Deal uint64 `msgpack:"deal"`
	// Cuts says with which parameter each range ends; the next one begins with it.
	Cuts []uint64 `msgpack:"cuts"`
}

// Range returns the parameters of range i, from lo up to, not with, hi.
func (s *Shares) Range(i int) (lo, hi uint64) {
	if i > 0 {
		lo = s.Cuts[i-1]
	}
	return lo, s.Cuts[i]
}

func (s *Shares) check() error {
	if s == nil {
		return nil
	}
	if len(s.Cuts) < 1 || len(s.Cuts) > MaxShares {
		return fmt.Errorf("%d ranges: must be 1 to %d", len(s.Cuts), MaxShares)
	}
	for i := range s.Cuts {
		if lo, hi := s.Range(i); lo >= hi || hi > MaxBlob/4 {
			return fmt.Errorf("range %d of the parameters, [%d,%d), is empty or too long", i, lo, hi)
		}
	}
	return nil
}

// Of names a range of a deal.
type Of struct {
	Deal  uint64 `msgpack:"deal"`
	Share uint32 `msgpack:"share"`
}

func (o Of) check() error { return within("share", int(o.Share), bounds{0, MaxShares - 1}) }

// Piece is a part of the sums of gradients over a block: those of a range of the
// parameters, for its owner.
type Piece struct {
	PartialChunk
	Of Of `msgpack:"of"`
}

func (m *Piece) check() error { return errors.Join(m.PartialChunk.check(), m.Of.check()) }

// Receipt tells the coordinator that an owner has a piece, and what it is known by.
type Receipt struct {
	Head
	Reducer WorkerID `msgpack:"reducer"`
	Of      Of       `msgpack:"of"`
	Worker  WorkerID `msgpack:"worker"` // as the coordinator calls it
	Round   Round    `msgpack:"round"`
	Block   Block    `msgpack:"block"`
	Inputs  Digest   `msgpack:"inputs"`
	Digest  uint64   `msgpack:"digest"`
	Squares float64  `msgpack:"squares"` // sum of the squares of its values, as they travelled
}

func (m *Receipt) check() error {
	if m.Block.Lo >= m.Block.Hi || m.Block.Hi > MaxMicroShards {
		return fmt.Errorf("block %v is empty or too large", m.Block)
	}
	return errors.Join(m.Reducer.Validate(), m.Of.check(), text("worker", string(m.Worker)))
}

// Edge is a part of what the owner of a range added up for an update, of which the owner
// of another range needs it, or the other way round tells who has it that it is lacking.
type Edge struct {
	Head
	Reducer WorkerID `msgpack:"reducer"` // who sends it
	Of      Of       `msgpack:"of"`      // its range
	To      uint32   `msgpack:"to"`      // the range of whom it is for
	Round   Round    `msgpack:"round"`
	Lacks   bool     `msgpack:"lacks,omitempty"`
	Chunk
}

func (m *Edge) check() error {
	return errors.Join(m.Reducer.Validate(), m.Of.check(), Of{Share: m.To}.check(), m.Chunk.check(MaxBlob))
}

// What a Duty asks for.
const (
	Deal   Do = "deal"   // fetch a range, and own it
	Sum    Do = "sum"    // add the pieces of the blocks, exchange edges, and report of the gradient
	Update Do = "update" // do so, make the update and tell the new weights
	Gather Do = "gather" // send the state
)

// MaxChosen bounds the blocks of one Duty.
const MaxChosen = 128

// maxState bounds the state of a range: parameters, optimizer state and average.
const maxState = 4 * MaxBlob

// Duty tells the owners of a deal what to do. It is repeated until all have reported.
type Duty struct {
	Head
	Deal  uint64 `msgpack:"deal"`
	Do    Do     `msgpack:"do"`
	Round Round  `msgpack:"round"`
	// Owners, of Deal, are who owns the ranges, in order, and where they get them.
	Owners []Owner `msgpack:"owners,omitempty"`
	// Chosen, of Sum and Update, are the pieces that count, all made from Inputs; together
	// they are the round's tree over MicroShards. They may come in several duties.
	Chosen      []Chosen `msgpack:"chosen,omitempty"`
	Inputs      Digest   `msgpack:"inputs"`
	MicroShards uint32   `msgpack:"micro_shards,omitempty"`
	// Exponent is that of the scale of the pieces, as in Wire.
	Exponent int      `msgpack:"exponent,omitempty"`
	Update   UpdateBy `msgpack:"update"`
	Window   Window   `msgpack:"window"` // of Gather
}

// Owner is who owns a range, a process, and the blob that holds the range's state.
type Owner struct {
	Reducer WorkerID `msgpack:"reducer"` // as the coordinator calls it
	Nonce   Nonce    `msgpack:"nonce"`
	State   BlobRef  `msgpack:"state"`
}

// Chosen is a block and the worker whose sums of it count.
type Chosen struct {
	Block  Block    `msgpack:"block"`
	Worker WorkerID `msgpack:"worker"`
}

// UpdateBy is what an update is made with, and under which key the new weights are told.
type UpdateBy struct {
	Scale   float32 `msgpack:"scale"`
	LR      float64 `msgpack:"lr"`
	Average float32 `msgpack:"average"`
	Key     string  `msgpack:"key"`
	// Tell says that the owners broadcast the weights.
	Tell bool `msgpack:"tell"`
	// Buffers follow the parameters in the weights, raw float32; the owner of the last
	// range tells them with it.
	Buffers Raw `msgpack:"buffers"`
}

// Window is a part of the state of a range.
type Window struct {
	Share uint32 `msgpack:"share"`
	From  int64  `msgpack:"from"`
	Most  int64  `msgpack:"most"` // bytes
}

func (m *Duty) check() error {
	errs := []error{text("blob key", m.Update.Key), within("window", int(m.Window.From), bounds{0, maxState}),
		within("window", int(m.Window.Most), bounds{0, maxState}), within("owners", len(m.Owners), bounds{0, MaxShares}),
		within("blocks", len(m.Chosen), bounds{0, MaxChosen}), within("micro-shards", int(m.MicroShards), bounds{0, MaxMicroShards}),
		within("exponent of the scale", m.Exponent, bounds{-MaxExponent, MaxExponent})}
	for _, o := range m.Owners {
		errs = append(errs, text("reducer", string(o.Reducer)), text("nonce", string(o.Nonce)), o.State.check())
	}
	for _, c := range m.Chosen {
		if c.Block.Lo >= c.Block.Hi || c.Block.Hi > MaxMicroShards {
			errs = append(errs, fmt.Errorf("block %v is empty or too large", c.Block))
		}
		errs = append(errs, text("worker", string(c.Worker)))
	}
	if len(m.Update.Buffers)%4 != 0 {
		errs = append(errs, fmt.Errorf("buffers of %d bytes are no float32", len(m.Update.Buffers)))
	}
	switch m.Do {
	case Deal, Sum, Update, Gather:
	default:
		errs = append(errs, fmt.Errorf("duty of unknown kind %.40q", string(m.Do)))
	}
	return errors.Join(errs...)
}

// Report is a piece of what a duty led to: of Deal the digests of the chunks that the
// owner has whole; of Sum what is to be known of the chunks of its gradient; of
// Update those digests, then the sums of the squares of the gradient's chunks, then the digests
// of the spans of the weights; of Gather the state of the range, a window of it.
type Report struct {
	Head
	Reducer WorkerID `msgpack:"reducer"`
	Of      Of       `msgpack:"of"`
	Do      Do       `msgpack:"do"`
	Round   Round    `msgpack:"round"`
	Chunk
}

func (m *Report) check() error {
	return errors.Join(m.Reducer.Validate(), m.Of.check(), m.Chunk.check(maxState))
}

// SendReport cuts data, which are byte from and those that follow of a whole of total
// bytes, into chunks of at most size bytes.
func SendReport(m Report, data []byte, from, total int64, size int, send func(data []byte) error) error {
	for at := 0; at < len(data) || at == 0; at += size {
		m.Chunk = Chunk{Size: total, Offset: from + int64(at), Data: data[at:min(at+size, len(data))]}
		if err := Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}
