package measure

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"github.com/tinygrow/tinygrow/tensor"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// P21: with the identity between, conv(conv(x)) is the sum over offsets of
// Omega (Bt . alpha), bias right at padded borders, any stride and padding.
func TestP21UnfoldAndMaskReproduceConvolutions(t *testing.T) {
	for k1 := 1; k1 <= 3; k1++ {
		for k2 := 1; k2 <= 3; k2++ {
			for stride := 1; stride <= 2; stride++ {
				for pad := range 3 {
					g := growthtest.Chain(t, nn.Shape{C: 2, H: 7, W: 7}, nn.CrossEntropy, growthtest.Conv("a", 3, k1, stride, pad, true), growthtest.Op("i", nn.OpIdentity),
						growthtest.Conv("z", 2, k2, 3-stride, 2-pad, false), growthtest.Op("p", nn.OpGlobalAvgPool))
					checkMask(t, g)
				}
			}
		}
	}
}

func checkMask(t *testing.T, g *nn.Graph) {
	t.Helper()
	s, err := newSiteData(g, SiteRequest{Site: "a", Full: true})
	if err != nil {
		t.Fatal(err)
	}
	x := linalg.Float32s(growthtest.Normal(1, s.Incoming.In.Len(), 32))
	alpha, omega := growthtest.Normal(2, 3, s.a), growthtest.Normal(3, s.c, 3*s.Outgoing.Area())
	// conv(conv(x)) by loops over its definition
	mid := nn.Shape{C: 3, H: s.Incoming.OutH, W: s.Incoming.OutW}
	hidden := func(i, k, y, c int) float64 {
		if y < 0 || c < 0 || y >= mid.H || c >= mid.W {
			return 0
		}
		w := s.Incoming
		image := growthtest.Image{X: x, Shape: w.In, Sample: i}
		window := nn.Window{Height: w.KernelH, Width: w.KernelW, Stride: w.Stride, Pad: w.Pad}
		return mat.Dot(alpha.RowView(k), mat.NewVecDense(s.a, image.Unfold(window, growthtest.Pixel{Row: y, Column: c}, true)))
	}
	for _, i := range []int{0, 31} {
		for j := range s.Outgoing.Positions() {
			oy, ox := j/s.Outgoing.OutW, j%s.Outgoing.OutW
			for o := range s.c {
				var want, got float64
				for k := range 3 {
					for e := range s.Outgoing.Area() {
						om := omega.At(o, k*s.Outgoing.Area()+e)
						want += om * hidden(i, k, oy*s.Outgoing.Stride-s.Outgoing.Pad+e/s.Outgoing.KernelW, ox*s.Outgoing.Stride-s.Outgoing.Pad+e%s.Outgoing.KernelW)
						if p := s.Outgoing.Reads(j, e); p >= 0 {
							bt := make([]float32, s.a*tensor.Lanes)
							s.addSources(columnsOf(bt), x, p)
							for r := range s.a {
								got += om * alpha.At(k, r) * float64(bt[r*tensor.Lanes+i])
							}
						}
					}
				}
				if math.Abs(got-want) > 1e-12*(1+math.Abs(want)) {
					t.Fatalf("sample %d, position %d, output %d: %g, want %g", i, j, o, got, want)
				}
			}
		}
	}
}

// columnsOf is a matrix of the 32 columns of one block, all in use.
func columnsOf(data []float32) site.Columns {
	return site.Columns{Data: data, Stride: tensor.Lanes, Used: tensor.Lanes}
}
