package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
)

type covarianceCase struct {
	u          Unfold
	v          Beside
	vH         int
	rows, cols []int
	used       int
}

var covarianceCases = []covarianceCase{
	{u: Unfold{InC: 1, InH: 1, InW: 1, KH: 1, KW: 1, Stride: 1, OutH: 1, OutW: 1}, used: 32},
	{u: Unfold{InC: 33, InH: 1, InW: 1, KH: 1, KW: 1, Stride: 1, OutH: 1, OutW: 1, Ones: true}, v: Beside{C: 10, W: 1}, vH: 1, used: 27},
	{u: Unfold{InC: 5, InH: 6, InW: 7, KH: 3, KW: 3, Stride: 1, PadH: 1, PadW: 1, OutH: 6, OutW: 7, Ones: true}, v: Beside{C: 4, W: 7},
		vH: 6, used: 32},
	{u: Unfold{InC: 17, InH: 9, InW: 8, KH: 3, KW: 2, Stride: 2, PadH: 1, PadW: 0, OutH: 5, OutW: 4}, v: Beside{C: 19, W: 4}, vH: 5, used: 5},
	{u: Unfold{InC: 3, InH: 5, InW: 5, KH: 3, KW: 3, Stride: 1, PadH: 1, PadW: 1, OutH: 5, OutW: 5, Ones: true},
		rows: []int{2, 3, 3, 3, 2}, cols: []int{2, 3, 3, 3, 2}, used: 32},
	{u: Unfold{InC: 20, InH: 6, InW: 6, KH: 1, KW: 1, Stride: 2, OutH: 3, OutW: 3, Ones: true}, v: Beside{C: 3, W: 5, Y: 1, X: 2}, vH: 4,
		rows: []int{0, 1, 4}, used: 32},
	{u: Unfold{InC: 2, InH: 7, InW: 7, KH: 3, KW: 3, Stride: 2, PadH: -1, PadW: 2, OutH: 2, OutW: 5}, v: Beside{C: 2, W: 5}, vH: 2, used: 31},
	{u: Unfold{InC: 0, InH: 2, InW: 2, KH: 1, KW: 1, Stride: 1, OutH: 2, OutW: 2, Ones: true}, v: Beside{C: 2, W: 2}, vH: 2, used: 32},
	{u: Unfold{InC: 40, InH: 5, InW: 4, KH: 3, KW: 3, Stride: 1, PadH: 1, PadW: 1, OutH: 5, OutW: 4, Ones: true}, used: 32},
	{u: Unfold{InC: 2, InH: 40, InW: 12, KH: 3, KW: 3, Stride: 1, PadH: 1, PadW: 1, OutH: 40, OutW: 12, Ones: true},
		v: Beside{C: 3, W: 12}, vH: 40, used: 32},
	{u: Unfold{InC: 70, InH: 4, InW: 4, KH: 3, KW: 3, Stride: 1, PadH: 1, PadW: 1, OutH: 4, OutW: 4, Ones: true},
		v: Beside{C: 2, W: 4}, vH: 4, used: 32},
	{u: Unfold{InC: 3, InH: 9, InW: 8, KH: 5, KW: 4, Stride: 1, PadH: 3, PadW: 2, OutH: 11, OutW: 9}, used: 32},
	{u: Unfold{InC: 3, InH: 9, InW: 8, KH: 2, KW: 3, Stride: 1, PadH: -2, PadW: -1, OutH: 5, OutW: 4, Ones: true}, used: 30},
}

// at returns (u, v) of lane l at position (y, x).
func (c covarianceCase) at(xs, vs []float32, y, x, l int) []float64 {
	u := c.u
	var z []float64
	for ic := range u.InC {
		for kh := range u.KH {
			for kw := range u.KW {
				ih, iw := y*u.Stride+kh-u.PadH, x*u.Stride+kw-u.PadW
				if ih < 0 || ih >= u.InH || iw < 0 || iw >= u.InW {
					z = append(z, 0)
				} else {
					z = append(z, float64(xs[((ih*u.InW+iw)*u.InC+ic)*tensor.Lanes+l]))
				}
			}
		}
	}
	if u.Ones {
		z = append(z, 1)
	}
	for o := range c.v.C {
		z = append(z, float64(vs[(((y+c.v.Y)*c.v.W+x+c.v.X)*c.v.C+o)*tensor.Lanes+l]))
	}
	return z
}

func randomCovariance(r *rand.Rand) covarianceCase {
	u := Unfold{InC: r.IntN(9), InH: 1 + r.IntN(6), InW: 1 + r.IntN(6), KH: 1 + r.IntN(3), KW: 1 + r.IntN(3), Stride: 1 + r.IntN(3),
		OutH: 1 + r.IntN(6), OutW: 1 + r.IntN(6), Ones: r.IntN(2) == 0}
	u.PadH, u.PadW = r.IntN(4)-min(2, u.InH), r.IntN(4)-min(2, u.InW)
	c := covarianceCase{u: u, v: Beside{C: r.IntN(5), Y: r.IntN(2), X: r.IntN(2)}, used: r.IntN(33)}
	c.v.W, c.vH = u.OutW+c.v.X, u.OutH+c.v.Y
	if r.IntN(3) == 0 {
		for range u.OutH {
			c.rows = append(c.rows, r.IntN(4))
		}
	}
	if r.IntN(3) == 0 {
		for range u.OutW {
			c.cols = append(c.cols, r.IntN(4))
		}
	}
	return c
}

// Small integers make every sum exact, so any order gives the naive result.
func TestCovarianceOfIntegersIsExact(t *testing.T) {
	cases := append([]covarianceCase(nil), covarianceCases...)
	r := rand.New(rand.NewPCG(21, 22))
	for range 100 {
		cases = append(cases, randomCovariance(r))
	}
	withISA(t, func(t *testing.T) {
		for i, c := range cases {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, uint64(i)))
				plan := NewCovariance(c.u, c.v, c.rows, c.cols)
				if i%2 == 0 { // few rows of sums at a time
					plan.held = 5 * plan.sumsLine(false)
				}
				xs, xOK := guarded(c.u.InH*c.u.InW*c.u.InC*tensor.Lanes, 3)
				vs, vOK := guarded(c.vH*c.v.W*c.v.C*tensor.Lanes, 1)
				scratch, sOK := guarded(plan.ScratchLen(), i)
				for _, s := range [][]float32{xs, vs} {
					for j := range s {
						s[j] = float32(r.IntN(9) - 4)
					}
				}
				n := plan.Order()
				got, want := make([]float64, n*(n+1)/2+1), make([]float64, n*n)
				plan.Add(got[:n*(n+1)/2], xs, vs, c.used, scratch)
				for y := range c.u.OutH {
					for x := range c.u.OutW {
						weight := 1.0
						if c.rows != nil {
							weight *= float64(c.rows[y])
						}
						if c.cols != nil {
							weight *= float64(c.cols[x])
						}
						for l := range c.used {
							z := c.at(xs, vs, y, x, l)
							for a, za := range z {
								for b, zb := range z {
									want[a*n+b] += weight * za * zb
								}
							}
						}
					}
				}
				cross := make([]float64, plan.Rows()*c.v.C)
				plan.AddCross(cross, xs, vs, c.used, scratch)
				for a := range n {
					for b := a; b < n; b++ {
						if g := got[PackedIndex(n, a, b)]; g != want[a*n+b] {
							t.Fatalf("element (%d, %d) of %d is %v, want %v", a, b, n, g, want[a*n+b])
						}
					}
				}
				for a := range plan.Rows() {
					for o := range c.v.C {
						if g, w := cross[a*c.v.C+o], want[a*n+plan.Rows()+o]; g != w {
							t.Fatalf("cross element (%d, %d) is %v, want %v", a, o, g, w)
						}
					}
				}
				if !xOK() || !vOK() || !sOK() {
					t.Error("a guard word was overwritten")
				}
			})
		}
	})
}

func TestCovarianceHasTheSameBitsOnAllInstructionSets(t *testing.T) {
	for i, c := range covarianceCases {
		var first []float64
		withISA(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			plan := NewCovariance(c.u, c.v, c.rows, c.cols)
			if Active() == AVX2 { // blocking must not show
				plan.held = 7 * plan.sumsLine(false)
			}
			xs, vs := make([]float32, c.u.InH*c.u.InW*c.u.InC*tensor.Lanes), make([]float32, c.vH*c.v.W*c.v.C*tensor.Lanes)
			fill(r, xs)
			fill(r, vs)
			n := plan.Order()
			got := make([]float64, n*(n+1)/2)
			plan.Add(got, xs, vs, c.used, make([]float32, plan.ScratchLen()))
			if first == nil {
				first = got
			}
			for j := range got {
				if math.Float64bits(got[j]) != math.Float64bits(first[j]) {
					t.Fatalf("case %d: element %d is %v, want %v", i, j, got[j], first[j])
				}
			}
		})
	}
}

// BenchmarkCovariance counts the operations of all products of taps, so that
// rates are above the peak where they are shared.
func BenchmarkCovariance(b *testing.B) {
	for _, c := range []struct{ channels, size, v int }{{16, 32, 0}, {64, 32, 0}, {64, 16, 0}, {64, 16, 64}, {128, 8, 0}, {27, 16, 0}} {
		b.Run(fmt.Sprint(c), func(b *testing.B) {
			g := conv3(c.channels, c.v, c.size)
			plan := NewCovariance(UnfoldOf(g, true), Beside{C: c.v, W: c.size}, nil, nil)
			x, v := make([]float32, g.inputLen()), make([]float32, g.outputLen())
			fill(rand.New(rand.NewPCG(1, 1)), x)
			n := plan.Order()
			dst, scratch := make([]float64, n*(n+1)/2), make([]float32, plan.ScratchLen())
			b.ReportAllocs()
			measure(b, float64(n)*float64(n+1)*float64(c.size*c.size*32), func() { plan.Add(dst, x, v, 32, scratch) })
		})
	}
}
