package nn

import (
	"strings"
	"testing"
)

func depthwise(k, stride, pad int, bias bool) Node {
	return Node{Op: OpDepthwise, Kernel: k, Stride: stride, Pad: pad, Bias: bias}
}

func init() {
	operationReferences[OpDepthwise] = depthwiseReference
	im := Shape{3, 6, 6}
	for name, nodes := range map[string][]Node{
		"depthwise on the input": {depthwise(3, 1, 1, true), op(OpReLU), linear(3)},
		"depthwise stride":       {conv(4, 1, 1, 0, true), op(OpReLU), depthwise(3, 2, 1, false), op(OpReLU), linear(3)},
		"depthwise norm": {conv(4, 1, 1, 0, false), bn(), op(OpReLU), depthwise(5, 1, 2, false), bn(), op(OpReLU),
			conv(3, 1, 1, 0, true), op(OpGlobalAvgPool), linear(3)},
		"depthwise of even kernel": {conv(4, 3, 1, 1, true), depthwise(2, 1, 1, true), op(OpTanh), linear(3)},
		"depthwise no padding":     {conv(4, 3, 1, 1, true), op(OpTanh), depthwise(7, 1, 2, true), depthwise(1, 1, 0, true), linear(3)},
		"depthwise of nothing":     {conv(0, 3, 1, 1, true), op(OpReLU), depthwise(3, 1, 1, true), op(OpReLU), linear(3)},
	} {
		operationGraphs[name] = func() *Graph { return chain(im, CrossEntropy, nodes...) }
	}
}

// depthwiseReference is the direct loop.
func depthwiseReference(r *reference, n *Node, out [][]float64) {
	w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
	si, so, k := r.shapes[n.Inputs[0]], r.shapes[n.ID], n.Kernel
	for i, in := range r.values[n.Inputs[0]] {
		for o := range out[i] {
			c, y, x := o/(so.H*so.W), o/so.W%so.H, o%so.W
			if b != nil {
				out[i][o] = b[c]
			}
			for e := range k * k {
				iy, ix := y*n.Stride+e/k-n.Pad, x*n.Stride+e%k-n.Pad
				if iy >= 0 && iy < si.H && ix >= 0 && ix < si.W {
					out[i][o] += w[c*k*k+e] * in[(c*si.H+iy)*si.W+ix]
				}
			}
		}
	}
}

func TestDepthwiseHasTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "2ae74f88f96c1e5d8148eb6d6f5727b65e2f314f90b5a902b571de82c48399a7", depthwiseOp{}.probe())
}

// Its tensors are those of PyTorch's conv2d with groups; its cost is that of one
// channel's filter for every output.
func TestDepthwiseTensorsAndCost(t *testing.T) {
	g := chain(Shape{5, 8, 8}, CrossEntropy, depthwise(3, 2, 1, true).named("dw", "x"), linear(3))
	e := ByName(g.ParamEntries())
	if w := e["dw.weight"]; len(w.Shape) != 4 || w.Shape[0] != 5 || w.Shape[1] != 1 || w.Shape[2] != 3 || w.Shape[3] != 3 {
		t.Errorf("weight of shape %v", w.Shape)
	}
	if b := e["dw.bias"]; len(b.Shape) != 1 || b.Shape[0] != 5 {
		t.Errorf("bias of shape %v", b.Shape)
	}
	if got, want := g.FLOPs(), int64(2*(5*9*16+5*16*3)); got != want {
		t.Errorf("%d FLOPs, want %d", got, want)
	}
	if widths := g.Widths(); len(widths) != 0 {
		t.Errorf("a depthwise convolution has a width of its own: %v", widths)
	}
}

func TestDepthwiseFaults(t *testing.T) {
	for want, n := range map[string]Node{
		"leave out away":                  {Op: OpDepthwise, Kernel: 3, Stride: 1, Out: 4},
		"kernel 0: must be 1 to":          {Op: OpDepthwise, Stride: 1},
		"stride 0: must be 1 to":          {Op: OpDepthwise, Kernel: 3},
		"3x3 kernel that does not fit":    {Op: OpDepthwise, Kernel: 3, Stride: 1},
		"has no eps and no momentum":      {Op: OpDepthwise, Kernel: 3, Stride: 1, Pad: 1, Eps: 1e-5},
		"has 2 inputs, needs 1":           Node{Op: OpDepthwise, Kernel: 3, Stride: 1, Pad: 1}.named("d", "x", "x"),
		"reads \"nope\", which is no ear": Node{Op: OpDepthwise, Kernel: 3, Stride: 1, Pad: 1}.named("d", "nope"),
	} {
		err := chain(Shape{2, 2, 2}, CrossEntropy, n, linear(3)).Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
