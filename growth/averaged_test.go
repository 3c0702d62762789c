package growth

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The unfold of the averaged image is the average of the unfolds, position by
// position, for any pooling that reads no padding.
func TestUnfoldOfTheAveragedImage(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	cases := []struct {
		side, kernel, stride, pad int
		between                   []nn.Node
		averaged                  bool
	}{
		{8, 3, 1, 1, []nn.Node{op("r", nn.OpReLU), pooling("p", nn.OpMaxPool, 2, 2, 0)}, true},
		{9, 3, 2, 1, []nn.Node{pooling("p", nn.OpAvgPool, 3, 2, 0), op("r", nn.OpReLU)}, true},
		{13, 2, 1, 0, []nn.Node{pooling("p", nn.OpMaxPool, 2, 2, 0), op("r", nn.OpReLU), pooling("q", nn.OpAvgPool, 3, 1, 0)}, true},
		{7, 3, 1, 1, []nn.Node{op("avg", nn.OpGlobalAvgPool)}, true},
		{12, 1, 1, 0, []nn.Node{pooling("p", nn.OpAvgPool, 2, 3, 0), op("avg", nn.OpGlobalAvgPool)}, true},
		{8, 3, 1, 1, []nn.Node{pooling("p", nn.OpMaxPool, 3, 2, 1)}, false},
	}
	for i, c := range cases {
		in := nn.Shape{C: 2, H: c.side, W: c.side}
		nodes := append([]nn.Node{conv("first", 3, c.kernel, c.stride, c.pad, i%2 == 0)}, c.between...)
		g := chain(t, in, nn.CrossEntropy, append(nodes, linear("out", 4, true))...)
		shapes, err := g.Shapes()
		if err != nil {
			t.Fatal(err)
		}
		l, err := layoutOf(g, "first")
		if err != nil {
			t.Fatal(err)
		}
		p := averagedOf(g, shapes, l)
		if (p != nil) != c.averaged {
			t.Fatalf("case %d: averaged %v, want %v", i, p != nil, c.averaged)
		}
		if p == nil {
			continue
		}
		x := make([]float32, in.Len()*lanes)
		for j := range x {
			x[j] = float32(r.NormFloat64())
		}
		image := p.apply(make([]float32, p.scratchLen()), x)
		rows, ways := l.first.rows(), passage(g, shapes, l.Site)
		if p.first.positions() != len(ways) || p.first.rows() != rows {
			t.Fatalf("case %d: %d positions of %d rows, want %d of %d", i, p.first.positions(), p.first.rows(), len(ways), rows)
		}
		for q, sources := range ways {
			got, want := make([]float32, rows*lanes), make([]float32, rows*lanes)
			p.first.add(got, lanes, image, q, lanes, 1)
			for _, s := range sources {
				l.first.add(want, lanes, x, s.position, lanes, s.weight)
			}
			for j := range got {
				if math.Abs(float64(got[j]-want[j])) > 2e-6 {
					t.Fatalf("case %d, position %d: row %d is %v, want %v", i, q, j/lanes, got[j], want[j])
				}
			}
		}
	}
}
