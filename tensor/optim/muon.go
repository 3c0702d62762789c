package optim

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// matrix is what the update of a convolution's weights by Muon needs: rows x cols
// weights, one row an output, and memory. It follows K. Jordan's Muon for CIFAR-10
// (airbench94_muon): Nesterov's momentum, made orthogonal by three steps of a
// Newton-Schulz iteration.
type matrix struct {
	rows, cols int
	normed     bool
	x, next    []float32 // rows x cols: the direction, and room for the next one
	gram, poly []float32 // order x order, of the smaller side
	scratch    []float32
	keep       float32 // factor on the weights in the update at hand
	step       float32 // factor on the direction, to be taken off
}

func newMatrix(t Tensor) *matrix {
	m := &matrix{rows: t.Rows, cols: t.Len / t.Rows, normed: t.Normed, x: make([]float32, t.Len), next: make([]float32, t.Len)}
	n := m.order()
	m.gram, m.poly = make([]float32, n*n), make([]float32, n*n)
	room := kernel.GemmScratchLen(kernel.ProductShape{M: n, N: n, K: max(m.rows, m.cols)})
	product := kernel.ProductShape{M: m.rows, N: m.cols, K: n}
	m.scratch = make([]float32, max(room, kernel.GemmScratchLen(product)))
	return m
}

// order is the length of the smaller side, that of the Gram matrix.
func (m *matrix) order() int { return min(m.rows, m.cols) }

// direct moves the velocity and sets the direction and the factors of the update.
func (m *matrix) direct(params, grad, velocity []float32, u Update) {
	mu := float32(u.o.config.Muon.Momentum)
	for i, g := range grad {
		g = float32(g * u.sgd[0].Scale)
		v := float32(mu*velocity[i]) + g
		velocity[i] = v
		m.x[i] = g + float32(mu*v)
	}
	m.orthogonalize()
	lr := u.muonLR
	m.keep, m.step = float32(1-float64(lr*u.o.config.WeightDecay)), float32(lr*math.Sqrt(max(1, float64(m.rows)/float64(m.cols))))
	if m.normed {
		m.keep, m.step = 1, float32(lr)
		if norm := math.Sqrt(squares(params)); norm > 0 {
			m.keep = float32(math.Sqrt(float64(m.rows)) / norm)
		}
	}
}

// The polynomial of the iteration, [muon].
const nsA, nsB, nsC = 3.4445, -4.7750, 2.0315

// nsSteps is how often it is applied.
const nsSteps = 3

// orthogonalize takes x to about the nearest matrix of singular values 1:
// x <- x / |x|, then x <- a x + (b g + c g g) x with g = x x', of the smaller side.
func (m *matrix) orthogonalize() {
	norm := math.Sqrt(squares(m.x))
	if norm == 0 {
		return
	}
	inverse := float32(1 / (norm + 1e-7))
	for i, v := range m.x {
		m.x[i] = float32(v * inverse)
	}
	n := m.order()
	gram, poly := kernel.RowMajor(m.gram, n), kernel.RowMajor(m.poly, n)
	for range nsSteps {
		x, next := kernel.RowMajor(m.x, m.cols), kernel.RowMajor(m.next, m.cols)
		wide := x
		if m.rows > m.cols {
			wide = x.T()
		}
		kernel.Syrk(gram, wide, false, m.scratch)
		mirror(m.gram, n)
		kernel.Syrk(poly, gram, false, m.scratch)
		mirror(m.poly, n)
		for i, g := range m.gram {
			m.poly[i] = float32(nsB*g) + float32(nsC*m.poly[i])
		}
		for i, v := range m.x {
			m.next[i] = float32(nsA * v)
		}
		if m.rows > m.cols {
			kernel.Gemm(next, x, poly, true, m.scratch)
		} else {
			kernel.Gemm(next, poly, x, true, m.scratch)
		}
		m.x, m.next = m.next, m.x
	}
}

// mirror copies the upper triangle of an n x n matrix below its diagonal.
func mirror(a []float32, n int) {
	for i := range n {
		for j := range i {
			a[i*n+j] = a[j*n+i]
		}
	}
}

// apply updates the part of the weights that begins at element from.
func (m *matrix) apply(params []float32, from int) {
	for i, d := range m.x[from:][:len(params)] {
		params[i] = float32(m.keep*params[i]) - float32(m.step*d)
	}
}

// squares returns the sum of squares of x, in order.
func squares(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(float64(v) * float64(v))
	}
	return sum
}
