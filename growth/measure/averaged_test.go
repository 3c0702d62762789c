package measure

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor"

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
		{8, 3, 1, 1, []nn.Node{growthtest.Op("r", nn.OpReLU), growthtest.Pooling("p", nn.OpMaxPool, 2, 2, 0)}, true},
		{9, 3, 2, 1, []nn.Node{growthtest.Pooling("p", nn.OpAvgPool, 3, 2, 0), growthtest.Op("r", nn.OpReLU)}, true},
		{13, 2, 1, 0, []nn.Node{growthtest.Pooling("p", nn.OpMaxPool, 2, 2, 0), growthtest.Op("r", nn.OpReLU), growthtest.Pooling("q", nn.OpAvgPool, 3, 1, 0)}, true},
		{7, 3, 1, 1, []nn.Node{growthtest.Op("avg", nn.OpGlobalAvgPool)}, true},
		{12, 1, 1, 0, []nn.Node{growthtest.Pooling("p", nn.OpAvgPool, 2, 3, 0), growthtest.Op("avg", nn.OpGlobalAvgPool)}, true},
		{8, 3, 1, 1, []nn.Node{growthtest.Pooling("p", nn.OpMaxPool, 3, 2, 1)}, false},
	}
	for i, c := range cases {
		in := nn.Shape{C: 2, H: c.side, W: c.side}
		nodes := append([]nn.Node{growthtest.Conv("first", 3, c.kernel, c.stride, c.pad, i%2 == 0)}, c.between...)
		g := growthtest.Chain(t, in, nn.CrossEntropy, append(nodes, growthtest.Linear("out", 4, true))...)
		shapes, err := g.Shapes()
		if err != nil {
			t.Fatal(err)
		}
		l, err := site.LayoutOf(g, "first")
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
		x := make([]float32, in.Len()*tensor.Lanes)
		for j := range x {
			x[j] = float32(r.NormFloat64())
		}
		image := p.apply(make([]float32, p.scratchLen()), x)
		rows, ways := l.Incoming.Rows(), site.Passage(g, shapes, l.Site)
		if p.first.Positions() != len(ways) || p.first.Rows() != rows {
			t.Fatalf("case %d: %d positions of %d rows, want %d of %d", i, p.first.Positions(), p.first.Rows(), len(ways), rows)
		}
		for q, sources := range ways {
			got, want := make([]float32, rows*tensor.Lanes), make([]float32, rows*tensor.Lanes)
			p.first.Add(columnsOf(got), image, site.Source{Position: q, Weight: 1})
			for _, s := range sources {
				l.Incoming.Add(columnsOf(want), x, s)
			}
			for j := range got {
				if math.Abs(float64(got[j]-want[j])) > 2e-6 {
					t.Fatalf("case %d, position %d: row %d is %v, want %v", i, q, j/tensor.Lanes, got[j], want[j])
				}
			}
		}
	}
}
