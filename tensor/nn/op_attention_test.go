package nn

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func attention(heads int, id NodeID, q, k, v NodeID) Node {
	return Node{ID: id, Op: OpAttention, Inputs: []NodeID{q, k, v}, Heads: heads}
}

func init() {
	operationReferences[OpAttention] = attentionReference
	operationReferences[OpPositional] = func(r *reference, n *Node, out [][]float64) {
		w, s := r.param(n.ID, RoleWeight), r.shapes[n.ID]
		for i, in := range r.values[n.Inputs[0]] {
			for j, v := range in {
				c, p := j/(s.H*s.W), j%(s.H*s.W)
				out[i][j] = v + w[p*s.C+c]
			}
		}
	}
	token := func(id, in NodeID, out int) Node { return conv(out, 1, 1, 0, true).named(id, in) }
	operationGraphs["attention"] = func() *Graph {
		return chain(Shape{3, 3, 4}, CrossEntropy, token("e", "x", 4), op(OpPositional).named("p", "e"), token("q", "p", 6), token("k", "p", 6),
			token("v", "p", 4), attention(2, "a", "q", "k", "v"), token("o", "a", 4), op(OpAdd).named("sum", "o", "p"), op(OpGlobalAvgPool), linear(3))
	}
	operationGraphs["attention to itself"] = func() *Graph {
		n := attention(1, "a", "e", "e", "e")
		n.Scale = 0.3
		return chain(Shape{3, 5, 1}, CrossEntropy, token("e", "x", 4), n, linear(3))
	}
	operationGraphs["attention on the input"] = func() *Graph {
		return chain(Shape{2, 2, 3}, CrossEntropy, token("v", "x", 6), attention(2, "a", "x", "x", "v"), op(OpTanh), linear(3))
	}
	operationGraphs["attention of one token"] = func() *Graph {
		return chain(Shape{4, 1, 1}, CrossEntropy, token("v", "x", 4), attention(2, "a", "x", "v", "v"), linear(3))
	}
	operationGraphs["a small transformer"] = func() *Graph {
		return chain(Shape{3, 6, 6}, CrossEntropy, conv(4, 2, 2, 0, true).named("e", "x"), op(OpPositional).named("p", "e"),
			ln().named("ln1", "p"), token("q", "ln1", 4), token("k", "ln1", 4), token("v", "ln1", 4), attention(2, "a", "q", "k", "v"), token("o", "a", 4),
			op(OpAdd).named("s1", "p", "o"), ln().named("ln2", "s1"), token("up", "ln2", 6), op(OpGELU).named("g", "up"), token("down", "g", 4),
			op(OpAdd).named("s2", "s1", "down"), ln(), op(OpGlobalAvgPool), linear(3))
	}
}

// attentionReference is the plain formula.
func attentionReference(r *reference, n *Node, out [][]float64) {
	q, k, v := r.values[n.Inputs[0]], r.values[n.Inputs[1]], r.values[n.Inputs[2]]
	s, so := r.shapes[n.Inputs[0]], r.shapes[n.ID]
	tokens, d, dv := s.H*s.W, s.C/n.Heads, so.C/n.Heads
	scale := n.Scale
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(d))
	}
	for i := range out {
		for h := range n.Heads {
			for a := range tokens {
				p := make([]float64, tokens)
				sum := 0.0
				for b := range p {
					for c := h * d; c < (h+1)*d; c++ {
						p[b] += q[i][c*tokens+a] * k[i][c*tokens+b]
					}
					p[b] = math.Exp(scale * p[b])
					sum += p[b]
				}
				for c := h * dv; c < (h+1)*dv; c++ {
					for b := range p {
						out[i][c*tokens+a] += p[b] / sum * v[i][c*tokens+b]
					}
				}
			}
		}
	}
}

func TestAttentionHasTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "b19fdea8ea487b4b2ec7b32604d1c12fe98130345805c34984ad59743e73faab", attentionOp{}.probe())
	sameBits(t, "cc64974611ffcd5f2edb9e67ad49f5e34988fc2b5de676ca98c2d4176b1d5acf", positionalOp{}.probe())
}

func TestAttentionFaultsAndCost(t *testing.T) {
	token := func(id NodeID, out int) Node { return conv(out, 1, 1, 0, true).named(id, "x") }
	graph := func(n Node) *Graph {
		var nodes []Node
		for _, other := range []Node{token("six", 6), token("ten", 10), op(OpGlobalAvgPool).named("one", "six")} {
			if slices.Contains(n.Inputs, other.ID) {
				nodes = append(nodes, other)
			}
		}
		return chain(Shape{4, 2, 3}, CrossEntropy, append(nodes, n, linear(3))...)
	}
	for want, n := range map[string]Node{
		"heads 0: must be 1 to": attention(0, "a", "x", "x", "x"),
		"has 3 inputs":          {ID: "a", Op: OpReLU, Inputs: []NodeID{"x", "x", "x"}},
		"has 3 heads, which must divide 4 channels of queries and 6": attention(3, "a", "x", "x", "six"),
		"queries of 4x2x3 and keys of 6x2x3":                         attention(2, "a", "x", "six", "six"),
		"positions must be the same":                                 attention(2, "a", "six", "six", "one"),
		"has no heads and no scale":                                  {ID: "a", Op: OpReLU, Inputs: []NodeID{"x"}, Heads: 2},
	} {
		if err := graph(n).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	n := attention(2, "a", "six", "six", "ten")
	g := graph(n)
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := g.FLOPs(), int64(2*(6*4*16+6*6*16+10*6*3)); got != want {
		t.Errorf("%d FLOPs, want %d", got, want)
	}
}
