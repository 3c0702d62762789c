package proto

import (
	"fmt"
	"math/bits"
)

// Block is a node of the canonical reduction tree over micro-shards
// [0, M): the micro-shards Lo <= i < Hi. The root is [0, M); a node of n > 1
// micro-shards splits at the largest power of two below n, and its value is
// value(left) + value(right), element by element. Nobody may sum anything but
// whole nodes, so the sum has the same bits whoever computes which part.
type Block struct {
	Lo uint32 `msgpack:"lo"`
	Hi uint32 `msgpack:"hi"`
}

// Root returns the root of the tree over m micro-shards; m is at least 1.
func Root(m uint32) Block { return Block{0, m} }

// Len returns the number of micro-shards in b.
func (b Block) Len() uint32 { return b.Hi - b.Lo }

// IsLeaf reports whether b is a single micro-shard.
func (b Block) IsLeaf() bool { return b.Len() == 1 }

// Split returns the two children of a block of at least two micro-shards.
func (b Block) Split() (left, right Block) {
	n := b.Len()
	if n < 2 {
		panic("proto: split of a leaf")
	}
	half := uint32(1) << (bits.Len32(n-1) - 1) // largest power of two below n
	return Block{b.Lo, b.Lo + half}, Block{b.Lo + half, b.Hi}
}

// Contains reports whether c lies within b.
func (b Block) Contains(c Block) bool { return b.Lo <= c.Lo && c.Hi <= b.Hi }

// In reports whether b is a node of the tree over m micro-shards.
func (b Block) In(m uint32) bool {
	if b.Lo >= b.Hi || b.Hi > m {
		return false
	}
	node := Root(m)
	for node != b {
		if node.IsLeaf() {
			return false
		}
		left, right := node.Split()
		switch {
		case left.Contains(b):
			node = left
		case right.Contains(b):
			node = right
		default:
			return false
		}
	}
	return true
}

// String returns the block as [lo,hi).
func (b Block) String() string { return fmt.Sprintf("[%d,%d)", b.Lo, b.Hi) }
