package proto

import (
	"encoding/hex"

	"github.com/zeebo/xxh3"
)

// Digest identifies bytes. It is 128 bits of XXH3, strong against accidents,
// not against malice.
type Digest [16]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// DigestSpan is how many bytes are hashed at a time: they stay in the L2 cache
// behind what was done with them before. It is part of the digest's definition.
const DigestSpan = 128 << 10

// DigestOf returns the digest of data.
func DigestOf(data []byte) Digest {
	s := NewSpans(len(data))
	for i := range s {
		s.Hash(i, data)
	}
	return s.Digest()
}

// Spans is a digest in the making. Its spans may be hashed in any order, by
// several goroutines at once.
type Spans []Digest

// NewSpans returns the digest in the making of size bytes.
func NewSpans(size int) Spans { return make(Spans, (size+DigestSpan-1)/DigestSpan) }

// Range returns which bytes of data span i is made of: those from lo up to, not with, hi.
func (s Spans) Range(i int, data []byte) (lo, hi int) {
	return i * DigestSpan, min((i+1)*DigestSpan, len(data))
}

// Hash hashes span i of data, to what HashSpan returns for it.
func (s Spans) Hash(i int, data []byte) {
	lo, hi := s.Range(i, data)
	s[i] = HashSpan(data[lo:hi])
}

// HashSpan returns what a span is known by, of at most DigestSpan bytes.
func HashSpan(data []byte) Digest { return xxh3.Hash128(data).Bytes() }

// Digest returns the digest once all spans are hashed.
func (s Spans) Digest() Digest {
	all := make([]byte, 0, len(s)*len(Digest{}))
	for _, d := range s {
		all = append(all, d[:]...)
	}
	return xxh3.Hash128(all).Bytes()
}
