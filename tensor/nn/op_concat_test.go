package nn

import (
	"slices"
	"strings"
	"testing"
)

func grouped(out, k, stride, pad, groups int) Node {
	return Node{Op: OpGroupedConv, Out: out, Kernel: k, Stride: stride, Pad: pad, Groups: groups, Bias: out%2 == 0}
}

func init() {
	operationReferences[OpConcat] = func(r *reference, n *Node, out [][]float64) {
		for i := range out {
			at := 0
			for _, in := range n.Inputs {
				at += copy(out[i][at:], r.values[in][i])
			}
		}
	}
	operationReferences[OpGroupedConv] = groupedReference
	im := Shape{3, 6, 6}
	operationGraphs["concat"] = func() *Graph {
		return chain(im, CrossEntropy, conv(4, 3, 1, 1, true).named("a", "x"), op(OpReLU).named("r", "a"), conv(2, 1, 1, 0, true).named("b", "r"),
			op(OpConcat).named("y", "b", "x", "r", "b"), conv(3, 3, 2, 1, true), op(OpGlobalAvgPool), linear(3))
	}
	operationGraphs["concat of vectors"] = func() *Graph {
		return chain(Shape{5, 1, 1}, MSE, linear(4).named("a", "x"), linear(0).named("none", "x"), op(OpConcat).named("y", "none", "a", "x"), linear(3))
	}
	for name, nodes := range map[string][]Node{
		"grouped convolution":          {conv(6, 1, 1, 0, true), op(OpReLU), grouped(4, 3, 1, 1, 2), op(OpReLU), grouped(8, 2, 2, 0, 4), linear(3)},
		"grouped on the input":         {grouped(9, 3, 2, 1, 3), bn(), op(OpReLU), linear(3)},
		"grouped of one":               {grouped(4, 3, 1, 1, 1), op(OpTanh), linear(3)},
		"grouped as a depthwise":       {grouped(3, 3, 1, 1, 3), op(OpTanh), linear(3)},
		"grouped with a wide expander": {grouped(6, 5, 1, 2, 3), op(OpGELU), op(OpGlobalAvgPool), linear(3)},
	} {
		operationGraphs[name] = func() *Graph { return chain(im, CrossEntropy, nodes...) }
	}
}

// groupedReference is the direct loop.
func groupedReference(r *reference, n *Node, out [][]float64) {
	w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
	si, so, k := r.shapes[n.Inputs[0]], r.shapes[n.ID], n.Kernel
	own := si.C / n.Groups
	for i, in := range r.values[n.Inputs[0]] {
		for o := range out[i] {
			c, y, x := o/(so.H*so.W), o/so.W%so.H, o%so.W
			if b != nil {
				out[i][o] = b[c]
			}
			first := c / (so.C / n.Groups) * own
			for j := range own {
				for e := range k * k {
					iy, ix := y*n.Stride+e/k-n.Pad, x*n.Stride+e%k-n.Pad
					if iy >= 0 && iy < si.H && ix >= 0 && ix < si.W {
						out[i][o] += w[(c*own+j)*k*k+e] * in[((first+j)*si.H+iy)*si.W+ix]
					}
				}
			}
		}
	}
}

func TestConcatAndGroupsHaveTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "7066a9634e5ebd21effc0dd81434858cdf701cd60a5e65a1f2c34b44cd761018", concatOp{}.probe())
	sameBits(t, "d6ba57ba8a37338bbf3bc1091c29e6035da586689669b0344f67117ba8ed3d4c", groupedConvOp{}.probe())
}

func TestConcatAndGroupsFaultsAndCost(t *testing.T) {
	for want, n := range map[string]Node{
		"positions must be the same":                                op(OpConcat).named("y", "x", "one"),
		"has 1 inputs, needs 2":                                     op(OpConcat).named("y", "one"),
		"has 3 groups, which must divide 4 input and 6 output chan": grouped(6, 1, 1, 0, 3).named("y", "x"),
		"has 2 groups, which must divide 4 input and 5 output chan": grouped(5, 1, 1, 0, 2).named("y", "x"),
		"has 0 groups": grouped(5, 1, 1, 0, 0).named("y", "x"),
	} {
		nodes := []Node{n, linear(3)}
		if slices.Contains(n.Inputs, "one") {
			nodes = append([]Node{op(OpGlobalAvgPool).named("one", "x")}, nodes...)
		}
		err := chain(Shape{4, 2, 2}, CrossEntropy, nodes...).Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	g := chain(Shape{6, 8, 8}, CrossEntropy, grouped(4, 3, 2, 1, 2).named("g", "x"), linear(3))
	if e := ByName(g.ParamEntries())["g.weight"]; len(e.Shape) != 4 || e.Shape[0] != 4 || e.Shape[1] != 3 {
		t.Errorf("weight of shape %v", e.Shape)
	}
	if got, want := g.FLOPs(), int64(2*(9*3*4*16+4*16*3)); got != want {
		t.Errorf("%d FLOPs, want %d", got, want)
	}
}
