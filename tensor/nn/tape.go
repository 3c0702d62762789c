package nn

import (
	"sort"

	"github.com/tinygrow/tinygrow/tensor"
)

// buf names a buffer of a program: an activation or the gradient of one. Where
// it lies is decided by layout, once all steps that use it are known.
type buf int

const (
	noBuf    buf = -1
	inputBuf buf = 0 // the batch's own X
)

// step is one kernel call or a few, forward or backward.
type step interface {
	run(w *Workspace)
	// describe returns what the step does, for profiles, and the useful
	// floating-point operations of one sample.
	describe() (kind string, flops int64)
}

// plan lists the steps of a program in order with the buffers they touch.
// A buffer is written by one step and read by later ones.
type plan struct {
	steps   []planned
	rows    []int // length of a buffer in rows of 32, per block
	written []int // index of the step that writes it
	read    []int // index of the last step that reads it
	kept    []bool
}

type planned struct {
	step
	out     buf
	inPlace []buf // inputs whose storage the output may take over, best first
}

const forever = 1 << 30

func newPlan(input Shape) *plan {
	p := new(plan)
	p.buffer(input)
	return p
}

// buffer returns a new buffer for values of shape s.
func (p *plan) buffer(s Shape) buf {
	p.rows = append(p.rows, s.Len())
	p.written = append(p.written, -1)
	p.read = append(p.read, -1)
	p.kept = append(p.kept, false)
	return buf(len(p.rows) - 1)
}

// keep leaves b readable after the last step.
func (p *plan) keep(b buf) { p.kept[b], p.read[b] = true, forever }

// add appends a step that reads the given buffers and writes out (noBuf: none).
func (p *plan) add(s step, out buf, reads []buf, inPlace ...buf) {
	at := len(p.steps)
	p.steps = append(p.steps, planned{s, out, inPlace})
	if out != noBuf {
		p.written[out] = at
		p.read[out] = max(p.read[out], at)
	}
	for _, b := range reads {
		p.read[b] = max(p.read[b], at)
	}
}

// layout gives every buffer an offset in one arena such that no two buffers
// that are alive at the same step overlap, and returns the offsets and the
// arena's length in floats for the given number of blocks. Large buffers are
// placed first, each at the lowest free offset.
func (p *plan) layout(blocks int) (offsets []int, length int) {
	root := p.shareInPlace()
	size := func(b buf) int { return p.rows[b] * blocks * tensor.Lanes }
	var order []buf
	for b := range p.rows {
		if b := buf(b); b != inputBuf && root[b] == b && p.written[b] >= 0 {
			order = append(order, b)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return size(order[i]) > size(order[j]) })

	offsets = make([]int, len(p.rows))
	var placed []buf // by offset
	for _, b := range order {
		at := 0
		for _, q := range placed {
			if p.written[q] > p.read[b] || p.written[b] > p.read[q] {
				continue // never alive together
			}
			if at+size(b) <= offsets[q] {
				break
			}
			at = max(at, offsets[q]+size(q))
		}
		offsets[b] = at
		length = max(length, at+size(b))
		placed = append(placed, b)
		sort.SliceStable(placed, func(i, j int) bool { return offsets[placed[i]] < offsets[placed[j]] })
	}
	for b, r := range root {
		offsets[b] = offsets[r]
	}
	return offsets, length
}

// shareInPlace lets outputs take over the storage of inputs that die in the
// same step, and returns the buffer whose storage each one uses.
func (p *plan) shareInPlace() []buf {
	root := make([]buf, len(p.rows))
	for b := range root {
		root[b] = buf(b)
	}
	for at, s := range p.steps {
		for _, in := range s.inPlace {
			r := root[in]
			if r != inputBuf && p.read[r] == at && p.rows[r] == p.rows[s.out] {
				root[s.out] = r
				p.read[r] = p.read[s.out]
				break
			}
		}
	}
	return root
}
