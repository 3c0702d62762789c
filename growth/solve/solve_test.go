package solve

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// plain is a site given by its samples: rows of b2 (n, a), b1 (n, b), v (n, c).
type plain struct{ b2, b1, v *mat.Dense }

// samplePlain returns correlated samples with a ones column last in b1 and b2.
func samplePlain(seed uint64, n, a, b, c int) plain {
	b2 := growthtest.Mul(growthtest.Normal(seed, n, a), growthtest.Normal(seed+1, a, a))
	hidden := growthtest.Mul(b2, growthtest.Normal(seed+2, a, b))
	for i := range n {
		b2.Set(i, a-1, 1)
		for j := range b {
			hidden.Set(i, j, math.Max(0, hidden.At(i, j)))
		}
		hidden.Set(i, b-1, 1)
	}
	v := growthtest.Mul(b2, growthtest.Normal(seed+3, a, c))
	v.Add(v, growthtest.Normal(seed+4, n, c))
	var extra mat.Dense
	extra.Mul(hidden, growthtest.Normal(seed+5, b, c))
	v.Add(v, &extra)
	return plain{b2, hidden, v}
}

func (p plain) mean(x, y *mat.Dense) *mat.Dense {
	n, _ := x.Dims()
	return growthtest.Scaled(1/float64(n), growthtest.Mul(x.T(), y))
}

func (p plain) update() *Update {
	return BestUpdate(growthtest.Sym(p.mean(p.b1, p.b1)), p.mean(p.b1, p.v), mat.Trace(p.mean(p.v, p.v)),
		linalg.Inversion{Threshold: growthtest.Tight})
}

// projected returns V_proj (n, c).
func (p plain) projected(u *Update) *mat.Dense {
	return growthtest.Sub(p.v, growthtest.Mul(p.b1, u.Delta.T()))
}

func (p plain) neurons(k int) (*Update, *Neurons) {
	u := p.update()
	n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
	return u, BestNeurons(growthtest.Sym(p.mean(p.b2, p.b2)), n, k, linalg.Inversion{Threshold: growthtest.Tight})
}

// delta returns the linearised change of z by the first k neurons, (n, c).
func (p plain) delta(s *Neurons, k int) *mat.Dense {
	a, _ := s.Alpha.T().Dims()
	c, _ := s.Omega.Dims()
	return growthtest.Mul(p.b2, s.Alpha.Slice(0, k, 0, a).T(), s.Omega.Slice(0, c, 0, k).T())
}

func TestP01BestUpdateIsLeastSquares(t *testing.T) {
	p := samplePlain(1, 60, 5, 4, 3)
	u := p.update()
	var want mat.Dense
	if err := want.Solve(p.b1, p.v); err != nil { // by QR
		t.Fatal(err)
	}
	growthtest.Near(t, "dW*", u.Delta, want.T(), 1e-10)
	proj := p.projected(u)
	if got := mat.Norm(p.mean(p.b1, proj), 2); got > 1e-10*mat.Norm(p.mean(p.b1, p.v), 2) {
		t.Errorf("E[b1 V_proj'] = %g", got)
	}
	growthtest.Close(t, "Psi^2", u.Psi2, mat.Trace(p.mean(proj, proj)), 1e-10)
	growthtest.Close(t, "tr G", u.Desired, mat.Trace(growthtest.Mul(u.Delta, p.mean(p.b1, p.v)))+u.Psi2, 1e-10)
}

func TestP02ProjectedTarget(t *testing.T) {
	p := samplePlain(2, 60, 6, 4, 3)
	u := p.update()
	n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
	growthtest.Near(t, "N", n, p.mean(p.b2, p.projected(u)), 1e-10)
}

func TestP03ResidualAfterKNeurons(t *testing.T) {
	p := samplePlain(3, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k := 1; k <= 5; k++ {
		r := growthtest.Sub(p.projected(u), p.delta(s, k))
		growthtest.Close(t, "E|V_proj - Omega A b2|^2", mat.Trace(p.mean(r, r)), u.Psi2-growthtest.Squares(s.Lambda[:k]), 1e-10)
	}
}

func TestP04Alignment(t *testing.T) {
	p := samplePlain(4, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k := 1; k <= 5; k++ {
		growthtest.Close(t, "E<V_proj, delta>", mat.Trace(p.mean(p.projected(u), p.delta(s, k))), growthtest.Squares(s.Lambda[:k]), 1e-10)
	}
}

// Alternating least squares from random starts is the oracle.
func TestP05NoPairDoesBetter(t *testing.T) {
	p := samplePlain(5, 80, 6, 4, 5)
	u, s := p.neurons(5)
	proj := p.projected(u)
	for k := 1; k <= 3; k++ {
		best := math.Inf(1)
		for start := range uint64(5) {
			omega := growthtest.Normal(100+start, 5, k)
			for range 300 {
				var alpha, next mat.Dense
				// alpha: least squares of proj Omega (Omega'Omega)^-1 on b2
				var inverse mat.Dense
				if err := inverse.Inverse(growthtest.Mul(omega.T(), omega)); err != nil {
					t.Fatal(err)
				}
				if err := alpha.Solve(p.b2, growthtest.Mul(proj, omega, &inverse)); err != nil {
					t.Fatal(err)
				}
				if err := next.Solve(growthtest.Mul(p.b2, &alpha), proj); err != nil {
					t.Fatal(err)
				}
				omega = mat.DenseCopyOf(next.T())
				r := growthtest.Sub(proj, growthtest.Mul(p.b2, &alpha, &next))
				best = math.Min(best, mat.Trace(p.mean(r, r)))
			}
		}
		ours := u.Psi2 - growthtest.Squares(s.Lambda[:k])
		if ours > best*(1+1e-9) || ours < best*(1-1e-4) {
			t.Errorf("k = %d: closed form leaves %.12g, alternating least squares %.12g", k, ours, best)
		}
	}
}

func TestP06TotalOfSpectrum(t *testing.T) {
	p := samplePlain(6, 80, 6, 4, 5)
	u, s := p.neurons(1)
	n := p.mean(p.b2, p.projected(u))
	var inverse mat.Dense
	if err := inverse.Inverse(p.mean(p.b2, p.b2)); err != nil {
		t.Fatal(err)
	}
	growthtest.Close(t, "tr(N' S^+ N)", s.Total, mat.Trace(growthtest.Mul(n.T(), &inverse, n)), 1e-10)
	growthtest.Close(t, "sum of lambda^2", growthtest.Squares(s.Spectrum), s.Total, 1e-10)
	if s.Total > u.Psi2 {
		t.Errorf("sum of lambda^2 %g above Psi^2 %g", s.Total, u.Psi2)
	}
}

// Growing k1 neurons leaves the rest of the spectrum for the next event.
func TestP07GrowTwice(t *testing.T) {
	p := samplePlain(7, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k1 := 1; k1 < 5; k1++ {
		rest := growthtest.Sub(p.projected(u), p.delta(s, k1))
		again := BestNeurons(growthtest.Sym(p.mean(p.b2, p.b2)), p.mean(p.b2, rest), 5, linalg.Inversion{Threshold: growthtest.Tight})
		for i, lambda := range s.Lambda[k1:] {
			growthtest.Close(t, "lambda", again.Lambda[i], lambda, 1e-9)
		}
	}
}

func TestP15LossTimesConstant(t *testing.T) {
	p := samplePlain(15, 80, 6, 4, 5)
	const c = 7.0
	q := p
	q.v = growthtest.Scaled(c, p.v)
	_, s := p.neurons(3)
	_, sc := q.neurons(3)
	for i := range s.Lambda {
		growthtest.Close(t, "lambda", sc.Lambda[i], c*s.Lambda[i], 1e-10)
	}
	growthtest.Near(t, "alpha", sc.Alpha, growthtest.Scaled(math.Sqrt(c), s.Alpha), 1e-8)
	growthtest.Near(t, "omega", sc.Omega, growthtest.Scaled(math.Sqrt(c), s.Omega), 1e-8)
}

func TestP16InvariantToInputTransform(t *testing.T) {
	p := samplePlain(16, 80, 6, 4, 5)
	q := p
	q.b2 = growthtest.Mul(p.b2, growthtest.Normal(160, 6, 6))
	_, s := p.neurons(4)
	_, sr := q.neurons(4)
	for i := range s.Lambda {
		growthtest.Close(t, "lambda", sr.Lambda[i], s.Lambda[i], 1e-8)
	}
	growthtest.Near(t, "omega alpha' b2", q.delta(sr, 4), p.delta(s, 4), 1e-8)
}

func TestP17DuplicatedAndDeadFeatures(t *testing.T) {
	p := samplePlain(17, 80, 6, 4, 5)
	wide := mat.NewDense(80, 9, nil)
	wide.Slice(0, 80, 0, 6).(*mat.Dense).Copy(p.b2)
	for i := range 80 {
		wide.Set(i, 6, p.b2.At(i, 2))
		wide.Set(i, 8, 3*p.b2.At(i, 1)-p.b2.At(i, 5))
	}
	q := p
	q.b2 = wide
	b1 := mat.NewDense(80, 6, nil)
	b1.Slice(0, 80, 0, 4).(*mat.Dense).Copy(p.b1)
	for i := range 80 {
		b1.Set(i, 4, p.b1.At(i, 0))
	}
	q.b1 = b1
	u, s := p.neurons(5)
	uq, sq := q.neurons(5)
	growthtest.Close(t, "Psi^2", uq.Psi2, u.Psi2, 1e-8)
	for i := range s.Lambda {
		growthtest.Close(t, "lambda", sq.Lambda[i], s.Lambda[i], 1e-8)
	}
	if !linalg.Finite(sq.Alpha.RawMatrix().Data) || !linalg.Finite(sq.Omega.RawMatrix().Data) {
		t.Error("weights are not finite")
	}
}

func TestP18RotatedOutputs(t *testing.T) {
	p := samplePlain(18, 80, 6, 4, 5)
	var qr mat.QR
	qr.Factorize(growthtest.Normal(180, 5, 5))
	var q mat.Dense
	qr.QTo(&q)
	r := p
	r.v = growthtest.Mul(p.v, q.T())
	_, s := p.neurons(3)
	_, sq := r.neurons(3)
	for i := range s.Lambda {
		growthtest.Close(t, "lambda", sq.Lambda[i], s.Lambda[i], 1e-9)
	}
	growthtest.Near(t, "omega alpha'", growthtest.Mul(sq.Omega, sq.Alpha), growthtest.Mul(&q, s.Omega, s.Alpha), 1e-8)
}

func TestP19ReachableAndBlind(t *testing.T) {
	p := samplePlain(19, 80, 6, 4, 5)
	p.v = growthtest.Mul(p.b1, growthtest.Normal(190, 4, 5))
	u, s := p.neurons(3)
	if u.Share() > 1e-10 || s.Total > 1e-10*u.Desired {
		t.Errorf("reachable target: share %g, total %g", u.Share(), s.Total)
	}
	// b2 symmetric about zero and V even in it: no linear part, but Psi > 0
	b2 := growthtest.Normal(191, 40, 3)
	both := mat.NewDense(80, 3, nil)
	v := mat.NewDense(80, 2, nil)
	for i := range 80 {
		for j := range 3 {
			both.Set(i, j, b2.At(i%40, j)*float64(1-2*(i/40)))
		}
		v.Set(i, 0, math.Abs(both.At(i, 0)))
		v.Set(i, 1, -math.Abs(both.At(i, 0)))
	}
	b1 := mat.NewDense(80, 1, nil)
	for i := range 80 {
		b1.Set(i, 0, 1)
	}
	u, s = plain{both, b1, v}.neurons(3)
	if u.Share() < 0.1 || s.Total > 1e-20*u.Psi2 {
		t.Errorf("blind target: share %g, total %g", u.Share(), s.Total)
	}
}

// With softmax cross-entropy at z, V sums to 0 over classes, hence omega too.
func TestP20SoftmaxTarget(t *testing.T) {
	p := samplePlain(20, 120, 8, 4, 5)
	for i := range 120 {
		row := p.v.RawRowView(i)
		var sum float64
		for j := range row {
			row[j] = math.Exp(row[j] / 8)
			sum += row[j]
		}
		for j := range row {
			row[j] = -row[j] / sum
		}
		row[i%5] += 1
	}
	_, s := p.neurons(5)
	if len(s.Lambda) != 4 {
		t.Fatalf("%d neurons, want c-1 = 4", len(s.Lambda))
	}
	for k := range 4 {
		var sum float64
		for j := range 5 {
			sum += s.Omega.At(j, k)
		}
		if math.Abs(sum) > 1e-6*math.Sqrt(s.Lambda[k]) {
			t.Errorf("omega_%d sums to %g", k, sum)
		}
	}
}

func TestP27NoiseShrinksWithSamples(t *testing.T) {
	total := func(n int) float64 {
		var mean float64
		for seed := range uint64(8) {
			p := plain{growthtest.Normal(270+seed, n, 6), growthtest.Normal(370+seed, n, 3), growthtest.Normal(470+seed, n, 4)}
			u, s := p.neurons(4)
			mean += s.Total / u.Psi2 / 8
		}
		return mean
	}
	for _, n := range []int{200, 800, 3200} {
		if got, want := total(n), 6/float64(n); got < 0.6*want || got > 1.5*want {
			t.Errorf("n = %d: sum of lambda^2 is %g of Psi^2, chance gives a/n = %g", n, got, want)
		}
	}
}

// GradMax: no orthonormal omega gives a larger gradient of the incoming weights.
func TestGradMaxIsLargest(t *testing.T) {
	m := growthtest.Normal(25, 7, 5)
	s := BestGradients(m, 2)
	growthtest.Near(t, "orthonormal", growthtest.Mul(s.Omega.T(), s.Omega), mat.NewDense(2, 2, []float64{1, 0, 0, 1}), 1e-12)
	g := growthtest.Mul(m, s.Omega)
	growthtest.Close(t, "gradient", linalg.SumSquares(g), growthtest.Squares(s.Lambda), 1e-12)
	for seed := range uint64(50) {
		var qr mat.QR
		qr.Factorize(growthtest.Normal(seed, 5, 2))
		var q mat.Dense
		qr.QTo(&q)
		if other := linalg.SumSquares(growthtest.Mul(m, q.Slice(0, 5, 0, 2))); other > growthtest.Squares(s.Lambda)*(1+1e-12) {
			t.Errorf("random omega gives %g, ours %g", other, growthtest.Squares(s.Lambda))
		}
	}
}

// With a diagonal S both solvers agree.
func TestBestNeuronsDiagonal(t *testing.T) {
	n := growthtest.Normal(1, 6, 4)
	d := []float64{1, 4, 0, 0.25, 9, 2}
	s := mat.NewSymDense(6, nil)
	for i, v := range d {
		s.SetSym(i, i, v)
	}
	for i := range 4 {
		n.Set(2, i, 0)
	}
	for _, ridge := range []float64{0, 0.5} {
		want, got := BestNeurons(s, n, 3, linalg.Inversion{Threshold: growthtest.Tight, Ridge: ridge}), BestNeuronsDiagonal(d, n, 3, ridge)
		growthtest.Near(t, "omega alpha'", growthtest.Mul(got.Omega, got.Alpha), growthtest.Mul(want.Omega, want.Alpha), 1e-9)
		growthtest.Close(t, "total", got.Total, want.Total, 1e-12)
		if got.Rank != want.Rank {
			t.Errorf("rank %d, want %d", got.Rank, want.Rank)
		}
	}
}
