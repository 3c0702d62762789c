package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// enumerated walks every way from a node to the output, one by one.
func enumerated(g *Graph) Paths {
	shapes, all := g.mustShapes(), Paths{Shortest: math.MaxInt}
	var walk func(i, depth, steps int)
	walk = func(i, depth, steps int) {
		n := &g.Nodes[i]
		if shapes[n.ID].Len() == 0 {
			return
		}
		switch n.Op.Role() {
		case Activates:
			depth++
		case Mixes, Filters, Joins:
			steps++
		}
		if i == len(g.Nodes)-1 {
			d := float64(depth)
			all.Count, all.Depths, all.Squares, all.Cubes = all.Count+1, all.Depths+d, all.Squares+d*d, all.Cubes+d*d*d
			all.Shortest = min(all.Shortest, steps)
			return
		}
		for j := range g.Nodes {
			for _, in := range g.Nodes[j].Inputs {
				if in == n.ID {
					walk(j, depth, steps)
				}
			}
		}
	}
	walk(0, 0, 0)
	if all.Count == 0 {
		all.Shortest = 0
	}
	for i := range g.Nodes {
		if r := g.Nodes[i].Op.Role(); r == Mixes || r == Filters {
			all.Kernel = max(all.Kernel, g.Nodes[i].Kernel)
		}
	}
	return all
}

func TestPathsAreThoseThatEnumerationFinds(t *testing.T) {
	graphs := smallGraphs()
	for seed := range uint64(200) { // sums of activated layers of earlier nodes, some of width zero
		s, g := rng.New(seed, 1), chain(Shape{3, 1, 1}, CrossEntropy)
		draw := func(i, n uint64) int { return int(s.Uint64(i) % n) }
		vertices, read := []NodeID{"x"}, map[NodeID]bool{}
		for v := range uint64(2 + draw(0, 6)) {
			var terms []NodeID
			for k := range uint64(1 + draw(10+v, 3)) {
				from := vertices[draw(100+10*v+k, uint64(len(vertices)))]
				read[from] = true
				id := NodeID(fmt.Sprintf("l%d.%d", v, k))
				g.Nodes = append(g.Nodes, linear(4).named(id, from))
				terms = append(terms, id)
			}
			last := terms[0]
			if len(terms) > 1 {
				last = NodeID(fmt.Sprintf("sum%d", v))
				g.Nodes = append(g.Nodes, op(OpAdd).named(last, terms...))
			} else if draw(1000+v, 4) == 0 {
				g.Node(last).Out = 0
			}
			if draw(2000+v, 3) > 0 {
				g.Nodes = append(g.Nodes, op(OpReLU).named(last+".relu", last))
				last += ".relu"
			}
			vertices = append(vertices, last)
		}
		var ends []NodeID
		for _, v := range vertices {
			if id := "end." + v; !read[v] {
				g.Nodes = append(g.Nodes, linear(2).named(id, v))
				ends = append(ends, id)
			}
		}
		if len(ends) > 1 {
			g.Nodes = append(g.Nodes, op(OpAdd).named("out", ends...))
		}
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		graphs[fmt.Sprintf("random %d", seed)] = g
	}
	for _, name := range []string{"resnet18", "wrn28", "vgg", "vit", "mobilenetv2"} {
		g, err := Build(ModelConfig{Name: name, Input: Shape{3, 32, 32}, Classes: 10})
		if err != nil {
			t.Fatal(err)
		}
		graphs[name] = g
	}
	for name, g := range graphs {
		if got, want := g.Paths(), enumerated(g); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// A chain of k residual blocks of two activations has C(k, j) ways of depth 2 j.
func TestPathsOfAResidualChain(t *testing.T) {
	nodes := []Node{}
	last := NodeID("x")
	const k = 40
	for i := range k {
		id := func(s string) NodeID { return NodeID(fmt.Sprintf("%s%d", s, i)) }
		nodes = append(nodes, op(OpReLU).named(id("r"), last), linear(3).named(id("a"), id("r")), op(OpReLU).named(id("s"), id("a")),
			linear(3).named(id("b"), id("s")), op(OpAdd).named(id("sum"), id("b"), last))
		last = id("sum")
	}
	p := chain(Shape{3, 1, 1}, CrossEntropy, append(nodes, linear(2))...).Paths()
	var count, cubes float64
	ways := 1.0
	for j := range k + 1 {
		count += ways
		cubes += ways * math.Pow(float64(2*j), 3)
		ways = ways * float64(k-j) / float64(j+1)
	}
	if p.Count != count || math.Abs(p.Cubes/cubes-1) > 1e-12 || p.Shortest != k+1 {
		t.Errorf("%+v, want %g ways, cubes %g", p, count, cubes)
	}
}

// Every sum of layers of activated vertices keeps the mean square of the vertices before it,
// and the output's falls with the width.
func TestArchAwareWeightsKeepTheSizeOfSums(t *testing.T) {
	const width, samples = 300, 60
	square := func(values [][]float64) (sum float64) {
		for _, x := range values {
			for _, v := range x {
				sum += v * v / float64(len(x)*len(values))
			}
		}
		return sum
	}
	for _, act := range []Op{OpReLU, OpTanh} {
		g := chain(Shape{width, 1, 1}, CrossEntropy, linear(width).named("a", "x"), op(act).named("ra", "a"),
			linear(width).named("b", "ra"), op(act).named("rb", "b"), linear(width).named("c1", "rb"), linear(width).named("c2", "ra"),
			linear(width).named("c3", "x"), op(OpAdd).named("c", "c1", "c2", "c3"), op(act).named("rc", "c"), linear(50).named("fc", "rc"))
		m := InitArchAware(g, 3)
		x := make([][]float64, samples)
		s := rng.New(9, 9)
		for i := range x {
			x[i] = make([]float64, width)
			for j := range x[i] {
				x[i][j] = s.Normal(uint64(i*width + j))
			}
		}
		r := newReference(m, Eval)
		r.loss(x, make([]int32, samples), nil)
		in := func(ids ...NodeID) (sum float64) {
			for _, id := range ids {
				sum += square(r.values[id])
			}
			return sum
		}
		gain := 2.0
		if act == OpTanh {
			gain = 1
		}
		for _, c := range []struct {
			id   NodeID
			want float64
		}{{"a", gain * in("x")}, {"b", gain * in("ra")}, {"c", gain / 3 * in("rb", "ra", "x")}, {"fc", gain / width * in("rc")}} {
			if got := square(r.values[c.id]); math.Abs(got/c.want-1) > 0.15 {
				t.Errorf("%s: mean square of %s is %.3g, want %.3g", act, c.id, got, c.want)
			}
		}
		if act == OpReLU && math.Abs(in("b")/in("a")-1) > 0.15 {
			t.Errorf("mean square %.3g becomes %.3g", in("a"), in("b"))
		}
	}
}

// What adds nothing to a sum, as an empty block, takes no part of its size.
func TestArchAwareWeightsBesideAnEmptyBlock(t *testing.T) {
	g := chain(Shape{8, 1, 1}, CrossEntropy, linear(0).named("a", "x"), op(OpReLU).named("r", "a"), linear(8).named("b", "r"),
		linear(8).named("c", "x"), op(OpAdd).named("sum", "b", "c"), op(OpReLU).named("rs", "sum"), linear(2).named("fc", "rs"))
	if got := g.terms("c", g.mustShapes()); got != 1 {
		t.Errorf("%d values are added up", got)
	}
	g.Node("a").Out = 1
	if got := g.terms("c", g.mustShapes()); got != 2 {
		t.Errorf("%d values are added up", got)
	}
}
