package proto

import (
	"fmt"
	"slices"
	"sort"
)

// SendPartial cuts sums into chunks of at most size bytes and calls send with
// each encoded message, whose bytes are valid during the call only. m holds
// what all chunks share.
func SendPartial(m PartialChunk, s Sums, size int, send func(data []byte) error) error {
	total := s.Size()
	var joined []byte // only the chunk that spans the two vectors is copied
	for from := 0; from < total || from == 0; from += size {
		to := min(from+size, total)
		parts := 0
		s.ranges(span{int64(from), int64(to)}, func(part []byte) {
			if parts++; parts == 1 {
				m.Data = part
				return
			}
			joined = append(append(joined[:0], m.Data...), part...)
			m.Data = joined
		})
		if parts == 0 {
			m.Data = nil
		}
		m.Size, m.Offset = int64(total), int64(from)
		if err := Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}

// SendPiece is SendPartial for the range of sums that goes to an owner, as they travel.
func SendPiece(m Piece, data []byte, size int, send func(data []byte) error) error {
	for from := 0; from < len(data); from += size {
		m.Chunk = ChunkAt(data, int64(from), size)
		if err := Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}

// ChunkAt returns the chunk of at most size bytes of blob from offset on.
func ChunkAt(blob []byte, offset int64, size int) Chunk {
	offset = min(max(offset, 0), int64(len(blob)))
	return Chunk{Size: int64(len(blob)), Offset: offset, Data: blob[offset:min(offset+int64(size), int64(len(blob)))]}
}

// SendBlob publishes blob in chunks of at most size bytes.
func SendBlob(m BlobChunk, blob []byte, size int, send func(data []byte) error) error {
	for from := 0; from < len(blob) || from == 0; from += size {
		m.Chunk = ChunkAt(blob, int64(from), size)
		if err := Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}

// Assembly puts chunks together, in any order; chunks that come twice are ignored.
type Assembly struct {
	size, filled int64
	have         []span // ascending; there is a gap before each but one at 0
	deposit      func(offset int64, data []byte)
}

// span is the bytes lo <= i < hi.
type span struct{ lo, hi int64 }

// maxSpans bounds the memory that gaps take: chunks of one byte, every other
// one of them missing, would need more than what they fill.
const maxSpans = 1 << 13

// AssembleSums returns an assembly that writes into s.
func AssembleSums(s Sums) *Assembly {
	return newAssembly(int64(s.Size()), func(offset int64, data []byte) {
		s.ranges(span{offset, offset + int64(len(data))}, func(part []byte) { data = data[copy(part, data):] })
	})
}

// AssembleBytes returns an assembly that writes into b.
func AssembleBytes(b []byte) *Assembly {
	return newAssembly(int64(len(b)), func(offset int64, data []byte) { copy(b[offset:], data) })
}

func newAssembly(size int64, deposit func(int64, []byte)) *Assembly {
	return &Assembly{size: size, deposit: deposit}
}

// Put takes a chunk that passed its checks. It reports whether the chunk was
// new; one that does not fit is an error and changes nothing.
func (a *Assembly) Put(c Chunk) (fresh bool, err error) {
	lo, hi := c.Offset, c.Offset+int64(len(c.Data))
	if c.Size != a.size || lo < 0 || hi > a.size {
		return false, fmt.Errorf("chunk of %d bytes at %d of %d does not fit into %d bytes", len(c.Data), c.Offset, c.Size, a.size)
	}
	if lo == hi {
		return a.size == 0, nil
	}
	i := sort.Search(len(a.have), func(i int) bool { return a.have[i].hi >= lo }) // the first that may touch
	j := i                                                                        // have[i:j] become one with the chunk
	merged := span{lo, hi}
	for ; j < len(a.have) && a.have[j].lo <= hi; j++ {
		switch h := a.have[j]; {
		case h.lo <= lo && hi <= h.hi:
			return false, nil
		case h.lo < hi && lo < h.hi:
			return false, fmt.Errorf("chunk [%d,%d) overlaps [%d,%d), which is there", lo, hi, h.lo, h.hi)
		case h.hi == lo:
			merged.lo = h.lo
		default:
			merged.hi = h.hi
		}
	}
	if i == j && len(a.have) == maxSpans {
		return false, fmt.Errorf("chunk [%d,%d) would be piece %d with a gap before it", lo, hi, maxSpans+1)
	}
	a.have = slices.Replace(a.have, i, j, merged)
	a.deposit(lo, c.Data)
	a.filled += hi - lo
	return true, nil
}

// Done reports whether everything is there.
func (a *Assembly) Done() bool { return a.filled == a.size }

// Missing returns the first offset that is not there yet.
func (a *Assembly) Missing() int64 {
	if len(a.have) == 0 || a.have[0].lo > 0 {
		return 0
	}
	return a.have[0].hi
}
