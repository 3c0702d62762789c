package linalg

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

func random(seed uint64, r, c int) *mat.Dense {
	s := rng.New(seed)
	d := mat.NewDense(r, c, nil)
	for i := range r {
		for j := range c {
			d.Set(i, j, s.Normal(uint64(i*c+j)))
		}
	}
	return d
}

func covariance(x *mat.Dense) *mat.SymDense {
	n, _ := x.Dims()
	var s mat.SymDense
	s.SymOuterK(1/float64(n), x.T())
	return &s
}

func mul(ms ...mat.Matrix) *mat.Dense {
	out := mat.DenseCopyOf(ms[0])
	for _, m := range ms[1:] {
		var next mat.Dense
		next.Mul(out, m)
		out = &next
	}
	return out
}

func near(t *testing.T, what string, got, want mat.Matrix, tol float64) {
	t.Helper()
	var d mat.Dense
	d.Sub(got, want)
	if diff, size := mat.Norm(&d, 2), mat.Norm(want, 2); !(diff <= tol*math.Max(size, 1e-300)) {
		t.Errorf("%s: off by %.3g of %.3g", what, diff, size)
	}
}

func TestWhitenFullRank(t *testing.T) {
	s := covariance(random(1, 200, 30))
	n := random(2, 30, 5)
	w := Whiten(s, Inversion{Threshold: 1e-10})
	if w.Rank() != 30 {
		t.Fatalf("rank %d, want 30", w.Rank())
	}
	near(t, "S S^+ N", mul(s, w.Solve(n)), n, 1e-12)
	y := w.Whiten(n)
	near(t, "N' S^+ N", mul(y.T(), y), mul(n.T(), w.Solve(n)), 1e-12)
	// whitened directions have the covariance of the identity
	f := w.Unwhiten(mat.DenseCopyOf(eye(30)))
	near(t, "(F^+) S (F^+)'", mul(f.T(), s, f), eye(30), 1e-12)
}

// Duplicated, dead and dependent features lower the rank; equal features get
// equal weights, and N' S^+ N is that of the independent ones.
func TestWhitenSingular(t *testing.T) {
	x := random(3, 200, 12)
	wide := mat.NewDense(200, 16, nil)
	wide.Slice(0, 200, 0, 12).(*mat.Dense).Copy(x)
	for i := range 200 {
		wide.Set(i, 12, x.At(i, 3))                         // a copy
		wide.Set(i, 14, 1e-3*(x.At(i, 0)+x.At(i, 1)))       // a combination on another scale
		wide.Set(i, 15, x.At(i, 5)-x.At(i, 6)+x.At(i, 7)*4) // another
	}
	target := random(4, 200, 3)
	n, nw := mul(x.T(), target), mul(wide.T(), target)
	w := Whiten(covariance(wide), Inversion{Threshold: 1e-10})
	if w.Rank() != 12 {
		t.Fatalf("rank %d, want 12", w.Rank())
	}
	y, yw := Whiten(covariance(x), Inversion{Threshold: 1e-10}).Whiten(n), w.Whiten(nw)
	near(t, "N' S^+ N", mul(yw.T(), yw), mul(y.T(), y), 1e-10)
	solved := w.Solve(nw)
	near(t, "weights of a copy", solved.Slice(12, 13, 0, 3), solved.Slice(3, 4, 0, 3), 1e-9)
	if mat.Norm(solved.Slice(13, 14, 0, 3), 2) != 0 {
		t.Error("a dead feature got weight")
	}
}

func TestWhitenOfNothing(t *testing.T) {
	for name, s := range map[string]*mat.SymDense{
		"zero": mat.NewSymDense(3, nil),
		"NaN":  mat.NewSymDense(2, []float64{1, math.NaN(), math.NaN(), 1}),
		"Inf":  mat.NewSymDense(2, []float64{math.Inf(1), 0, 0, 1}),
	} {
		w := Whiten(s, Inversion{Threshold: 1e-10})
		n := s.SymmetricDim()
		if w.Rank() != 0 || w.Whiten(random(1, n, 2)) != nil || mat.Norm(w.Solve(random(1, n, 2)), 2) != 0 {
			t.Errorf("%s: rank %d", name, w.Rank())
		}
	}
}

func TestTopSVD(t *testing.T) {
	for _, dims := range [][2]int{{7, 5}, {5, 7}, {40, 1}, {300, 20}, {180, 140}, {140, 180}} {
		y := random(uint64(dims[0]), dims[0], dims[1])
		// a decaying spectrum, as covariances have
		for i := range dims[0] {
			for j := range dims[1] {
				y.Set(i, j, y.At(i, j)*math.Pow(0.9, float64(j)))
			}
		}
		var want mat.SVD
		if !want.Factorize(y, mat.SVDThin) {
			t.Fatal("oracle failed")
		}
		values := want.Values(nil)
		k := min(4, dims[0], dims[1])
		got := TopSVD(y, k)
		for i := range k {
			if math.Abs(got.Values[i]-values[i]) > 1e-9*values[0] {
				t.Errorf("%v: value %d is %v, want %v", dims, i, got.Values[i], values[i])
			}
		}
		near(t, "V'V", mul(got.V.T(), got.V), eye(k), 1e-9)
		d := mat.NewDense(k, k, nil)
		for i := range k {
			d.Set(i, i, got.Values[i])
		}
		near(t, "U' y V", mul(got.U.T(), y, got.V), d, 1e-8)
		for j := range k {
			largest := 0.0
			for i := range dims[1] {
				if math.Abs(got.V.At(i, j)) > math.Abs(largest) {
					largest = got.V.At(i, j)
				}
			}
			if largest < 0 {
				t.Errorf("%v: largest entry of v_%d is negative", dims, j)
			}
		}
	}
}

func TestTopSVDOfLowRank(t *testing.T) {
	y := mul(random(1, 200, 2), random(2, 2, 170))
	if got := TopSVD(y, 5); got.V == nil || got.V.RawMatrix().Cols != 2 {
		t.Error("rank 2 must give two triples")
	}
	for _, z := range []*mat.Dense{nil, mat.NewDense(3, 2, nil), mat.NewDense(200, 150, nil)} {
		if got := TopSVD(z, 2); got.V != nil {
			t.Error("zero must give no triples")
		}
	}
}

// The bits of a result do not depend on how many threads gonum may use.
func TestBitsDoNotDependOnProcessors(t *testing.T) {
	s, n := covariance(random(1, 700, 300)), random(2, 300, 200)
	solve := func() *mat.Dense {
		w := Whiten(s, Inversion{Threshold: 1e-6})
		svd := TopSVD(w.Whiten(n), 5)
		return mul(w.Unwhiten(svd.U), svd.V.T())
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	many := solve()
	runtime.GOMAXPROCS(1)
	if !mat.Equal(solve(), many) {
		t.Error("results differ between one and four processors")
	}
}

func TestPacked(t *testing.T) {
	const n = 5
	p := Packed{n, make([]float64, PackedLen(n))}
	for i := range n {
		for j := i; j < n; j++ {
			p.Data[kernel.PackedIndex(n, i, j)] = float64(10*i + j)
		}
	}
	s := p.Sym(kernel.Range{Lo: 1, Hi: 4}, 2)
	b := p.Block(kernel.Range{Lo: 0, Hi: 2}, kernel.Range{Lo: 3, Hi: 5}, 2)
	for i := range 3 {
		for j := range 3 {
			if want := 2 * float64(10*(min(i, j)+1)+max(i, j)+1); s.At(i, j) != want {
				t.Errorf("sym (%d,%d) = %v, want %v", i, j, s.At(i, j), want)
			}
		}
	}
	if p.At(3, 1) != 13 || p.At(1, 3) != 13 {
		t.Errorf("element (1,3) = %v, (3,1) = %v, want 13", p.At(1, 3), p.At(3, 1))
	}
	if b.At(1, 1) != 2*14 || b.At(0, 0) != 2*3 {
		t.Errorf("block %v", mat.Formatted(b))
	}
}

func eye(n int) *mat.Dense {
	d := mat.NewDense(n, n, nil)
	for i := range n {
		d.Set(i, i, 1)
	}
	return d
}

func BenchmarkWhiten577(b *testing.B) {
	s := covariance(random(1, 1200, 577))
	n := random(2, 577, 64)
	b.ResetTimer()
	for range b.N {
		w := Whiten(s, Inversion{Threshold: 1e-6})
		y := w.Whiten(n)
		w.Unwhiten(TopSVD(y, 16).U)
	}
}

func BenchmarkWhiten577Full(b *testing.B) {
	s := covariance(random(1, 1200, 577))
	n := random(2, 577, 576)
	b.ResetTimer()
	for range b.N {
		w := Whiten(s, Inversion{Threshold: 1e-6})
		y := w.Whiten(n)
		w.Unwhiten(TopSVD(y, 16).U)
	}
}

func BenchmarkWhiten2305(b *testing.B) {
	s := covariance(random(1, 4000, 2305))
	n := random(2, 2305, 256)
	b.ResetTimer()
	for range b.N {
		w := Whiten(s, Inversion{Threshold: 1e-6})
		y := w.Whiten(n)
		w.Unwhiten(TopSVD(y, 16).U)
	}
}

// Half of the features repeat the others: the factor is found with pivoting.
func BenchmarkWhiten1153Singular(b *testing.B) {
	x := random(1, 1400, 1153)
	for i := range 1400 {
		copy(x.RawRowView(i)[577:], x.RawRowView(i)[:576])
	}
	s, n := covariance(x), random(2, 1153, 128)
	b.ResetTimer()
	for range b.N {
		w := Whiten(s, Inversion{Threshold: 1e-6})
		y := w.Whiten(n)
		w.Unwhiten(TopSVD(y, 16).U)
	}
}

func BenchmarkTopSVD(b *testing.B) {
	for _, dims := range [][2]int{{577, 64}, {1153, 128}, {577, 576}} {
		y := random(1, dims[0], dims[1])
		b.Run(fmt.Sprintf("%dx%d", dims[0], dims[1]), func(b *testing.B) {
			for range b.N {
				TopSVD(y, 16)
			}
		})
	}
}

// A ridge is a part of the mean variance: it is S + rho tr(S)/n I that is inverted, so
// a feature that hardly varies beside the others gets a small weight.
func TestRidgeIsOnTheTrueScale(t *testing.T) {
	const n, rho = 5, 0.3
	s := covariance(random(1, 40, n))
	for i := range n { // feature 2 is almost dead
		s.SetSym(i, 2, s.At(i, 2)*1e-4)
	}
	s.SetSym(2, 2, s.At(2, 2)*1e-4)
	x := random(2, n, 3)
	want := mat.NewSymDense(n, nil)
	want.CopySym(s)
	for i := range n {
		want.SetSym(i, i, want.At(i, i)+rho*mat.Trace(s)/n)
	}
	var solved mat.Dense
	if err := solved.Solve(want, x); err != nil {
		t.Fatal(err)
	}
	got := Whiten(s, Inversion{Threshold: 1e-12, Ridge: rho}).Solve(x)
	if !mat.EqualApprox(got, &solved, 1e-10) {
		t.Errorf("S + ridge solves to\n%v\nwant\n%v", mat.Formatted(got), mat.Formatted(&solved))
	}
}
