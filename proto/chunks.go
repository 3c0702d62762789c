package proto

import "fmt"

// SendPartial cuts sums into chunks of at most size bytes and calls send with
// each encoded message, whose bytes are valid during the call only. m holds
// what all chunks share.
func SendPartial(m PartialChunk, s Sums, size int, send func(data []byte) error) error {
	total := s.Size()
	var joined []byte // only the chunk that spans the two vectors is copied
	for from := 0; from < total || from == 0; from += size {
		to := min(from+size, total)
		parts := 0
		s.ranges(from, to, func(part []byte) {
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
		m.Size, m.Offset, m.CRC = int64(total), int64(from), Checksum(m.Data)
		if err := Encode(&m, send); err != nil {
			return err
		}
	}
	return nil
}

// ChunkAt returns the chunk of at most size bytes of blob from offset on.
func ChunkAt(blob []byte, offset int64, size int) Chunk {
	offset = min(max(offset, 0), int64(len(blob)))
	data := blob[offset:min(offset+int64(size), int64(len(blob)))]
	return Chunk{Size: int64(len(blob)), Offset: offset, CRC: Checksum(data), Data: data}
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
	size    int64
	have    map[int64]int64 // offset -> end
	filled  int64
	deposit func(offset int64, data []byte)
}

// AssembleSums returns an assembly that writes into s.
func AssembleSums(s Sums) *Assembly {
	return newAssembly(int64(s.Size()), func(offset int64, data []byte) {
		s.ranges(int(offset), int(offset)+len(data), func(part []byte) { data = data[copy(part, data):] })
	})
}

// AssembleBytes returns an assembly that writes into b.
func AssembleBytes(b []byte) *Assembly {
	return newAssembly(int64(len(b)), func(offset int64, data []byte) { copy(b[offset:], data) })
}

func newAssembly(size int64, deposit func(int64, []byte)) *Assembly {
	return &Assembly{size: size, have: map[int64]int64{}, deposit: deposit}
}

// Put takes a chunk that passed its checks. It reports whether the chunk was
// new; one that does not fit is an error and changes nothing.
func (a *Assembly) Put(c Chunk) (fresh bool, err error) {
	end := c.Offset + int64(len(c.Data))
	if c.Size != a.size || c.Offset < 0 || end > a.size {
		return false, fmt.Errorf("chunk of %d bytes at %d of %d does not fit into %d bytes", len(c.Data), c.Offset, c.Size, a.size)
	}
	if old, ok := a.have[c.Offset]; ok && old >= end {
		return false, nil
	}
	for from, to := range a.have {
		if from < end && c.Offset < to {
			return false, fmt.Errorf("chunk at %d overlaps the one at %d", c.Offset, from)
		}
	}
	if len(c.Data) > 0 {
		a.have[c.Offset] = end
		a.deposit(c.Offset, c.Data)
		a.filled += int64(len(c.Data))
	}
	return true, nil
}

// Done reports whether everything is there.
func (a *Assembly) Done() bool { return a.filled == a.size }

// Missing returns the first offset that is not there yet.
func (a *Assembly) Missing() int64 {
	var at int64
	for {
		end, ok := a.have[at]
		if !ok {
			return at
		}
		at = end
	}
}
