package growth

import (
	"fmt"
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// outputs returns the values of a node as rows (sample and position, channel).
func outputs(t *testing.T, m *nn.Model, id nn.NodeID, bs []*nn.Batch) *mat.Dense {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{Keep: []nn.NodeID{id}, Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	shapes, _ := m.Graph.Shapes()
	s := shapes[id]
	w, pk := p.NewWorkspace(), p.Pack(nil, m.Params)
	var rows []float64
	for _, b := range bs {
		w.Forward(pk, m.Buffers, b, nn.Train)
		y := w.Value(id)
		for i := range b.N {
			for pos := range s.H * s.W {
				for c := range s.C {
					rows = append(rows, growthtest.Image{X: y, Shape: s, Sample: i}.At(c, growthtest.Pixel{Row: pos / s.W, Column: pos % s.W}))
				}
			}
		}
	}
	return mat.NewDense(len(rows)/s.C, s.C, rows)
}

// P3 and P4 in real networks: with the identity between, the change that k
// neurons make at Second's output takes sum lambda^2 off Psi^2, for every
// stride and padding, restricted kernels and fully connected.
func TestP03ResidualInNetworks(t *testing.T) {
	nets := map[string]*nn.Graph{
		"mlp": growthtest.Chain(t, nn.Shape{C: 6, H: 1, W: 1}, nn.MSE, growthtest.Linear("a", 2, true), growthtest.Op("i", nn.OpIdentity),
			growthtest.Linear("z", 4, true)),
		"average pool": growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.MSE, growthtest.Conv("a", 2, 3, 1, 1, true),
			growthtest.Op("i", nn.OpIdentity), growthtest.Pooling("p", nn.OpAvgPool, 2, 2, 0),
			growthtest.Conv("z", 4, 3, 1, 1, true), growthtest.Op("g", nn.OpGlobalAvgPool)),
	}
	for k2 := 1; k2 <= 3; k2++ {
		for stride := 1; stride <= 2; stride++ {
			for pad := range 3 {
				nets[fmt.Sprintf("conv 3/%d/%d conv %d/%d/%d", 3-stride, 2-pad, k2, stride, pad)] = growthtest.Chain(t,
					nn.Shape{C: 2, H: 7, W: 6}, nn.MSE,
					growthtest.Conv("a", 2, 3, 3-stride, 2-pad, true), growthtest.Op("i", nn.OpIdentity),
					growthtest.Conv("z", 4, k2, stride, pad, true), growthtest.Op("g", nn.OpGlobalAvgPool))
			}
		}
	}
	for name, g := range nets {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
		up := read(t, m, &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "a"}}}, bs).Update(0)
		u := solve.BestUpdate(up.S1, up.M, up.Desired, linalg.Inversion{Threshold: solve.Threshold})
		req := measure.SiteRequest{Site: "a", Metric: true, Update: linalg.Float32s(u.Delta)}
		n := read(t, m, &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{req}}, bs).Neurons(0)
		growthtest.Close(t, name+": Psi^2", n.Psi2, u.Psi2, 1e-4)

		place, _ := site.Find(g, "a")
		want := naiveStatistics(t, m, place, bs)
		proj, before := growthtest.Sub(want.v, growthtest.Mul(want.b1, u.Delta.T())), outputs(t, m, "z", bs)
		for k := 1; k <= 3; k++ {
			s := solve.BestNeurons(n.S, n.N, k, linalg.Inversion{Threshold: solve.Threshold})
			l, _ := site.LayoutOf(g, "a")
			c := &prospect{Layout: l, record: &SiteRecord{Significant: len(s.Lambda)}, found: found{neurons: s}}
			c.bothSigns(c.Homogeneous(g), 0)
			all := make([]int, len(s.Lambda))
			for j := range all {
				all[j] = j
			}
			wide, err := site.Widen(m, []site.Insertion{c.Pick(c.both, all, func(site.At) (mean, variance float64) { return 0, 0 }, 1)})
			if err != nil {
				t.Fatal(err)
			}
			delta := growthtest.Sub(outputs(t, wide, "z", bs), before)
			total := growthtest.Squares(s.Lambda)
			if got := linalg.SumSquares(growthtest.Sub(proj, delta)) / want.n; math.Abs(got-(u.Psi2-total)) > 2e-5*u.Psi2 {
				t.Errorf("%s, k = %d: E|V_proj - delta|^2 = %g, want %g", name, k, got, u.Psi2-total)
			}
			var align float64
			for i := range proj.RawMatrix().Rows {
				align += mat.Dot(proj.RowView(i), delta.RowView(i)) / want.n
			}
			if math.Abs(align-total) > 2e-5*u.Psi2 {
				t.Errorf("%s, k = %d: E<V_proj, delta> = %g, want %g", name, k, align, total)
			}
		}
	}
}
