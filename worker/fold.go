package worker

import (
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// pool keeps the memory of sums between blocks.
type pool struct {
	mu   sync.Mutex
	n    proto.Lengths
	free []proto.Sums
}

// sized sets the lengths of sums. What it keeps is forgotten if that of float32 values
// changes; the others change from one gradient round to the next where statistics ride
// along.
func (p *pool) sized(n proto.Lengths) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.F32 != p.n.F32 {
		p.free = nil
	}
	p.n = n
}

// get returns sums with arbitrary contents.
func (p *pool) get() proto.Sums {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s.WithF64(p.n.F64)
	}
	return proto.NewSums(p.n)
}

func (p *pool) put(s proto.Sums) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.F32) == p.n.F32 && cap(s.F64) > 0 {
		p.free = append(p.free, s)
	}
}

// fold adds up the leaves of one block in the order of the tree, whatever the
// order in which threads finish them. Unlike proto.Fold it lets several
// threads add at once, different nodes or ranges of one.
type fold struct {
	root  proto.Block // the block; its subtree is that of the round's tree
	pool  *pool
	mu    sync.Mutex
	moved sync.Cond                  // something below changed
	nodes map[proto.Block]proto.Sums // finished, waiting for their sibling
	open  []*addition                // they have ranges that nobody has begun
	busy  int                        // threads that may still put, or add
}

// addition is left += right, cut into ranges of values.
type addition struct {
	parent      proto.Block
	left, right proto.Sums
	ranges      int // ranges of F32, then one of all F64
	begun, done int
}

// addSpan is the number of values that one thread adds at a time.
const addSpan = 1 << 16

// newFold returns a fold for so many threads, each of which puts sums and ends with help.
func newFold(root proto.Block, p *pool, threads int) *fold {
	f := &fold{root: root, pool: p, nodes: map[proto.Block]proto.Sums{}, busy: threads}
	f.moved.L = &f.mu
	return f
}

// put takes over the sums of node b, and adds while there is something to add.
func (f *fold) put(b proto.Block, s proto.Sums) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(b, s)
	f.add()
}

// settle notes the sums of node b, and opens the addition to its sibling's.
// The lock is held.
func (f *fold) settle(b proto.Block, s proto.Sums) {
	if b == f.root {
		f.nodes[b] = s
		f.moved.Broadcast()
		return
	}
	parent, sibling, left, _ := b.FamilyBelow(f.root)
	other, there := f.nodes[sibling]
	if !there {
		f.nodes[b] = s
		return
	}
	delete(f.nodes, sibling)
	a := &addition{parent: parent, left: s, right: other, ranges: (len(s.F32)+addSpan-1)/addSpan + 1}
	if !left {
		a.left, a.right = other, s
	}
	f.open = append(f.open, a)
	f.moved.Broadcast()
}

// add does ranges of open additions until there are none. The lock is held,
// but not while adding. Whoever finishes the last range of a node goes on to its parent.
func (f *fold) add() {
	for len(f.open) > 0 {
		a := f.open[len(f.open)-1]
		i := a.begun
		if a.begun++; a.begun == a.ranges {
			f.open = f.open[:len(f.open)-1]
		}
		f.mu.Unlock()
		a.add(i)
		f.mu.Lock()
		if a.done++; a.done == a.ranges {
			f.pool.put(a.right)
			f.settle(a.parent, a.left)
		}
	}
}

// help adds until the root is there or nobody can finish it, which ends a thread.
func (f *fold) help() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	f.moved.Broadcast()
	for {
		f.busy++
		f.add()
		f.busy--
		if f.busy == 0 {
			f.moved.Broadcast()
			return
		}
		if _, done := f.nodes[f.root]; done {
			return
		}
		f.moved.Wait()
	}
}

// add adds range i.
func (a *addition) add(i int) {
	lo, hi := i*addSpan, min((i+1)*addSpan, len(a.left.F32))
	if lo < hi {
		kernel.Add(a.left.F32[lo:hi], a.left.F32[lo:hi], a.right.F32[lo:hi])
		return
	}
	for k, v := range a.right.F64 {
		a.left.F64[k] += v
	}
}
