package nn

import (
	"math"
	"strings"
	"testing"
)

func init() {
	hard := func(v float64) float64 { return math.Min(math.Max(v/6+0.5, 0), 1) }
	activationReferences[OpSigmoid] = func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	activationReferences[OpHardSigmoid] = hard
	activationReferences[OpHardSwish] = func(v float64) float64 { return v * hard(v) }
	operationReferences[OpMultiply] = func(r *reference, n *Node, out [][]float64) {
		x, g := r.values[n.Inputs[0]], r.values[n.Inputs[1]]
		for i := range out {
			each := len(x[i]) / len(g[i])
			for j, v := range x[i] {
				out[i][j] = v * g[i][j/each]
			}
		}
	}
	operationReferences[OpLayerScale] = func(r *reference, n *Node, out [][]float64) {
		w := r.param(n.ID, RoleWeight)
		for i, in := range r.values[n.Inputs[0]] {
			for j, v := range in {
				out[i][j] = w[j*len(w)/len(in)] * v
			}
		}
	}
	im := Shape{3, 6, 6}
	// gated is squeeze and excitation of a channel count that four layers share.
	gated := func(f, gate Op) func() *Graph {
		return func() *Graph {
			return chain(im, CrossEntropy, conv(4, 3, 1, 1, true), bn(), op(f).named("a", "n1"), op(OpGlobalAvgPool), conv(2, 1, 1, 0, true),
				op(OpReLU), conv(4, 1, 1, 0, true), op(gate).named("g", "n6"), op(OpMultiply).named("m", "a", "g"), conv(3, 3, 2, 1, true),
				op(OpGlobalAvgPool), linear(3))
		}
	}
	operationGraphs["squeeze and excitation"] = gated(OpSiLU, OpSigmoid)
	operationGraphs["squeeze and excitation, hard"] = gated(OpHardSwish, OpHardSigmoid)
	operationGraphs["product of equal shapes"] = func() *Graph {
		return chain(im, CrossEntropy, conv(4, 3, 1, 1, true).named("a", "x"), conv(4, 1, 1, 0, true).named("b", "x"), op(OpSigmoid).named("s", "b"),
			op(OpMultiply).named("m", "a", "s"), op(OpMultiply).named("sq", "m", "m"), op(OpGlobalAvgPool), linear(3))
	}
	operationGraphs["product of vectors"] = func() *Graph {
		return chain(Shape{5, 1, 1}, MSE, linear(4).named("a", "x"), linear(4).named("b", "x"), op(OpMultiply).named("m", "a", "b"), linear(3))
	}
	operationGraphs["product with the input"] = func() *Graph {
		return chain(im, CrossEntropy, op(OpGlobalAvgPool), linear(3).named("g", "n0"), op(OpMultiply).named("m", "x", "g"), linear(3))
	}
	operationGraphs["layer scale"] = func() *Graph {
		return chain(im, CrossEntropy, conv(4, 3, 1, 1, true).named("a", "x"), op(OpGELU), conv(4, 1, 1, 0, true), op(OpLayerScale).named("s", "n2"),
			op(OpAdd).named("sum", "s", "a"), op(OpLayerScale), op(OpGlobalAvgPool), linear(3))
	}
}

func TestGatesHaveTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "4e4737a18a862f10b8b7cc0b2b64fa7be936c1aaf7bc4485e5370fe408c1667f", multiplyOp{}.probe())
	sameBits(t, "46036fc12915367dc111cea8e5da303621773e9e3acde88a447d12d9d669b27f", sigmoidOp{}.probe(), hardSigmoidOp{}.probe(), hardSwishOp{}.probe())
	sameBits(t, "65bd5c1ed98321534255a4ba54c0ba759ce25944f55961e98a0e586e3e1c6ab9", layerScaleOp{}.probe())
}

func TestMultiplyFaults(t *testing.T) {
	for want, n := range map[string]Node{
		"has 1 inputs, needs 2":              op(OpMultiply).named("m", "x"),
		"the second must be 4x2x2 or 4x1x1":  op(OpMultiply).named("m", "x", "half"),
		"multiplies 2x2x2 of \"half\" by 4x": op(OpMultiply).named("m", "half", "x"),
	} {
		err := chain(Shape{4, 2, 2}, CrossEntropy, conv(2, 1, 1, 0, true).named("half", "x"), n, linear(3)).Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
