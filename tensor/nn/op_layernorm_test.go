package nn

import (
	"math"
	"strings"
	"testing"
)

func ln() Node { return Node{Op: OpLayerNorm, Eps: 1e-5} }

func gn(groups int) Node { return Node{Op: OpGroupNorm, Eps: 1e-5, Groups: groups} }

func init() {
	operationReferences[OpLayerNorm] = func(r *reference, n *Node, out [][]float64) {
		s := r.shapes[n.ID]
		for i, in := range r.values[n.Inputs[0]] {
			for p := range s.H * s.W {
				normalise(r, n, in, out[i], func(f func(at, c int)) {
					for c := range s.C {
						f(c*s.H*s.W+p, c)
					}
				})
			}
		}
	}
	operationReferences[OpGroupNorm] = func(r *reference, n *Node, out [][]float64) {
		s := r.shapes[n.ID]
		size := s.C / n.Groups
		for i, in := range r.values[n.Inputs[0]] {
			for g := range n.Groups {
				normalise(r, n, in, out[i], func(f func(at, c int)) {
					for c := g * size; c < (g+1)*size; c++ {
						for p := range s.H * s.W {
							f(c*s.H*s.W+p, c)
						}
					}
				})
			}
		}
	}
	im := Shape{3, 6, 6}
	for name, nodes := range map[string][]Node{
		"layer norm":               {conv(5, 3, 1, 1, true), ln(), op(OpReLU), conv(4, 1, 1, 0, true), ln(), linear(3)},
		"layer norm on the input":  {ln(), op(OpGELU), linear(3)},
		"layer norm of a vector":   {linear(6), ln(), op(OpTanh), linear(4)},
		"layer norm at the end":    {linear(4), ln()},
		"layer norm of nothing":    {conv(0, 3, 1, 1, true), ln(), op(OpReLU), linear(3)},
		"group norm":               {conv(6, 3, 1, 1, true), gn(3), op(OpReLU), conv(4, 3, 2, 1, false), gn(1), op(OpGELU), linear(3)},
		"group norm of each":       {conv(4, 3, 1, 1, true), gn(4), op(OpTanh), op(OpGlobalAvgPool), linear(3)},
		"group norm on the input":  {gn(1), conv(4, 3, 1, 1, true), op(OpReLU), linear(3)},
		"layer norm between norms": {conv(4, 3, 1, 1, false), bn(), ln(), bn(), op(OpReLU), linear(3)},
	} {
		operationGraphs[name] = func() *Graph { return chain(im, CrossEntropy, nodes...) }
	}
	operationGraphs["layer norm in a residual"] = func() *Graph {
		return chain(im, CrossEntropy, conv(4, 3, 1, 1, true).named("c", "x"), ln().named("n", "c"), conv(4, 1, 1, 0, true), op(OpGELU),
			conv(4, 1, 1, 0, true).named("d", "n3"), op(OpAdd).named("sum", "d", "c"), ln(), op(OpGlobalAvgPool), linear(3))
	}
}

// normalise does one group, whose values and channels each goes through.
func normalise(r *reference, n *Node, in, out []float64, each func(f func(at, c int))) {
	w, b := r.param(n.ID, RoleWeight), r.param(n.ID, RoleBias)
	var count, mean, variance float64
	each(func(int, int) { count++ })
	each(func(at, _ int) { mean += in[at] / count })
	each(func(at, _ int) { variance += (in[at] - mean) * (in[at] - mean) / count })
	each(func(at, c int) { out[at] = w[c]*(in[at]-mean)/math.Sqrt(variance+n.Eps) + b[c] })
}

func TestGroupNormsHaveTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "dda29d71a9a9a090a56b5708b5734e455d1e11f79eca6c8cb06c6262a5ff3f91", layerNormOp{}.probe())
	sameBits(t, "578e5d0e5be9fb32a631c86034e0c89a041c61e41fbb34b81172c2aee0dc9c0e", groupNormOp{}.probe())
}

func TestGroupNormFaults(t *testing.T) {
	for want, n := range map[string]Node{
		"eps 0: must be above 0":                    {Op: OpLayerNorm},
		"has no momentum":                           {Op: OpLayerNorm, Eps: 1e-5, Momentum: 0.1},
		"has no groups":                             {Op: OpLayerNorm, Eps: 1e-5, Groups: 2},
		"has 3 groups, which do not divide its 4":   {Op: OpGroupNorm, Eps: 1e-5, Groups: 3},
		"has 0 groups, which do not divide its 4 c": {Op: OpGroupNorm, Eps: 1e-5},
		"out 3: must be 0 to 0":                     {Op: OpGroupNorm, Eps: 1e-5, Groups: 2, Out: 3},
	} {
		err := chain(Shape{4, 2, 2}, CrossEntropy, n, linear(3)).Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
