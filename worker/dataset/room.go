package dataset

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/worker/quota"
)

// ErrTooLarge is returned for sets that take more memory than they may.
var ErrTooLarge = errors.New("too large")

// room is what a set may take of memory.
type room struct {
	bytes int64
	why   string // why it is that, for people
}

// unknown is the room where nobody tells how much memory is free.
const unknown = math.MaxInt & (32<<30 - 1)

// room returns what the set may take: what the configuration says, else two thirds
// of the memory that is free.
func (c Config) room() room {
	if c.MemoryMB > 0 {
		return room{int64(c.MemoryMB) << 20, fmt.Sprintf("data.memory_mb is %d", c.MemoryMB)}
	}
	if free := quota.Free(); free > 0 {
		return room{min(free/3*2, unknown), fmt.Sprintf("of %d MiB that are free here two thirds may be taken", free>>20)}
	}
	return room{unknown, "the free memory is not known here"}
}

// Holds returns an error that wraps ErrTooLarge if samples that take
// so many bytes do not fit the memory that is free.
func Holds(bytes int64) error {
	if r := (Config{}).room(); bytes > r.bytes {
		return fmt.Errorf("%w: it takes %d MiB of memory, the limit is %d MiB (%s)", ErrTooLarge, bytes>>20, r.bytes>>20, r.why)
	}
	return nil
}

// beside is what a sample takes besides its picture, in bytes: its label, its places
// in the orders of epochs, its hash while doubles are looked for.
const beside = 64

// takes refuses a source of more samples than the room holds.
func (r room) takes(s *source) error {
	n, size := s.samples, s.size
	if each := size + beside; n > r.bytes/each {
		need := float64(float64(n) * float64(each) / (1 << 20))
		return fmt.Errorf("%w: %d samples of %d bytes take %.0f MiB of memory, the limit is %d MiB (%s): "+
			"keep fewer or smaller ones, train from disk (tinygrow data pack), or raise the limit with --set data.memory_mb=%d",
			ErrTooLarge, n, size, need, r.bytes>>20, r.why, int64(min(need+1, maxMemoryMB)))
	}
	return nil
}
