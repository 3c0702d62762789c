package worker

import (
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// pool keeps the memory of sums between blocks.
type pool struct {
	mu       sync.Mutex
	f32, f64 int
	free     []proto.Sums
}

// sized forgets what it keeps if the lengths change.
func (p *pool) sized(f32, f64 int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f32 != p.f32 || f64 != p.f64 {
		p.f32, p.f64, p.free = f32, f64, nil
	}
}

// get returns sums with arbitrary contents.
func (p *pool) get() proto.Sums {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	return proto.NewSums(p.f32, p.f64)
}

func (p *pool) put(s proto.Sums) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(s.F32) == p.f32 && len(s.F64) == p.f64 {
		p.free = append(p.free, s)
	}
}

// fold adds up the leaves of one block in the order of the tree, whatever the
// order in which threads finish them. Unlike proto.Fold it lets several
// threads add at once.
type fold struct {
	root  proto.Block // of the block; its subtree is that of the round's tree
	pool  *pool
	mu    sync.Mutex
	nodes map[proto.Block]proto.Sums // finished, waiting for their sibling
}

func newFold(root proto.Block, p *pool) *fold {
	return &fold{root: root, pool: p, nodes: map[proto.Block]proto.Sums{}}
}

// put takes over the sums of node b and adds them to their sibling's for as
// long as that is there. Additions run outside the lock.
func (f *fold) put(b proto.Block, s proto.Sums) {
	for {
		f.mu.Lock()
		if b == f.root {
			f.nodes[b] = s
			f.mu.Unlock()
			return
		}
		parent, sibling := f.family(b)
		other, there := f.nodes[sibling]
		if !there {
			f.nodes[b] = s
			f.mu.Unlock()
			return
		}
		delete(f.nodes, sibling)
		f.mu.Unlock()
		left, right := s, other
		if sibling.Lo < b.Lo {
			left, right = other, s
		}
		add(left, right)
		f.pool.put(right)
		b, s = parent, left
	}
}

// family returns the parent and the sibling of b, which is not the root.
func (f *fold) family(b proto.Block) (parent, sibling proto.Block) {
	parent = f.root
	for {
		left, right := parent.Split()
		switch {
		case left == b:
			return parent, right
		case right == b:
			return parent, left
		case left.Contains(b):
			parent = left
		default:
			parent = right
		}
	}
}

// add adds right to left.
func add(left, right proto.Sums) {
	kernel.Add(left.F32, left.F32, right.F32)
	for i, v := range right.F64 {
		left.F64[i] += v
	}
}
