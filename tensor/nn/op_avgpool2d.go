package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpAvgPool is PyTorch's avgpool2d: the average over a square window of
// Node.Kernel, Stride and Pad, padding counted as zeros.
var OpAvgPool = register("avgpool2d", avgPoolOp{})

type avgPoolOp struct{ windowed }

func (avgPoolOp) window(n *Node, _ Shape) (Window, bool) { return n.kernelWindow(), true }
func (avgPoolOp) unit(c *compiler, n *Node) unit         { return c.pooling(n, average{}) }

// average is the pooling that shares the gradient out evenly.
type average struct{}

func (average) forward(w *Workspace, y, x []float32, win kernel.Window) {
	kernel.AvgPool(y, x, win, w.blocks)
}

func (average) backward(w *Workspace, dx, dy, _, _ []float32, win kernel.Window) {
	kernel.AvgPoolBackward(dx, dy, win, w.blocks)
}

func (average) looksBack() bool              { return false }
func (average) scratchLen(kernel.Window) int { return 0 }
