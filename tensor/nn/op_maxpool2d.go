package nn

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpMaxPool is PyTorch's maxpool2d: the maximum over a square window of
// Node.Kernel, Stride and Pad. Padding never wins.
var OpMaxPool = register("maxpool2d", maxPoolOp{})

type maxPoolOp struct{ windowed }

func (maxPoolOp) window(n *Node, _ Shape) (Window, bool) {
	w := n.kernelWindow()
	w.Inside = true
	return w, true
}

func (maxPoolOp) unit(c *compiler, n *Node) unit { return c.pooling(n, maximum{}) }

// maximum is the pooling that hands the gradient to the value that won.
type maximum struct{}

func (maximum) forward(w *Workspace, y, x []float32, win kernel.Window) {
	kernel.MaxPool(y, x, win, w.blocks)
}

func (maximum) backward(w *Workspace, dx, dy, x, y []float32, win kernel.Window) {
	kernel.MaxPoolBackward(dx, dy, x, y, win, w.blocks, w.scratch)
}

func (maximum) looksBack() bool                  { return true }
func (maximum) scratchLen(win kernel.Window) int { return win.C * tensor.Lanes }
