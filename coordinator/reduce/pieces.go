package reduce

import (
	"maps"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// pieces are those of partials that an owner holds or gets: one of each worker, round,
// block and inputs. What comes first stays, so that what it is known by stays true.
type pieces struct {
	most  int64 // bytes of all
	n     int   // values of each
	wire  kernel.Rounding
	bytes int64
	list  map[pieceKey]*piece
	spare [][]float32
}

type pieceKey struct {
	round  proto.Round
	block  proto.Block
	worker proto.WorkerID
	inputs proto.Digest
}

type piece struct {
	values  []float32
	parts   *proto.Assembly
	digest  uint64  // once it is whole
	squares float64 // sum of the squares of its values
}

// open forgets all, and takes pieces of n values that travel in a format.
func (p *pieces) open(n int, wire kernel.Rounding) {
	p.n, p.wire, p.bytes, p.list, p.spare = n, wire, 0, map[pieceKey]*piece{}, nil
}

// half reports whether values travel in 16 bits.
func (p *pieces) half() bool { return p.wire.Format != kernel.FP32 }

// travelling is where what travels of values comes to lie: in 16 bits, in the second half of
// their memory.
func (p *pieces) travelling(v []float32) []byte {
	if p.half() {
		return proto.Bytes16(proto.Halves(v)[len(v):])
	}
	return proto.Bytes32(v)
}

// put takes a chunk, and returns the piece that it completes, or that is whole already
// when its first chunk comes again: then who sent it has not heard that it came.
func (p *pieces) put(k pieceKey, c proto.Chunk) *piece {
	one := p.list[k]
	if one == nil {
		size := 4 * p.n
		if p.half() {
			size = 2 * p.n
		}
		if c.Size != int64(size) || !p.room(k.worker.Key()) {
			return nil
		}
		v := p.memory()
		one = &piece{values: v, parts: proto.AssembleBytes(p.travelling(v))}
		p.list[k] = one
		p.bytes += int64(4 * p.n)
	}
	if one.parts.Done() {
		if c.Offset > 0 {
			return nil
		}
		return one
	}
	if fresh, err := one.parts.Put(c); err != nil || !fresh || !one.parts.Done() {
		return nil
	}
	if p.half() { // at no scale: as large as it travelled
		p.wire.Unpack(one.values, proto.Halves(one.values)[p.n:])
	}
	spans, squares := Known(one.values)
	one.digest, one.squares = Hash(spans), squares
	return one
}

// room makes room for one more piece: who holds most of it loses one. It reports
// whether that is somebody else than key.
func (p *pieces) room(key proto.Key) bool {
	if p.bytes+int64(4*p.n) <= p.most || len(p.list) == 0 {
		return true
	}
	held := map[proto.Key]int{}
	worst := key
	for k := range p.list {
		held[k.worker.Key()]++
		if held[k.worker.Key()] > held[worst] {
			worst = k.worker.Key()
		}
	}
	if worst == key {
		return false
	}
	for k := range p.list {
		if k.worker.Key() == worst {
			p.remove(k)
			break
		}
	}
	return true
}

// whole returns a piece that is whole, else nil.
func (p *pieces) whole(k pieceKey) *piece {
	if one := p.list[k]; one != nil && one.parts.Done() {
		return one
	}
	return nil
}

// take returns the values of a piece, which are the caller's until free.
func (p *pieces) take(k pieceKey) []float32 {
	v := p.list[k].values
	p.list[k].values = nil
	p.remove(k)
	return v
}

func (p *pieces) remove(k pieceKey) {
	p.free(p.list[k].values)
	p.bytes -= int64(4 * p.n)
	delete(p.list, k)
}

// drop forgets the pieces of rounds up to r.
func (p *pieces) drop(r proto.Round) {
	for k := range maps.Clone(p.list) {
		if k.round <= r {
			p.remove(k)
		}
	}
}

// free takes memory back.
func (p *pieces) free(v []float32) {
	if len(v) == p.n && len(p.spare) < 8 {
		p.spare = append(p.spare, v)
	}
}

func (p *pieces) memory() []float32 {
	if n := len(p.spare); n > 0 {
		v := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return v
	}
	return make([]float32, p.n)
}
