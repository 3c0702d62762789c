package proto

import "fmt"

// Fold adds the values of tree nodes, in whatever order they come, into the
// value of the root. Siblings are added as soon as both are there. A Fold is
// not safe for concurrent use.
type Fold[T any] struct {
	m     uint32
	add   func(left, right T) T
	held  map[Block]T
	added uint32 // micro-shards folded so far
	now   Block  // whose children are being added
}

// NewFold returns a fold over m micro-shards, at least 1. add returns left + right; it
// may reuse the memory of either, which belong to the fold from then on.
func NewFold[T any](m uint32, add func(left, right T) T) *Fold[T] {
	return &Fold[T]{m: m, add: add, held: map[Block]T{}}
}

// Put adds the value of node b. It refuses what is no node of the tree and
// what overlaps a node already put.
func (f *Fold[T]) Put(b Block, value T) error {
	if !b.In(f.m) {
		return fmt.Errorf("block %v is no node of the tree over %d micro-shards", b, f.m)
	}
	for h := range f.held {
		if h.Contains(b) || b.Contains(h) {
			return fmt.Errorf("block %v overlaps %v, which is folded already", b, h)
		}
	}
	f.added += b.Len()
	for {
		parent, sibling, left, ok := b.Family(f.m)
		if !ok {
			break
		}
		other, there := f.held[sibling]
		if !there {
			break
		}
		delete(f.held, sibling)
		f.now = parent
		if left {
			value = f.add(value, other)
		} else {
			value = f.add(other, value)
		}
		b = parent
	}
	f.held[b] = value
	return nil
}

// Adding returns the node whose children are being added, for add to ask.
func (f *Fold[T]) Adding() Block { return f.now }

// Held returns how many values are in memory.
func (f *Fold[T]) Held() int { return len(f.held) }

// Root returns the value of the root once all micro-shards are folded.
func (f *Fold[T]) Root() (value T, ok bool) {
	value, ok = f.held[Root(f.m)]
	return value, ok
}

// Family returns the parent and the sibling of node b of the tree over m
// micro-shards, and whether b is the left child; ok is false for the root and
// for what is no node.
func (b Block) Family(m uint32) (parent, sibling Block, left, ok bool) {
	if !b.In(m) {
		return Block{}, Block{}, false, false
	}
	return b.FamilyBelow(Root(m))
}

// FamilyBelow is Family in the subtree below a node of the tree, for a node b that
// lies there; ok is false for that node itself.
func (b Block) FamilyBelow(node Block) (parent, sibling Block, left, ok bool) {
	for node != b {
		l, r := node.Split()
		switch {
		case l == b:
			return node, r, true, true
		case r == b:
			return node, l, false, true
		case l.Contains(b):
			node = l
		default:
			node = r
		}
	}
	return Block{}, Block{}, false, false
}

// Cover cuts the tree below b into nodes of at most size micro-shards, in order.
func (b Block) Cover(size uint32) []Block {
	var list []Block
	var walk func(b Block)
	walk = func(b Block) {
		if b.Len() <= max(size, 1) {
			list = append(list, b)
			return
		}
		l, r := b.Split()
		walk(l)
		walk(r)
	}
	walk(b)
	return list
}
