package site

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// lanes is short for the number of samples side by side.
const lanes = tensor.Lanes

// Window is how a layer reads its input: the kernel of a convolution, or all
// of it for a linear layer. Its unfold at an output position is the vector of
// what is read there, in the order of the layer's weights: channel, kernel
// row, kernel column, and a 1 last if the layer has a bias.
type Window struct {
	In               nn.Shape
	KernelH, KernelW int
	Stride, Pad      int
	Bias             bool
	OutH, OutW       int
}

// windowOf returns the window of a layer or a pooling node.
func windowOf(n *nn.Node, in nn.Shape) Window {
	f, _ := n.Window(in)
	return Window{In: in, KernelH: f.Height, KernelW: f.Width, Stride: f.Stride, Pad: f.Pad, Bias: n.Bias,
		OutH: (in.H+2*f.Pad-f.Height)/f.Stride + 1, OutW: (in.W+2*f.Pad-f.Width)/f.Stride + 1}
}

// Weights returns the number of weights of one output, without its bias.
func (w Window) Weights() int { return w.In.C * w.KernelH * w.KernelW }

// Rows returns the length of an unfold.
func (w Window) Rows() int {
	if w.Bias {
		return w.Weights() + 1
	}
	return w.Weights()
}

// Area returns the number of kernel offsets.
func (w Window) Area() int { return w.KernelH * w.KernelW }

// Positions returns the number of output positions.
func (w Window) Positions() int { return w.OutH * w.OutW }

// Centre returns the kernel offset in the middle.
func (w Window) Centre() int { return w.KernelH/2*w.KernelW + w.KernelW/2 }

// Geometry returns the window as a layer of out outputs.
func (w Window) Geometry(out int) kernel.Geometry {
	return kernel.Geometry{InC: w.In.C, InH: w.In.H, InW: w.In.W, OutC: out, KH: w.KernelH, KW: w.KernelW, Stride: w.Stride, Pad: w.Pad}
}

// Reads returns the input position that output position j reads at kernel
// offset e, or -1 for padding: the mask T of MATH.md, as a function.
func (w Window) Reads(j, e int) int {
	y := j/w.OutW*w.Stride - w.Pad + e/w.KernelW
	x := j%w.OutW*w.Stride - w.Pad + e%w.KernelW
	if y < 0 || y >= w.In.H || x < 0 || x >= w.In.W {
		return -1
	}
	return y*w.In.W + x
}

// Columns are 32 columns of a matrix, one for each sample of a block.
type Columns struct {
	Data   []float32 // begins with the first of the columns
	Stride int       // elements from one row to the next
	Used   int       // samples of the block, at most 32
}

// Add adds the unfold of x, one block (H, W, C, 32), at an output position times its
// weight to dst. Columns beyond those used are left as they are.
func (w Window) Add(dst Columns, x []float32, from Source) {
	j, weight, used := from.Position, from.Weight, dst.Used
	y0, x0 := j/w.OutW*w.Stride-w.Pad, j%w.OutW*w.Stride-w.Pad
	for ky := range w.KernelH {
		y := y0 + ky
		if y < 0 || y >= w.In.H {
			continue
		}
		for kx := range w.KernelW {
			col := x0 + kx
			if col < 0 || col >= w.In.W {
				continue
			}
			at := (y*w.In.W + col) * w.In.C * lanes
			for c := range w.In.C {
				d := dst.Data[((c*w.KernelH+ky)*w.KernelW+kx)*dst.Stride:][:used]
				s := x[at+c*lanes:][:used]
				for l, v := range s {
					d[l] += float32(weight * v)
				}
			}
		}
	}
	if w.Bias {
		d := dst.Data[w.Weights()*dst.Stride:][:used]
		for l := range d {
			d[l] += weight
		}
	}
}

// Source is a position of First's output and the weight with which it enters
// an intermediate position.
type Source struct {
	Position int
	Weight   float32
}

// Passage returns, for every position of Second's input, the positions of
// First's output that a new channel of it is made of when all between is linearised:
// pooling of any kind is an average, and a filter passes the centre of its window on.
func Passage(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, s Site) [][]Source {
	at := shapes[s.First]
	ways := make([][]Source, at.H*at.W)
	for p := range ways {
		ways[p] = []Source{{p, 1}}
	}
	for _, p := range Passings(g, shapes, s) {
		ways = pool(ways, p.Window, p.Inside)
	}
	return ways
}

// pool averages over w; padding counts as zeros unless it is skipped.
func pool(ways [][]Source, w Window, skipPadding bool) [][]Source {
	out := make([][]Source, w.Positions())
	for j := range out {
		var read []int
		for e := range w.Area() {
			if p := w.Reads(j, e); p >= 0 {
				read = append(read, p)
			}
		}
		count := w.Area()
		if skipPadding {
			count = len(read)
		}
		for _, p := range read {
			for _, s := range ways[p] {
				out[j] = append(out[j], Source{s.Position, s.Weight / float32(count)})
			}
		}
	}
	return out
}
