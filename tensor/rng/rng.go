// Package rng gives counter-based streams of random numbers: every value is a
// pure function of the stream's key and a counter, the same on every platform,
// so that any worker can draw any sample's numbers in any order.
//
// The generator is Philox4x64-10 (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011), the one of numpy.random.Philox. The package keeps
// no state, is not for secrets, and does not seed itself.
package rng

import "math/bits"

// Philox4x64 constants of the paper.
const (
	mul0  = 0xD2E7470EE14C6C93
	mul1  = 0xCA5A826395121157
	weyl0 = 0x9E3779B97F4A7C15
	weyl1 = 0xBB67AE8584CAA73B
)

// philox returns the block of counter c under key k.
func philox(c [4]uint64, k [2]uint64) [4]uint64 {
	for range 10 {
		hi0, lo0 := bits.Mul64(mul0, c[0])
		hi1, lo1 := bits.Mul64(mul1, c[2])
		c = [4]uint64{hi1 ^ c[1] ^ k[0], lo1, hi0 ^ c[3] ^ k[1], lo0}
		k[0] += weyl0
		k[1] += weyl1
	}
	return c
}

// Stream is an endless sequence of random numbers addressed by index. Streams
// of different keys are independent; copies of a stream are the same stream.
type Stream struct{ key [2]uint64 }

// New returns the stream of a key of any number of words. Keys of different
// words or of different lengths give different streams.
func New(key ...uint64) Stream {
	k := [2]uint64{uint64(len(key)), 0}
	for i, word := range key {
		b := philox([4]uint64{word, uint64(i), 0, 1}, k)
		k = [2]uint64{b[0], b[1]}
	}
	return Stream{k}
}

// Key returns the word that stands for a name in a key (64-bit FNV-1a).
func Key(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

// Uint64 returns value i: word i%4 of block i/4.
func (s Stream) Uint64(i uint64) uint64 {
	return philox([4]uint64{i / 4}, s.key)[i%4]
}

// Block returns values 4 i to 4 i + 3.
func (s Stream) Block(i uint64) [4]uint64 { return philox([4]uint64{i}, s.key) }

// Float64 returns value i as a multiple of 2^-53 in [0, 1).
func (s Stream) Float64(i uint64) float64 { return float64(float64(s.Uint64(i)>>11) * 0x1p-53) }

// Float32 returns value i as a multiple of 2^-24 in [0, 1).
func (s Stream) Float32(i uint64) float32 { return float32(float32(s.Uint64(i)>>40) * 0x1p-24) }

// Uintn returns value i scaled to [0, n): the high word of n times Uint64(i).
// Its bias is below n/2^64.
func (s Stream) Uintn(i, n uint64) uint64 {
	hi, _ := bits.Mul64(s.Uint64(i), n)
	return hi
}

// Perm returns a permutation of 0..n-1 by the Fisher-Yates shuffle of the
// identity: for i from n-1 down to 1, element i changes places with element
// Uintn(i, i+1).
func (s Stream) Perm(n int) []uint32 {
	p := make([]uint32, n)
	for i := range p {
		p[i] = uint32(i)
	}
	var block [4]uint64
	at := ^uint64(0)
	for i := n - 1; i > 0; i-- {
		if at != uint64(i)/4 {
			at = uint64(i) / 4
			block = philox([4]uint64{at}, s.key)
		}
		j, _ := bits.Mul64(block[i%4], uint64(i)+1)
		p[i], p[j] = p[j], p[i]
	}
	return p
}
