package solve

import (
	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// WhitenOutputs returns N G^{-1/2}: n is (a, c E) in column order (output,
// offset), the result (a, r E) in the order (direction, offset).
func WhitenOutputs(g *linalg.Whitening, n *mat.Dense, outputs int) *mat.Dense {
	a, columns := n.Dims()
	offsets, rank := columns/outputs, g.Rank()
	out := mat.NewDense(a, max(1, rank*offsets), nil)
	for e := range offsets {
		block := mat.NewDense(outputs, a, nil)
		for o := range outputs {
			for i := range a {
				block.Set(o, i, n.At(i, o*offsets+e))
			}
		}
		y := g.Whiten(block)
		for d := range rank {
			for i := range a {
				out.Set(i, d*offsets+e, y.At(d, i))
			}
		}
	}
	return out
}

// UnwhitenOutputs returns G^{-1/2} omega for omega (r E, k): (c E, k).
func UnwhitenOutputs(g *linalg.Whitening, omega *mat.Dense) *mat.Dense {
	rows, k := omega.Dims()
	rank := g.Rank()
	offsets := rows / rank
	var out *mat.Dense
	for e := range offsets {
		block := mat.NewDense(rank, k, nil)
		for d := range rank {
			for j := range k {
				block.Set(d, j, omega.At(d*offsets+e, j))
			}
		}
		y := g.Unwhiten(block)
		c, _ := y.Dims()
		if out == nil {
			out = mat.NewDense(c*offsets, k, nil)
		}
		for o := range c {
			for j := range k {
				out.Set(o*offsets+e, j, y.At(o, j))
			}
		}
	}
	return out
}
