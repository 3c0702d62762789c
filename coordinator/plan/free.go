package plan

import (
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// free is the set of micro-shards that nobody has been given, as disjoint
// nodes of the tree in ascending order.
type free []proto.Block

// left returns the number of micro-shards.
func (f free) left() int {
	n := 0
	for _, b := range f {
		n += int(b.Len())
	}
	return n
}

// put returns a block to the set.
func (f *free) put(b proto.Block) {
	at, _ := slices.BinarySearchFunc(*f, b, func(x, y proto.Block) int { return int(x.Lo) - int(y.Lo) })
	*f = slices.Insert(*f, at, b)
}

// take removes a node of at most want micro-shards (want >= 1) and returns it:
// the largest such node there is or that splitting yields, the leftmost among equals.
// It returns an empty block if there is none.
func (f *free) take(want int) proto.Block {
	best, split := -1, -1
	for i, b := range *f {
		n := int(b.Len())
		if n <= want && (best < 0 || n > int((*f)[best].Len())) {
			best = i
		}
		if n > want && (split < 0 || n < int((*f)[split].Len())) {
			split = i
		}
	}
	if split >= 0 && (best < 0 || 2*int((*f)[best].Len()) <= want) {
		// Splitting halves until it fits: the piece has more than want/2 micro-shards.
		node := (*f)[split]
		*f = slices.Delete(*f, split, split+1)
		for int(node.Len()) > want {
			left, right := node.Split()
			f.put(right)
			node = left
		}
		return node
	}
	if best < 0 {
		return proto.Block{}
	}
	node := (*f)[best]
	*f = slices.Delete(*f, best, best+1)
	return node
}
