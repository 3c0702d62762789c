package nn

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Mode says which statistics batchnorm uses.
type Mode int

// The modes.
const (
	Train Mode = iota // the micro-shard's own
	Eval              // the running ones
)

// Workspace is the memory of one goroutine that runs a program. Its methods
// allocate nothing; they are called in the order Forward, Loss, Backward.
type Workspace struct {
	program *Program
	arena   []float32
	scratch []float32
	s, q    []float32 // lane sums of one batchnorm layer
	coef    []float32 // kernel.NormCoefs of all batchnorm channels
	state   []channelState
	exps    []float64 // exponentials of one sample's outputs
	losses  []float64

	packed  *Packed
	running []float32
	batch   *Batch
	mode    Mode
	n       int // valid samples
	blocks  int // blocks that hold them
	grad    []float32
	watch   Observer // nil: nobody measures
}

// NewWorkspace returns the memory that one goroutine needs.
func (p *Program) NewWorkspace() *Workspace {
	channels := 0
	for _, n := range p.norms {
		channels += n.channels
	}
	return &Workspace{
		program: p,
		arena:   make([]float32, p.arena),
		scratch: make([]float32, p.scratch),
		s:       make([]float32, p.sums*tensor.Lanes),
		q:       make([]float32, p.sums*tensor.Lanes),
		coef:    make([]float32, channels*kernel.NormCoefs),
		state:   make([]channelState, channels),
		exps:    make([]float64, p.output.C),
		losses:  make([]float64, p.samples),
	}
}

// at returns the used blocks of a buffer.
func (w *Workspace) at(b buf) []float32 {
	n := w.program.rows[b] * w.blocks * tensor.Lanes
	if b == inputBuf {
		return w.batch.X[:n]
	}
	at := w.program.offsets[b]
	return w.arena[at : at+n]
}

// lanes returns how many samples block b holds.
func (w *Workspace) lanes(b int) int { return min(w.n-b*tensor.Lanes, tensor.Lanes) }

func (w *Workspace) panel(l *layer) []float32 {
	return w.packed.panels[l.panel : l.panel+l.packedLen]
}

func (w *Workspace) biasOf(l *layer) []float32 {
	if l.bias.Shape == nil {
		return nil
	}
	return w.packed.vector[l.biasVec : l.biasVec+l.bias.Len()]
}

// Forward runs the graph on b, which must stay unchanged until Backward has
// returned. buffers is read in Eval mode only.
func (w *Workspace) Forward(pk *Packed, buffers []float32, b *Batch, mode Mode) {
	p := w.program
	if b.N < 1 || b.N > p.samples {
		panic("nn: batch of a wrong number of samples")
	}
	if len(pk.panels) != p.panels || len(pk.vector) != p.vector {
		panic("nn: parameters packed for another program")
	}
	if mode == Eval && len(buffers) != p.numBuffers {
		panic("nn: wrong number of buffers")
	}
	w.packed, w.running, w.batch, w.mode = pk, buffers, b, mode
	w.n, w.blocks = b.N, tensor.Blocks(b.N)
	w.runAll(p.steps[:p.forward])
}

// Backward overwrites grad, of length NumParams, with the gradient of the sum
// of the samples' losses. Loss must have been called since Forward. A program
// compiled with Signals takes nil.
func (w *Workspace) Backward(grad []float32) {
	p := w.program
	if p.inference {
		panic("nn: backward of a program compiled for inference")
	}
	if p.signals && grad != nil || !p.signals && len(grad) != p.numParams {
		panic("nn: gradient of a wrong length")
	}
	w.grad = grad
	w.runAll(p.steps[p.forward:])
	w.grad = nil
}

// Value returns the output of a kept node for the last Forward, in the layout
// (B, H, W, C, 32) of the blocks in use. The last node is always kept. It is
// valid until the next Forward. The lanes past the last sample are arbitrary.
func (w *Workspace) Value(id NodeID) []float32 {
	if id == w.program.graph.Output().ID {
		return w.at(w.program.logits)
	}
	b, ok := w.program.values[id]
	if !ok {
		panic("nn: value of a node that is not kept")
	}
	return w.at(b)
}

// Grad returns the gradient of the summed loss at a kept node's output after
// Backward, laid out like Value. Lanes past the last sample are zero.
func (w *Workspace) Grad(id NodeID) []float32 {
	b, ok := w.program.grads[id]
	if !ok {
		panic("nn: gradient of a node that is not kept")
	}
	return w.at(b)
}
