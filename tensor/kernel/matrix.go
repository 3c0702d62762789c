package kernel

// A Matrix is Rows x Cols numbers that lie row by row in Data, rows Stride
// apart; if it is Transposed, its columns lie so.
type Matrix[E float32 | float64] struct {
	Rows, Cols int
	Data       []E
	Stride     int
	Transposed bool
}

// RowMajor returns the rows of the given length that data consists of.
func RowMajor[E float32 | float64](data []E, cols int) Matrix[E] {
	return Matrix[E]{Rows: len(data) / max(1, cols), Cols: cols, Data: data, Stride: cols}
}

// T returns the transpose of m, on the same numbers.
func (m Matrix[E]) T() Matrix[E] {
	m.Rows, m.Cols, m.Transposed = m.Cols, m.Rows, !m.Transposed
	return m
}

// check panics with name unless Data holds the matrix.
func (m Matrix[E]) check(name string) {
	if m.Transposed {
		m = m.T()
	}
	if m.Rows < 0 || m.Cols < 0 || m.Stride < m.Cols {
		panic(name + ": impossible shape")
	}
	if m.Rows > 0 && m.Cols > 0 && len(m.Data) < (m.Rows-1)*m.Stride+m.Cols {
		panic(name + ": slice too short")
	}
}

// clear zeroes m, which is not transposed.
func (m Matrix[E]) clear() {
	for i := range m.Rows {
		clear(m.Data[i*m.Stride:][:m.Cols])
	}
}

// ProductShape is the shape of a matrix product: (M, K) times (K, N) is (M, N).
type ProductShape struct{ M, N, K int }

// productShape returns the shape of c = a b, and panics with name unless the
// three fit and hold what they say.
func productShape[E float32 | float64](name string, c, a, b Matrix[E]) ProductShape {
	a.check(name + ": a")
	b.check(name + ": b")
	c.check(name + ": c")
	if c.Transposed || a.Cols != b.Rows || c.Rows != a.Rows || c.Cols != b.Cols {
		panic(name + ": the matrices do not fit")
	}
	return ProductShape{M: c.Rows, N: c.Cols, K: a.Cols}
}
