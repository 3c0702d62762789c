package growth

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// sampled is a site of some kind by its samples, in float64: for every output
// position a row of b1 and v, and for each of the area offsets that a new
// outgoing kernel may use a row of bt. Fully connected sites and kernels
// restricted to their centre have an area of 1.
type sampled struct {
	name      string
	bt, b1, v *mat.Dense
	area      int
	n         float64
}

// kindsOfSites are a fully connected site, a convolution with new kernels
// restricted to their centre, and one with all offsets, of networks with
// random weights under cross-entropy.
func kindsOfSites(t *testing.T) []sampled {
	t.Helper()
	fc := growthtest.Chain(t, nn.Shape{C: 6, H: 1, W: 1}, nn.CrossEntropy, growthtest.Linear("a", 3, true), growthtest.Op("r", nn.OpReLU),
		growthtest.Linear("z", 4, true))
	image := growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 5}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 1, true),
		growthtest.Op("r", nn.OpReLU), growthtest.Conv("z", 4, 3, 2, 1, true), growthtest.Op("p", nn.OpGlobalAvgPool))
	statistics := func(g *nn.Graph, n int) naive {
		m := growthtest.RandomModel(g, 3)
		place, _ := site.Find(g, "a")
		return naiveStatistics(t, m, place, growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: n, Last: n}))
	}
	f, c := statistics(fc, 96), statistics(image, 40)
	return []sampled{{"fully connected", f.b2, f.b1, f.v, 1, f.n}, {"restricted", c.b2, c.b1, c.v, 1, c.n},
		{"full", c.bt, c.b1, c.v, 9, c.n}}
}

func (s sampled) mean(x, y *mat.Dense) *mat.Dense {
	return growthtest.Scaled(1/s.n, growthtest.Mul(x.T(), y))
}

func (s sampled) update() *solve.Update {
	return solve.BestUpdate(growthtest.Sym(s.mean(s.b1, s.b1)), s.mean(s.b1, s.v), mat.Trace(s.mean(s.v, s.v)),
		linalg.Inversion{Threshold: growthtest.Tight})
}

func (s sampled) projected() (*solve.Update, *mat.Dense) {
	u := s.update()
	return u, growthtest.Sub(s.v, growthtest.Mul(s.b1, u.Delta.T()))
}

// at returns the rows of bt at one offset.
func (s sampled) at(offset int) *mat.Dense {
	rows, a := s.bt.Dims()
	d := mat.NewDense(rows/s.area, a, nil)
	for r := range rows / s.area {
		d.SetRow(r, s.bt.RawRowView(r*s.area+offset))
	}
	return d
}

// n of a target: E[bt target'] (a, c area), columns (output, offset).
func (s sampled) products(target *mat.Dense) *mat.Dense {
	_, a := s.bt.Dims()
	_, c := target.Dims()
	n := mat.NewDense(a, c*s.area, nil)
	for e := range s.area {
		part := s.mean(s.at(e), target)
		for i := range a {
			for o := range c {
				n.Set(i, o*s.area+e, part.At(i, o))
			}
		}
	}
	return n
}

func (s sampled) metric() *mat.SymDense { return growthtest.Sym(s.mean(s.bt, s.bt)) }

func (s sampled) neurons(k int) (*solve.Update, *mat.Dense, *solve.Neurons) {
	u, proj := s.projected()
	return u, proj, solve.BestNeurons(s.metric(), s.products(proj), k, linalg.Inversion{Threshold: growthtest.Tight})
}

// delta is the linearised change of z.
func (s sampled) delta(n *solve.Neurons) *mat.Dense {
	rows, c := s.v.Dims()
	d := mat.NewDense(rows, c, nil)
	k := len(n.Lambda)
	for e := range s.area {
		omega := mat.NewDense(c, k, nil)
		for o := range c {
			for j := range k {
				omega.Set(o, j, n.Omega.At(o*s.area+e, j))
			}
		}
		d.Add(d, growthtest.Mul(s.at(e), n.Alpha.T(), omega.T()))
	}
	return d
}

func inner(a, b *mat.Dense) float64 {
	var sum float64
	for i := range a.RawMatrix().Rows {
		sum += mat.Dot(a.RowView(i), b.RowView(i))
	}
	return sum
}

// P1 and P2, for all kinds of sites.
func TestP01P02OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		u, proj := s.projected()
		if left := mat.Norm(s.mean(s.b1, proj), 2); left > 1e-10*mat.Norm(s.mean(s.b1, s.v), 2) {
			t.Errorf("%s: E[b1 V_proj'] = %g", s.name, left)
		}
		growthtest.Close(t, s.name+": tr G", u.Desired, mat.Trace(growthtest.Mul(u.Delta, s.mean(s.b1, s.v)))+u.Psi2, 1e-10)
		growthtest.Close(t, s.name+": Psi^2", u.Psi2, linalg.SumSquares(proj)/s.n, 1e-9)
		n := s.products(s.v)
		for e := range s.area {
			part := solve.Project(s.mean(s.at(e), s.v), s.mean(s.at(e), s.b1), u.Delta)
			rows, c := part.Dims()
			for i := range rows {
				for o := range c {
					n.Set(i, o*s.area+e, part.At(i, o))
				}
			}
		}
		growthtest.Near(t, s.name+": N", s.products(proj), n, 1e-10)
	}
}

// P3, P4 and P6, for all kinds: what k neurons take off Psi^2 at any amplitude
// follows from sum lambda^2 and Q = E|delta|^2, which is sum lambda^2 itself
// where the area is 1 and at most min(k, area) times that for full kernels.
func TestP03P04P06OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		for k := 1; k <= 4; k++ {
			u, proj, n := s.neurons(k)
			if len(n.Lambda) < min(k, 3) {
				t.Fatalf("%s: %d neurons", s.name, len(n.Lambda))
			}
			d, total := s.delta(n), growthtest.Squares(n.Lambda)
			growthtest.Close(t, s.name+": E<V_proj, delta>", inner(proj, d)/s.n, total, 1e-8)
			q := linalg.SumSquares(d) / s.n
			if s.area == 1 {
				growthtest.Close(t, s.name+": Q", q, total, 1e-8)
			}
			if q > float64(min(len(n.Lambda), s.area))*total*(1+1e-9) {
				t.Errorf("%s: Q = %g exceeds %d times %g", s.name, q, min(k, s.area), total)
			}
			for _, g := range []float64{0.1, 1, total / q} {
				growthtest.Close(t, s.name+": residual", linalg.SumSquares(growthtest.Sub(proj, growthtest.Scaled(g, d)))/s.n,
					u.Psi2-2*g*total+g*g*q, 1e-8)
			}
			m := s.metric()
			var inverse mat.Dense
			if err := inverse.Inverse(m); err != nil {
				t.Fatal(err)
			}
			p := s.products(proj)
			growthtest.Close(t, s.name+": total", n.Total, mat.Trace(growthtest.Mul(p.T(), &inverse, p)), 1e-7)
			if n.Total > float64(s.area)*u.Psi2*(1+1e-9) {
				t.Errorf("%s: all lambdas together %g, Psi^2 %g", s.name, n.Total, u.Psi2)
			}
		}
	}
}

// P5 for all kinds: no other pair of rank k lowers the quadratic bound (for an
// area of 1, E|V_proj - delta|^2 itself) further; alternating least squares
// from random starts.
func TestP05OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		_, proj, n := s.neurons(2)
		m, p := s.metric(), s.products(proj)
		a, columns := p.Dims()
		for seed := range uint64(5) {
			alpha := growthtest.Normal(50+seed, 2, a)
			var omega, left, right, solved mat.Dense
			for range 200 {
				left.Mul(growthtest.Mul(alpha, m), alpha.T())
				right.Mul(alpha, p)
				if err := solved.Solve(&left, &right); err != nil {
					t.Fatal(err)
				}
				omega.CloneFrom(solved.T()) // (columns, 2)
				var scale, back, next mat.Dense
				scale.Mul(omega.T(), &omega)
				back.Mul(omega.T(), p.T())
				if err := next.Solve(&scale, &back); err != nil { // alpha m = next
					t.Fatal(err)
				}
				var inverse mat.Dense
				if err := inverse.Inverse(m); err != nil {
					t.Fatal(err)
				}
				alpha = growthtest.Mul(&next, &inverse)
			}
			bound := mat.Trace(growthtest.Mul(&omega, alpha, m, alpha.T(), omega.T())) - 2*mat.Trace(growthtest.Mul(&omega, alpha, p))
			if bound < -growthtest.Squares(n.Lambda)*(1+1e-8) {
				t.Errorf("%s: another pair reaches %g, ours %g (%d columns)", s.name, bound, -growthtest.Squares(n.Lambda), columns)
			}
		}
	}
}

// P7 for all kinds: what two neurons leave has the rest of the spectrum.
func TestP07OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		_, proj, all := s.neurons(4)
		_, _, two := s.neurons(2)
		m := s.metric()
		left := growthtest.Sub(s.products(proj), growthtest.Mul(m, two.Alpha.T(), two.Omega.T()))
		rest := solve.BestNeurons(m, left, 2, linalg.Inversion{Threshold: growthtest.Tight})
		for j, l := range rest.Lambda[:min(len(rest.Lambda), len(all.Lambda)-2)] {
			growthtest.Close(t, s.name+": lambda", l, all.Lambda[2+j], 1e-7)
		}
	}
}

// P15 to P18 for all kinds: scale of the loss, linear maps and copies of the
// inputs, rotations of the outputs.
func TestP15P16P17P18OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		u, _, want := s.neurons(3)
		same := func(what string, other sampled, factor float64) {
			t.Helper()
			v, _, got := other.neurons(3)
			growthtest.Close(t, s.name+", "+what+": Psi^2", v.Psi2, factor*factor*u.Psi2, 1e-8)
			for j := range want.Lambda {
				growthtest.Close(t, s.name+", "+what+": lambda", got.Lambda[j], factor*want.Lambda[j], 1e-7)
			}
		}
		other := s
		other.v = growthtest.Scaled(5, s.v)
		same("loss times 5", other, 5)
		_, _, got := other.neurons(3)
		growthtest.Near(t, s.name+": the change of the loss times 5", other.delta(got), growthtest.Scaled(5, s.delta(want)), 1e-6)

		_, a := s.bt.Dims()
		other = s
		other.bt = growthtest.Mul(s.bt, growthtest.Normal(70, a, a))
		same("inputs mapped", other, 1)
		_, _, got = other.neurons(3)
		growthtest.Near(t, s.name+": the change with mapped inputs", other.delta(got), s.delta(want), 1e-6)

		rows, _ := s.bt.Dims()
		other = s
		other.bt = mat.NewDense(rows, a+2, nil) // one input twice, one dead
		for i := range rows {
			other.bt.SetRow(i, append(append([]float64{}, s.bt.RawRowView(i)...), s.bt.At(i, 0), 0))
		}
		same("a copied and a dead input", other, 1)

		_, c := s.v.Dims()
		var qr mat.QR
		qr.Factorize(growthtest.Normal(80, c, c))
		var q mat.Dense
		qr.QTo(&q)
		other = s
		other.v = growthtest.Mul(s.v, q.T())
		same("outputs rotated", other, 1)
		_, _, got = other.neurons(3)
		growthtest.Near(t, s.name+": the rotated change", other.delta(got), growthtest.Mul(s.delta(want), q.T()), 1e-6)
	}
}

// P14, P19 and P20 for all kinds: doubled samples, reachable and noisy targets,
// and outgoing weights that sum to zero over classes.
func TestP14P19P20OfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		u, _, want := s.neurons(16)
		twice := s
		stack := func(m *mat.Dense) *mat.Dense {
			var d mat.Dense
			d.Stack(m, m)
			return &d
		}
		twice.bt, twice.b1, twice.v, twice.n = stack(s.bt), stack(s.b1), stack(s.v), 2*s.n
		_, _, got := twice.neurons(16)
		growthtest.Close(t, s.name+": lambda of doubled samples", got.Lambda[0], want.Lambda[0], 1e-9)

		_, b := s.b1.Dims()
		_, c := s.v.Dims()
		reachable := s
		reachable.v = growthtest.Mul(s.b1, growthtest.Normal(90, b, c))
		if v := reachable.update(); v.Share() > 1e-9 {
			t.Errorf("%s: bottleneck %g of a reachable target", s.name, v.Share())
		}

		k, _ := want.Alpha.Dims()
		if k > (c-1)*s.area {
			t.Errorf("%s: %d directions of %d classes and %d offsets", s.name, k, c, s.area)
		}
		for j, l := range want.Lambda {
			if l < 1e-6*want.Lambda[0] {
				continue
			}
			for e := range s.area {
				var sum, size float64
				for o := range c {
					sum += want.Omega.At(o*s.area+e, j)
					size += math.Abs(want.Omega.At(o*s.area+e, j))
				}
				if math.Abs(sum) > 1e-4*size+1e-9*math.Sqrt(u.Psi2) {
					t.Errorf("%s: outgoing weights of neuron %d sum to %g of %g", s.name, j, sum, size)
				}
			}
		}
	}
}

// P27 for all kinds: for targets that are noise sum lambda^2 is a Psi^2 / rows,
// as the journal's chance says, and so shrinks with the samples.
func TestP27ChanceOfAllKinds(t *testing.T) {
	for _, s := range kindsOfSites(t) {
		rows, c := s.v.Dims()
		_, a := s.bt.Dims()
		var mean float64
		const trials = 20
		for seed := range uint64(trials) {
			noise := rng.New(99, seed)
			v := mat.NewDense(rows, c, nil)
			for i := range rows {
				for o := range c {
					v.Set(i, o, noise.Normal(uint64(i*c+o)))
				}
			}
			n := solve.BestNeurons(s.metric(), s.products(v), 1, linalg.Inversion{Threshold: growthtest.Tight})
			mean += n.Total / (linalg.SumSquares(v) / s.n) / trials
		}
		if want := float64(a) / float64(rows); mean < 0.7*want || mean > 1.3*want {
			t.Errorf("%s: noise gives %g of Psi^2, chance says %g", s.name, mean, want)
		}
	}
}
