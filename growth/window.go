package growth

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// lanes is short for the number of samples side by side.
const lanes = tensor.Lanes

// window is how a layer reads its input: the kernel of a convolution, or all
// of it for a linear layer. Its unfold at an output position is the vector of
// what is read there, in the order of the layer's weights: channel, kernel
// row, kernel column, and a 1 last if the layer has a bias.
type window struct {
	in          nn.Shape
	kh, kw      int
	stride, pad int
	bias        bool
	oh, ow      int
}

// windowOf returns the window of a layer or a pooling node.
func windowOf(n *nn.Node, in nn.Shape) window {
	f, _ := n.Window(in)
	return window{in: in, kh: f.Height, kw: f.Width, stride: f.Stride, pad: f.Pad, bias: n.Bias,
		oh: (in.H+2*f.Pad-f.Height)/f.Stride + 1, ow: (in.W+2*f.Pad-f.Width)/f.Stride + 1}
}

// weights returns the number of weights of one output, without its bias.
func (w window) weights() int { return w.in.C * w.kh * w.kw }

// rows returns the length of an unfold.
func (w window) rows() int {
	if w.bias {
		return w.weights() + 1
	}
	return w.weights()
}

// area returns the number of kernel offsets.
func (w window) area() int { return w.kh * w.kw }

// positions returns the number of output positions.
func (w window) positions() int { return w.oh * w.ow }

// centre returns the kernel offset in the middle.
func (w window) centre() int { return w.kh/2*w.kw + w.kw/2 }

// reads returns the input position that output position j reads at kernel
// offset e, or -1 for padding: the mask T of MATH.md, as a function.
func (w window) reads(j, e int) int {
	y := j/w.ow*w.stride - w.pad + e/w.kw
	x := j%w.ow*w.stride - w.pad + e%w.kw
	if y < 0 || y >= w.in.H || x < 0 || x >= w.in.W {
		return -1
	}
	return y*w.in.W + x
}

// add adds weight times the unfold of x, one block (H, W, C, 32), at output
// position j to 32 columns of dst, a matrix of row stride ld. Lanes from used
// on are left as they are.
func (w window) add(dst []float32, ld int, x []float32, j, used int, weight float32) {
	y0, x0 := j/w.ow*w.stride-w.pad, j%w.ow*w.stride-w.pad
	for ky := range w.kh {
		y := y0 + ky
		if y < 0 || y >= w.in.H {
			continue
		}
		for kx := range w.kw {
			col := x0 + kx
			if col < 0 || col >= w.in.W {
				continue
			}
			at := (y*w.in.W + col) * w.in.C * lanes
			for c := range w.in.C {
				d := dst[((c*w.kh+ky)*w.kw+kx)*ld:][:used]
				s := x[at+c*lanes:][:used]
				for l, v := range s {
					d[l] += float32(weight * v)
				}
			}
		}
	}
	if w.bias {
		d := dst[w.weights()*ld:][:used]
		for l := range d {
			d[l] += weight
		}
	}
}

// source is a position of First's output and the weight with which it enters
// an intermediate position.
type source struct {
	position int
	weight   float32
}

// passage returns, for every position of Second's input, the positions of
// First's output that it is made of when all between is linearised: pooling of
// any kind is an average.
func passage(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, s Site) [][]source {
	at := shapes[s.First]
	ways := make([][]source, at.H*at.W)
	for p := range ways {
		ways[p] = []source{{p, 1}}
	}
	for _, id := range s.Between {
		n := g.Node(id)
		if f, ok := n.Window(at); ok {
			ways = pool(ways, windowOf(n, at), f.Inside)
		}
		at = shapes[id]
	}
	return ways
}

// pool averages over w; padding counts as zeros unless it is skipped.
func pool(ways [][]source, w window, skipPadding bool) [][]source {
	out := make([][]source, w.positions())
	for j := range out {
		var read []int
		for e := range w.area() {
			if p := w.reads(j, e); p >= 0 {
				read = append(read, p)
			}
		}
		count := w.area()
		if skipPadding {
			count = len(read)
		}
		for _, p := range read {
			for _, s := range ways[p] {
				out[j] = append(out[j], source{s.position, s.weight / float32(count)})
			}
		}
	}
	return out
}
