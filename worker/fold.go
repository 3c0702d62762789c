package worker

import (
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
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
	round kernel.Rounding
	pool  *pool
	mu    sync.Mutex
	moved sync.Cond                  // something below changed
	nodes map[proto.Block]proto.Sums // finished, waiting for their sibling
	open  []*addition                // they have ranges that nobody has begun
	busy  int                        // threads that may still put, or add
	// halves is where the sums of root tell of its children (see nn.GradientSums); 0: nowhere.
	halves int
}

// addition is left += right, cut into ranges of values.
type addition struct {
	parent      proto.Block
	left, right proto.Sums
	round       kernel.Rounding
	ranges      int // ranges of F32, then one of all F64
	begun, done int
	// squares are the sums of the squares of left and right, by turns, of each chunk; nil: nobody asks.
	squares []float64
}

// addSpan is the number of values that one thread adds at a time, squareSpan of how many values
// the squares are summed on their own: reduce.Chunk, the chunk of an update.
const (
	addSpan    = 2 * squareSpan
	squareSpan = proto.DigestSpan / 4
)

// newFold returns a fold for so many threads, each of which puts sums and ends with help.
func newFold(root proto.Block, p *pool, round kernel.Rounding, threads int) *fold {
	f := &fold{root: root, round: round, pool: p, nodes: map[proto.Block]proto.Sums{}, busy: threads}
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
	a := &addition{parent: parent, left: s, right: other, round: f.round, ranges: (len(s.F32)+addSpan-1)/addSpan + 1}
	if !left {
		a.left, a.right = other, s
	}
	if f.halves > 0 && parent == f.root {
		a.squares = make([]float64, 2*((len(s.F32)+squareSpan-1)/squareSpan))
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
			if a.squares != nil {
				a.tell(a.left.F64[f.halves:][:nn.HalvesLen])
			}
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

// tell writes the squares of left and right, added chunk by chunk in order.
func (a *addition) tell(halves []float64) {
	clear(halves)
	for i, v := range a.squares {
		halves[i%nn.HalvesLen] += v
	}
}

// chunkSquares returns the sum of the squares of x as tell has it.
func chunkSquares(x []float32) float64 {
	total := 0.0
	for at := 0; at < len(x); at += squareSpan {
		total += kernel.Squares(x[at:min(at+squareSpan, len(x))])
	}
	return total
}

// add adds range i, and rounds.
func (a *addition) add(i int) {
	lo, hi := i*addSpan, min((i+1)*addSpan, len(a.left.F32))
	if lo < hi && a.squares != nil {
		for at := lo; at < hi; at += squareSpan { // while the cache has them
			left, right := a.left.F32[at:min(at+squareSpan, hi)], a.right.F32[at:min(at+squareSpan, hi)]
			a.squares[at/squareSpan*2], a.squares[at/squareSpan*2+1] = kernel.Squares(left), kernel.Squares(right)
			a.round.Add(left, left, right)
		}
		return
	}
	if lo < hi {
		a.round.Add(a.left.F32[lo:hi], a.left.F32[lo:hi], a.right.F32[lo:hi])
		return
	}
	for k, v := range a.right.F64 {
		a.left.F64[k] += v
	}
}
