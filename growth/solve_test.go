package growth

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// tight is the Threshold for exact float64 statistics.
const tight = 1e-10

// normal returns an (r, c) matrix of independent standard normal numbers.
func normal(seed uint64, r, c int) *mat.Dense {
	s := rng.New(seed)
	d := mat.NewDense(r, c, nil)
	for i := range r {
		for j := range c {
			d.Set(i, j, s.Normal(uint64(i*c+j)))
		}
	}
	return d
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

func sub(a, b mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Sub(a, b)
	return &d
}

func scaled(f float64, a mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Scale(f, a)
	return &d
}

// sym returns the symmetric part of a square matrix.
func sym(a *mat.Dense) *mat.SymDense {
	n, _ := a.Dims()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

func near(t *testing.T, what string, got, want mat.Matrix, tol float64) {
	t.Helper()
	if diff, size := mat.Norm(sub(got, want), 2), mat.Norm(want, 2); !(diff <= tol*math.Max(size, 1e-300)) {
		t.Errorf("%s: off by %.3g of %.3g", what, diff, size)
	}
}

func close(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(math.Abs(want), 1e-300)) {
		t.Errorf("%s: %.15g, want %.15g", what, got, want)
	}
}

// plain is a site given by its samples: rows of b2 (n, a), b1 (n, b), v (n, c).
type plain struct{ b2, b1, v *mat.Dense }

// samplePlain returns correlated samples with a ones column last in b1 and b2.
func samplePlain(seed uint64, n, a, b, c int) plain {
	b2 := mul(normal(seed, n, a), normal(seed+1, a, a))
	hidden := mul(b2, normal(seed+2, a, b))
	for i := range n {
		b2.Set(i, a-1, 1)
		for j := range b {
			hidden.Set(i, j, math.Max(0, hidden.At(i, j)))
		}
		hidden.Set(i, b-1, 1)
	}
	v := mul(b2, normal(seed+3, a, c))
	v.Add(v, normal(seed+4, n, c))
	var extra mat.Dense
	extra.Mul(hidden, normal(seed+5, b, c))
	v.Add(v, &extra)
	return plain{b2, hidden, v}
}

func (p plain) mean(x, y *mat.Dense) *mat.Dense {
	n, _ := x.Dims()
	return scaled(1/float64(n), mul(x.T(), y))
}

func (p plain) update() *Update {
	return BestUpdate(sym(p.mean(p.b1, p.b1)), p.mean(p.b1, p.v), mat.Trace(p.mean(p.v, p.v)), tight, 0)
}

// projected returns V_proj (n, c).
func (p plain) projected(u *Update) *mat.Dense { return sub(p.v, mul(p.b1, u.Delta.T())) }

func (p plain) neurons(k int) (*Update, *Neurons) {
	u := p.update()
	n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
	return u, BestNeurons(sym(p.mean(p.b2, p.b2)), n, k, tight, 0)
}

// delta returns the linearised change of z by the first k neurons, (n, c).
func (p plain) delta(s *Neurons, k int) *mat.Dense {
	a, _ := s.Alpha.T().Dims()
	c, _ := s.Omega.Dims()
	return mul(p.b2, s.Alpha.Slice(0, k, 0, a).T(), s.Omega.Slice(0, c, 0, k).T())
}

func squares(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v * v
	}
	return s
}

func TestP01BestUpdateIsLeastSquares(t *testing.T) {
	p := samplePlain(1, 60, 5, 4, 3)
	u := p.update()
	var want mat.Dense
	if err := want.Solve(p.b1, p.v); err != nil { // by QR
		t.Fatal(err)
	}
	near(t, "dW*", u.Delta, want.T(), 1e-10)
	proj := p.projected(u)
	if got := mat.Norm(p.mean(p.b1, proj), 2); got > 1e-10*mat.Norm(p.mean(p.b1, p.v), 2) {
		t.Errorf("E[b1 V_proj'] = %g", got)
	}
	close(t, "Psi^2", u.Psi2, mat.Trace(p.mean(proj, proj)), 1e-10)
	close(t, "tr G", u.Desired, mat.Trace(mul(u.Delta, p.mean(p.b1, p.v)))+u.Psi2, 1e-10)
}

func TestP02ProjectedTarget(t *testing.T) {
	p := samplePlain(2, 60, 6, 4, 3)
	u := p.update()
	n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
	near(t, "N", n, p.mean(p.b2, p.projected(u)), 1e-10)
}

func TestP03ResidualAfterKNeurons(t *testing.T) {
	p := samplePlain(3, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k := 1; k <= 5; k++ {
		r := sub(p.projected(u), p.delta(s, k))
		close(t, "E|V_proj - Omega A b2|^2", mat.Trace(p.mean(r, r)), u.Psi2-squares(s.Lambda[:k]), 1e-10)
	}
}

func TestP04Alignment(t *testing.T) {
	p := samplePlain(4, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k := 1; k <= 5; k++ {
		close(t, "E<V_proj, delta>", mat.Trace(p.mean(p.projected(u), p.delta(s, k))), squares(s.Lambda[:k]), 1e-10)
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
			omega := normal(100+start, 5, k)
			for range 300 {
				var alpha, next mat.Dense
				// alpha: least squares of proj Omega (Omega'Omega)^-1 on b2
				var inverse mat.Dense
				if err := inverse.Inverse(mul(omega.T(), omega)); err != nil {
					t.Fatal(err)
				}
				if err := alpha.Solve(p.b2, mul(proj, omega, &inverse)); err != nil {
					t.Fatal(err)
				}
				if err := next.Solve(mul(p.b2, &alpha), proj); err != nil {
					t.Fatal(err)
				}
				omega = mat.DenseCopyOf(next.T())
				r := sub(proj, mul(p.b2, &alpha, &next))
				best = math.Min(best, mat.Trace(p.mean(r, r)))
			}
		}
		ours := u.Psi2 - squares(s.Lambda[:k])
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
	close(t, "tr(N' S^+ N)", s.Total, mat.Trace(mul(n.T(), &inverse, n)), 1e-10)
	close(t, "sum of lambda^2", squares(s.Spectrum), s.Total, 1e-10)
	if s.Total > u.Psi2 {
		t.Errorf("sum of lambda^2 %g above Psi^2 %g", s.Total, u.Psi2)
	}
}

// Growing k1 neurons leaves the rest of the spectrum for the next event.
func TestP07GrowTwice(t *testing.T) {
	p := samplePlain(7, 80, 6, 4, 5)
	u, s := p.neurons(5)
	for k1 := 1; k1 < 5; k1++ {
		rest := sub(p.projected(u), p.delta(s, k1))
		again := BestNeurons(sym(p.mean(p.b2, p.b2)), p.mean(p.b2, rest), 5, tight, 0)
		for i, lambda := range s.Lambda[k1:] {
			close(t, "lambda", again.Lambda[i], lambda, 1e-9)
		}
	}
}

func TestP15LossTimesConstant(t *testing.T) {
	p := samplePlain(15, 80, 6, 4, 5)
	const c = 7.0
	q := p
	q.v = scaled(c, p.v)
	_, s := p.neurons(3)
	_, sc := q.neurons(3)
	for i := range s.Lambda {
		close(t, "lambda", sc.Lambda[i], c*s.Lambda[i], 1e-10)
	}
	near(t, "alpha", sc.Alpha, scaled(math.Sqrt(c), s.Alpha), 1e-8)
	near(t, "omega", sc.Omega, scaled(math.Sqrt(c), s.Omega), 1e-8)
}

func TestP16InvariantToInputTransform(t *testing.T) {
	p := samplePlain(16, 80, 6, 4, 5)
	q := p
	q.b2 = mul(p.b2, normal(160, 6, 6))
	_, s := p.neurons(4)
	_, sr := q.neurons(4)
	for i := range s.Lambda {
		close(t, "lambda", sr.Lambda[i], s.Lambda[i], 1e-8)
	}
	near(t, "omega alpha' b2", q.delta(sr, 4), p.delta(s, 4), 1e-8)
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
	close(t, "Psi^2", uq.Psi2, u.Psi2, 1e-8)
	for i := range s.Lambda {
		close(t, "lambda", sq.Lambda[i], s.Lambda[i], 1e-8)
	}
	if !linalg.Finite(sq.Alpha.RawMatrix().Data) || !linalg.Finite(sq.Omega.RawMatrix().Data) {
		t.Error("weights are not finite")
	}
}

func TestP18RotatedOutputs(t *testing.T) {
	p := samplePlain(18, 80, 6, 4, 5)
	var qr mat.QR
	qr.Factorize(normal(180, 5, 5))
	var q mat.Dense
	qr.QTo(&q)
	r := p
	r.v = mul(p.v, q.T())
	_, s := p.neurons(3)
	_, sq := r.neurons(3)
	for i := range s.Lambda {
		close(t, "lambda", sq.Lambda[i], s.Lambda[i], 1e-9)
	}
	near(t, "omega alpha'", mul(sq.Omega, sq.Alpha), mul(&q, s.Omega, s.Alpha), 1e-8)
}

func TestP19ReachableAndBlind(t *testing.T) {
	p := samplePlain(19, 80, 6, 4, 5)
	p.v = mul(p.b1, normal(190, 4, 5))
	u, s := p.neurons(3)
	if u.Share() > 1e-10 || s.Total > 1e-10*u.Desired {
		t.Errorf("reachable target: share %g, total %g", u.Share(), s.Total)
	}
	// b2 symmetric about zero and V even in it: no linear part, but Psi > 0
	b2 := normal(191, 40, 3)
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
			p := plain{normal(270+seed, n, 6), normal(370+seed, n, 3), normal(470+seed, n, 4)}
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
	m := normal(25, 7, 5)
	s := BestGradients(m, 2)
	near(t, "orthonormal", mul(s.Omega.T(), s.Omega), mat.NewDense(2, 2, []float64{1, 0, 0, 1}), 1e-12)
	g := mul(m, s.Omega)
	close(t, "gradient", linalg.SumSquares(g), squares(s.Lambda), 1e-12)
	for seed := range uint64(50) {
		var qr mat.QR
		qr.Factorize(normal(seed, 5, 2))
		var q mat.Dense
		qr.QTo(&q)
		if other := linalg.SumSquares(mul(m, q.Slice(0, 5, 0, 2))); other > squares(s.Lambda)*(1+1e-12) {
			t.Errorf("random omega gives %g, ours %g", other, squares(s.Lambda))
		}
	}
}

// With a diagonal S both solvers agree.
func TestBestNeuronsDiagonal(t *testing.T) {
	n := normal(1, 6, 4)
	d := []float64{1, 4, 0, 0.25, 9, 2}
	s := mat.NewSymDense(6, nil)
	for i, v := range d {
		s.SetSym(i, i, v)
	}
	for i := range 4 {
		n.Set(2, i, 0)
	}
	for _, ridge := range []float64{0, 0.5} {
		want, got := BestNeurons(s, n, 3, tight, ridge), BestNeuronsDiagonal(d, n, 3, ridge)
		near(t, "omega alpha'", mul(got.Omega, got.Alpha), mul(want.Omega, want.Alpha), 1e-9)
		close(t, "total", got.Total, want.Total, 1e-12)
		if got.Rank != want.Rank {
			t.Errorf("rank %d, want %d", got.Rank, want.Rank)
		}
	}
}
