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

// tape lists the steps of a program in order with the buffers they touch.
// A buffer is written by one step and read by later ones.
type tape struct {
	steps   []taped
	rows    []int // length of a buffer in rows of 32, per block
	written []int // index of the step that writes it
	read    []int // index of the last step that reads it
	kept    []bool
}

type taped struct {
	step
	out     buf
	inPlace []buf // inputs whose storage the output may take over, best first
}

const forever = 1 << 30

func newTape(input Shape) *tape {
	t := new(tape)
	t.buffer(input)
	return t
}

// buffer returns a new buffer for values of shape s.
func (t *tape) buffer(s Shape) buf {
	t.rows = append(t.rows, s.Len())
	t.written = append(t.written, -1)
	t.read = append(t.read, -1)
	t.kept = append(t.kept, false)
	return buf(len(t.rows) - 1)
}

// keep leaves b readable after the last stet.
func (t *tape) keep(b buf) { t.kept[b], t.read[b] = true, forever }

// add appends a step that reads the given buffers and writes out (noBuf: none).
func (t *tape) add(s step, out buf, reads []buf, inPlace ...buf) {
	at := len(t.steps)
	t.steps = append(t.steps, taped{s, out, inPlace})
	if out != noBuf {
		t.written[out] = at
		t.read[out] = max(t.read[out], at)
	}
	for _, b := range reads {
		t.read[b] = max(t.read[b], at)
	}
}

// also makes b an output of the last step too.
func (t *tape) also(b buf) {
	t.written[b] = len(t.steps) - 1
	t.read[b] = max(t.read[b], t.written[b])
}

// layout gives every buffer an offset in one arena such that no two buffers
// that are alive at the same step overlap, and returns the offsets and the
// arena's length in floats for the given number of blocks. Large buffers are
// placed first, each at the lowest free offset.
func (t *tape) layout(blocks int) (offsets []int, length int) {
	root := t.shareInPlace()
	size := func(b buf) int { return t.rows[b] * blocks * tensor.Lanes }
	var order []buf
	for b := range t.rows {
		if b := buf(b); b != inputBuf && root[b] == b && t.written[b] >= 0 {
			order = append(order, b)
		}
	}
	sort.SliceStable(order, func(i, j int) bool { return size(order[i]) > size(order[j]) })

	offsets = make([]int, len(t.rows))
	var placed []buf // sorted by offset
	for _, b := range order {
		at := 0
		for _, q := range placed {
			if t.written[q] > t.read[b] || t.written[b] > t.read[q] {
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
func (t *tape) shareInPlace() []buf {
	root := make([]buf, len(t.rows))
	for b := range root {
		root[b] = buf(b)
	}
	for at, s := range t.steps {
		for _, in := range s.inPlace {
			r := root[in]
			if r != inputBuf && t.read[r] == at && t.rows[r] == t.rows[s.out] {
				root[s.out] = r
				t.read[r] = t.read[s.out]
				break
			}
		}
	}
	return root
}
