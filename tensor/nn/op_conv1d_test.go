package nn

import (
	"strings"
	"testing"
)

func conv1d(out, k, stride, pad, groups int) Node {
	return Node{Op: OpConv1d, Out: out, Kernel: k, Stride: stride, Pad: pad, Groups: groups, Bias: out%2 == 0}
}

func init() {
	operationReferences[OpConv1d] = func(r *reference, n *Node, out [][]float64) {
		w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
		si, so := r.shapes[n.Inputs[0]], r.shapes[n.ID]
		own := si.C / n.Groups
		for i, in := range r.values[n.Inputs[0]] {
			for o := range out[i] {
				c, y := o/so.H, o%so.H
				if b != nil {
					out[i][o] = b[c]
				}
				for j := range own {
					for e := range n.Kernel {
						if at := y*n.Stride + e - n.Pad; at >= 0 && at < si.H {
							out[i][o] += w[(c*own+j)*n.Kernel+e] * in[(c/(so.C/n.Groups)*own+j)*si.H+at]
						}
					}
				}
			}
		}
	}
	sequence := Shape{3, 11, 1}
	for name, nodes := range map[string][]Node{
		"conv1d":              {conv1d(6, 3, 1, 1, 1), op(OpReLU), conv1d(5, 5, 2, 2, 1), op(OpGELU), linear(3)},
		"conv1d in groups":    {conv1d(6, 4, 1, 0, 3), bn(), op(OpReLU), conv1d(4, 2, 3, 1, 2), op(OpGlobalAvgPool), linear(3)},
		"conv1d of each":      {conv1d(3, 3, 1, 3, 3), op(OpTanh), conv1d(4, 1, 1, 0, 1), linear(3)},
		"conv1d of a mixture": {conv(4, 1, 1, 0, true), ln(), conv1d(4, 7, 1, 3, 4), op(OpSiLU), linear(3)},
	} {
		operationGraphs[name] = func() *Graph { return chain(sequence, CrossEntropy, nodes...) }
	}
}

func TestConv1dHasTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "d76521fb6592ff7343f0dfa6f171ebabfa06bd72da2e2497accfcc8de18359d1", conv1dOp{}.probe())
}

func TestConv1dFaultsAndCost(t *testing.T) {
	for want, n := range map[string]Node{
		"a sequence has one column, as in 4x6x1": conv1d(2, 1, 1, 0, 1).named("y", "x"),
		"has 3 groups, which must divide 4 inp":  conv1d(3, 1, 1, 0, 3).named("y", "g"),
		"has a kernel of 5 that does not fit":    conv1d(2, 5, 1, 1, 1).named("y", "g"),
	} {
		nodes := []Node{n, linear(3)}
		if n.Inputs[0] == "g" {
			nodes = append([]Node{op(OpGlobalAvgPool).named("g", "x")}, nodes...)
		}
		if err := chain(Shape{4, 2, 3}, CrossEntropy, nodes...).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	g := chain(Shape{6, 10, 1}, CrossEntropy, conv1d(4, 3, 2, 1, 2).named("c", "x"), linear(3))
	if e := ByName(g.ParamEntries())["c.weight"]; len(e.Shape) != 3 || e.Shape[0] != 4 || e.Shape[1] != 3 || e.Shape[2] != 3 {
		t.Errorf("weight of shape %v", e.Shape)
	}
	if got, want := g.FLOPs(), int64(2*(3*3*4*5+4*5*3)); got != want {
		t.Errorf("%d FLOPs, want %d", got, want)
	}
}
