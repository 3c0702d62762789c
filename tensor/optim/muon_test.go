package optim

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// times returns the product of two matrices, row by row in float64.
func times(a, b [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(b[0]))
		for j := range out[i] {
			for k := range b {
				out[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return out
}

func transposed(a [][]float64) [][]float64 {
	out := make([][]float64, len(a[0]))
	for j := range out {
		for i := range a {
			out[j] = append(out[j], a[i][j])
		}
	}
	return out
}

func norm(a [][]float64) float64 {
	sum := 0.0
	for _, row := range a {
		for _, v := range row {
			sum += v * v
		}
	}
	return math.Sqrt(sum)
}

// newtonSchulz is zeropower_via_newtonschulz5 of airbench94_muon with 3 steps, in float64.
func newtonSchulz(g [][]float64) [][]float64 {
	if len(g) > len(g[0]) {
		return transposed(newtonSchulz(transposed(g)))
	}
	const a, b, c = 3.4445, -4.7750, 2.0315
	x, size := g, norm(g)
	for i := range x {
		for j := range x[i] {
			x[i][j] /= size + 1e-7
		}
	}
	for range 3 {
		gram := times(x, transposed(x))
		square := times(gram, gram)
		for i := range gram {
			for j := range gram {
				square[i][j] = b*gram[i][j] + c*square[i][j]
			}
		}
		next := times(square, x)
		for i := range next {
			for j := range next[i] {
				next[i][j] += a * x[i][j]
			}
		}
		x = next
	}
	return x
}

// Steps of Muon by the naive formulas in float64: momentum, Newton-Schulz, and, where a normalisation follows, weights
// brought to the norm sqrt(rows) before the direction is taken off; elsewhere weight decay, as in torch.optim.Muon.
func TestMuonAgainstFloat64(t *testing.T) {
	c := Default()
	c.Name, c.WeightDecay, c.Muon = Muon, 0.05, MuonConfig{Factor: 3, Momentum: 0.6}
	o, n := New(c, layout), layout.Len()
	s := rng.New(7)
	params, grad := make([]float32, n), make([]float32, n)
	want, velocity := make([]float64, n), make([]float64, n)
	for i := range params {
		params[i] = float32(s.Normal(uint64(i)))
		want[i] = float64(params[i])
	}
	for step := range 5 {
		lr := 0.1 / float64(step+1)
		for i := range grad {
			grad[i] = float32(16 * s.Normal(uint64((step+1)*n+i)))
		}
		o.Step(params, grad, 1./16, lr)
		at := 0
		for _, l := range layout {
			if l.Kind == Filters {
				rows, cols := l.Rows, l.Len/l.Rows
				g, w := make([][]float64, rows), make([][]float64, rows)
				for i := range rows {
					for j := range cols {
						k := at + i*cols + j
						velocity[k] = 0.6*velocity[k] + float64(grad[k])/16
						g[i] = append(g[i], float64(grad[k])/16+0.6*velocity[k])
						w[i] = append(w[i], want[k])
					}
				}
				rate := 3 * lr // muon's over the other
				keep, take := 1-rate*0.05, rate*math.Sqrt(max(1, float64(rows)/float64(cols)))
				if l.Normed {
					keep, take = math.Sqrt(float64(rows))/norm(w), rate
				}
				for i, row := range newtonSchulz(g) {
					for j, d := range row {
						want[at+i*cols+j] = keep*w[i][j] - take*d
					}
				}
			}
			at += l.Len
		}
	}
	for i := range params {
		if layout.at(i).Kind == Filters && math.Abs(float64(params[i])-want[i]) > 2e-5 {
			t.Fatalf("weight %d of %+v is %v, want %v", i, layout.at(i), params[i], want[i])
		}
	}
}

// A matrix of zeros whose gradient is zero stays, and one with a gradient leaves zero.
func TestMuonLeavesZero(t *testing.T) {
	c := Default()
	c.Name = Muon
	l := Layout{{Kind: Filters, Len: 12, Rows: 3, Normed: true}}
	o, p, g := New(c, l), make([]float32, 12), make([]float32, 12)
	o.Step(p, g, 1, 0.1)
	if p[5] != 0 {
		t.Errorf("moved by nothing to %v", p)
	}
	g[5] = 1e-6
	o.Step(p, g, 1, 0.1)
	if !(math.Abs(float64(p[5])) > 0.02) || p[4] != 0 {
		t.Errorf("moved to %v", p)
	}
}

// The directions of a step for the convolutions of a vgg of 12, 24, 64 and 128 channels.
func BenchmarkMuon(b *testing.B) {
	c := Default()
	c.Name = Muon
	var l Layout
	for _, s := range [][2]int{{12, 27}, {24, 108}, {64, 216}, {128, 576}} {
		l = append(l, Tensor{Kind: Filters, Rows: s[0], Len: s[0] * s[1], Normed: true})
	}
	o, p, g := New(c, l), make([]float32, l.Len()), make([]float32, l.Len())
	for i := range g {
		p[i], g[i] = float32(i%7)-3, float32(i%11)-5
	}
	for b.Loop() {
		o.Step(p, g, 1, 0.1)
	}
}

// A row without a gradient, as that of a channel that nothing comes through, gets no
// direction and shrinks with every update, since the others grow and all are brought back
// to the norm of the whole. It is not frozen by that: the first gradient turns it farther
// than any other row.
func TestARowWithoutAGradientShrinks(t *testing.T) {
	const rows, cols, silent = 6, 18, 2
	c := Default()
	c.Name = Muon
	l := Layout{{Kind: Filters, Len: rows * cols, Rows: rows, Normed: true}}
	o, p, g, s := New(c, l), make([]float32, rows*cols), make([]float32, rows*cols), rng.New(3)
	for i := range p {
		p[i] = float32(s.Normal(uint64(i)) / math.Sqrt(cols))
	}
	length := func(x []float32, row int) float64 { return math.Sqrt(squares(x[row*cols:][:cols])) }
	draw := func(step int, all bool) {
		for i := range g {
			if g[i] = float32(s.Normal(uint64(step*len(g) + i))); i/cols == silent && !all {
				g[i] = 0
			}
		}
	}
	first := append([]float32(nil), p...)
	for step := 1; step <= 1000; step++ {
		draw(step, false)
		o.Step(p, g, 1, 0.2) // Muon's own rate is half of it
	}
	cosine := func(a, b []float32, row int) float64 {
		dot := 0.0
		for i := row * cols; i < (row+1)*cols; i++ {
			dot += float64(float64(a[i]) * float64(b[i]))
		}
		return dot / (length(a, row) * length(b, row))
	}
	if part := length(p, silent) / length(first, silent); part > 0.05 || cosine(p, first, silent) < 1-1e-6 {
		t.Errorf("the silent row has %.3g of its length and a cosine of %v with what it was", part, cosine(p, first, silent))
	}
	before := append([]float32(nil), p...)
	draw(1001, true)
	o.Step(p, g, 1, 0.2)
	for row := range rows {
		if row != silent && cosine(p, before, row) < cosine(p, before, silent) {
			t.Errorf("row %d turned farther than the one that had been silent", row)
		}
	}
}
