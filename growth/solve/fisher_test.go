package solve

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// P26: in the metric of G the applied change does not depend on how z is
// parametrised: z -> T z maps V to T^{-T} V and the change to T times itself.
func TestP26FisherInvariance(t *testing.T) {
	p := samplePlain(26, 80, 6, 4, 5)
	change := func(p plain) *mat.Dense {
		u := p.update()
		n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
		g := linalg.Whiten(growthtest.Sym(p.mean(p.v, p.v)), linalg.Inversion{Threshold: growthtest.Tight})
		s := BestNeurons(growthtest.Sym(p.mean(p.b2, p.b2)), WhitenOutputs(g, n, 5), 3, linalg.Inversion{Threshold: growthtest.Tight})
		s.Omega = UnwhitenOutputs(g, s.Omega)
		return p.delta(s, 3)
	}
	want := change(p)
	for _, transform := range []*mat.Dense{growthtest.Scaled(7, eye(5)), growthtest.Normal(260, 5, 5)} {
		var inverse mat.Dense
		if err := inverse.Inverse(transform); err != nil {
			t.Fatal(err)
		}
		q := p
		q.v = growthtest.Mul(p.v, &inverse)
		growthtest.Near(t, "change", change(q), growthtest.Mul(want, transform.T()), 1e-7)
	}
}

func eye(n int) *mat.Dense {
	d := mat.NewDense(n, n, nil)
	for i := range n {
		d.Set(i, i, 1)
	}
	return d
}

// Whitened outputs of a full kernel come back in their own order.
func TestWhitenOutputsOfKernels(t *testing.T) {
	g := linalg.Whiten(growthtest.Sym(growthtest.Mul(growthtest.Normal(1, 3, 9), growthtest.Normal(1, 3, 9).T())),
		linalg.Inversion{Threshold: growthtest.Tight})
	n := growthtest.Normal(2, 7, 3*4)
	y := WhitenOutputs(g, n, 3)
	back := UnwhitenOutputs(g, mat.DenseCopyOf(y.T())) // G^{-1} n'
	for e := range 4 {
		block, got := mat.NewDense(3, 7, nil), mat.NewDense(3, 7, nil)
		for o := range 3 {
			for i := range 7 {
				block.Set(o, i, n.At(i, o*4+e))
				got.Set(o, i, back.At(o*4+e, i))
			}
		}
		growthtest.Near(t, "G^-1 n", got, g.Solve(block), 1e-10)
	}
}
