package solve

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// The golden case was computed in float64 with the library of the authors of
// [tiny] (growingnn): an MLP 3-2-2 with ReLU and biases, summed squared error
// over 8 samples. That library keeps g = +dloss/dz, so its M, M_prev and dW*
// have the opposite sign of ours (N, its own projection, has the same).
type goldenNet struct{ w1, b1, w2, b2, x, y *mat.Dense }

// goldenFill is sin(a + b k) + c cos(1.7 k) over the flat index k.
func goldenFill(r, c int, a, b, d float64) *mat.Dense {
	m := mat.NewDense(r, c, nil)
	for k := range r * c {
		m.Set(k/c, k%c, math.Sin(a+b*float64(k))+d*math.Cos(1.7*float64(k)))
	}
	return m
}

func newGolden() goldenNet {
	return goldenNet{
		goldenFill(2, 3, .1, .37, .11), goldenFill(1, 2, .5, .37, .11),
		goldenFill(2, 2, .9, .37, .11), goldenFill(1, 2, 1.3, .37, .11),
		goldenFill(8, 3, .2, .53, .4), goldenFill(8, 2, .7, .29, .2),
	}
}

// withOnes appends a ones column.
func withOnes(x *mat.Dense) *mat.Dense {
	n, c := x.Dims()
	out := mat.NewDense(n, c+1, nil)
	out.Slice(0, n, 0, c).(*mat.Dense).Copy(x)
	for i := range n {
		out.Set(i, c, 1)
	}
	return out
}

func relu(x *mat.Dense) *mat.Dense {
	out := mat.DenseCopyOf(x)
	out.Apply(func(_, _ int, v float64) float64 { return math.Max(0, v) }, out)
	return out
}

// forward returns b2, b1 (both with ones) and z, with dW (c, b) added to the
// second layer and neurons alpha (k, a), omega (c, k) beside the first.
func (g goldenNet) forward(dw, alpha, omega *mat.Dense) (b2, b1, z *mat.Dense) {
	b2 = withOnes(g.x)
	first, second := mat.NewDense(2, 4, nil), mat.NewDense(2, 3, nil)
	first.Augment(g.w1, g.b1.T())
	second.Augment(g.w2, g.b2.T())
	b1 = withOnes(relu(growthtest.Mul(b2, first.T())))
	if dw != nil {
		second.Add(second, dw)
	}
	z = growthtest.Mul(b1, second.T())
	if alpha != nil {
		z.Add(z, growthtest.Mul(relu(growthtest.Mul(b2, alpha.T())), omega.T()))
	}
	return b2, b1, z
}

func (g goldenNet) loss(z *mat.Dense) float64 { return linalg.SumSquares(growthtest.Sub(z, g.y)) }

func (g goldenNet) solve() (plain, *Update, *Neurons) {
	b2, b1, z := g.forward(nil, nil, nil)
	p := plain{b2, b1, growthtest.Scaled(-2, growthtest.Sub(z, g.y))}
	u, s := p.neurons(2)
	return p, u, s
}

func TestGoldenStatistics(t *testing.T) {
	g := newGolden()
	p, u, s := g.solve()
	_, _, z := g.forward(nil, nil, nil)
	const tol = 2e-10 // ten digits were kept
	growthtest.Close(t, "loss", g.loss(z), 168.3255303281, tol)
	growthtest.Near(t, "S1", p.mean(p.b1, p.b1), mat.NewDense(3, 3, []float64{.8499375998, 1.6690727828, .6716755249, 1.6690727828, 3.3970745899, 1.2951518513, .6716755249, 1.2951518513, 1}), tol)
	growthtest.Near(t, "M", p.mean(p.b1, p.v), growthtest.Scaled(-1, mat.NewDense(3, 2, []float64{5.6419526896, 5.6400804315, 11.2215889846, 11.1173226519, 5.4942930536, 5.5114371655})), tol)
	growthtest.Close(t, "|S|", mat.Norm(p.mean(p.b2, p.b2), 2), 1.6393061889, tol)
	growthtest.Close(t, "|C|", mat.Norm(p.mean(p.b2, p.b1), 2), 2.4058666367, tol)
	growthtest.Near(t, "M_prev", p.mean(p.b2, p.v), growthtest.Scaled(-1, mat.NewDense(4, 2, []float64{2.8907065558, 2.8620307027, 2.2019610829, 2.1094799927, .9442372685, .9357331829, 5.4942930536, 5.5114371655})), tol)
	growthtest.Near(t, "G", p.mean(p.v, p.v), mat.NewDense(2, 2, []float64{42.1777258076, 41.9158897922, 41.9158897922, 41.9850393565}), tol)
	growthtest.Near(t, "dW*", u.Delta, growthtest.Scaled(-1, mat.NewDense(2, 3, []float64{1.5910509698, 1.6480940197, 2.2910910376, 3.2467408604, .8051251145, 2.2879215112})), tol)
	growthtest.Close(t, "tr(dW* M)", u.Desired-u.Psi2, 79.9312444826, tol)
	n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
	growthtest.Near(t, "N", n, mat.NewDense(4, 2, []float64{-.1990547494, -.3205241543, -.0132366895, .0132808946, .1408238638, .2256629276, 0, 0}), 1e-9)
	growthtest.Close(t, "lambda 1", s.Lambda[0], .8498908042, 1e-9)
	growthtest.Close(t, "lambda 2", s.Lambda[1], .0590017013, 1e-8)
	growthtest.Near(t, "omega alpha'", growthtest.Mul(s.Omega, s.Alpha), mat.NewDense(2, 4, []float64{
		-.8360620754, 1.0189263292, .0795149676, -.0303297688,
		-1.6989065265, 2.2953627707, -.0592121599, -.0901476974,
	}), 1e-8)
}

// Extensions are scaled by g, the best update by g^2.
func TestGoldenAmplitude(t *testing.T) {
	g := newGolden()
	_, u, s := g.solve()
	alpha, omega := mat.DenseCopyOf(s.Alpha), mat.DenseCopyOf(s.Omega)
	for k, first := range []float64{-1, 1} { // the golden's (+,+)
		if alpha.At(k, 0)*first < 0 {
			growthtest.Flip(alpha, omega, k)
		}
	}
	loss := func(gg float64, neurons bool) float64 {
		a, o := alpha, omega
		if !neurons {
			a, o = mat.NewDense(1, 4, nil), mat.NewDense(2, 1, nil)
		}
		_, _, z := g.forward(growthtest.Scaled(gg*gg, u.Delta), growthtest.Scaled(gg, a), growthtest.Scaled(gg, o))
		return g.loss(z)
	}
	best := func(neurons bool) float64 {
		least := math.Inf(1)
		for i := range 301 {
			least = math.Min(least, loss(float64(i)*.01, neurons))
		}
		return least
	}
	growthtest.Close(t, "(+,+) at .1", loss(.1, true), 162.1783767814, 1e-10)
	growthtest.Close(t, "(+,+) at .5", loss(.5, true), 50.9757618661, 1e-10)
	growthtest.Close(t, "best (+,+)", best(true), 9.2353, 1e-4)
	growthtest.Close(t, "best update alone", best(false), 8.4738, 1e-4)
	growthtest.Flip(alpha, omega, 0)
	growthtest.Close(t, "(-,+) at .1", loss(.1, true), 161.753253, 1e-8)
	growthtest.Close(t, "(-,+) at .5", loss(.5, true), 44.776622, 1e-8)
	growthtest.Close(t, "best (-,+)", best(true), 6.0554, 1e-4)
}
