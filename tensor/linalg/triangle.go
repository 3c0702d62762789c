package linalg

import "math"

// Rows are solved panel at a time, and strip at a time within a panel, by
// scalar code; all else is matrix products.
const (
	panel = 32
	strip = 8
)

// triangle is an upper triangular matrix of order n, row-major.
type triangle struct {
	n, stride int
	data      []float64
}

// row returns row i from the diagonal on.
func (u triangle) row(i int) []float64 { return u.data[i*u.stride+i : i*u.stride+u.n] }

// part returns the triangle of some rows and the same columns.
func (u triangle) part(rows span) triangle {
	return triangle{n: rows.hi - rows.lo, stride: u.stride, data: u.data[rows.lo*u.stride+rows.lo:]}
}

// all returns u as a square matrix, of which only the upper triangle counts.
func (u triangle) all() matrix { return matrix{Rows: u.n, Cols: u.n, Data: u.data, Stride: u.stride} }

// cholesky overwrites the upper triangle of a, row-major of order n, by U of
// a = U'U. It reports false, and leaves a spoilt, if a is not positive definite.
func cholesky(a []float64, n int) bool {
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	all := matrix{Rows: n, Cols: n, Data: a, Stride: n}
	for j := 0; j < n; j += panel {
		end := min(n, j+panel)
		rows, done := span{j, end}, span{0, j}
		p.subtract(part(all, rows, span{j, n}), part(all, done, rows).T(), part(all, done, span{j, n}))
		for i := j; i < end; i += strip {
			rows, done := span{i, min(i+strip, end)}, span{j, i}
			lead := part(all, rows, span{i, n})
			p.subtract(lead, part(all, done, rows).T(), part(all, done, span{i, n}))
			if !choleskyRows(lead) {
				return false
			}
		}
	}
	return true
}

// choleskyRows factors the leading rows m of a symmetric matrix, of which the
// upper triangle is given.
func choleskyRows(m matrix) bool {
	for i := range m.Rows {
		row := m.Data[i*m.Stride : i*m.Stride+m.Cols]
		for k := range i {
			above := m.Data[k*m.Stride : k*m.Stride+m.Cols]
			subtractMultiple(row[i:], above[i], above[i:])
		}
		if !(row[i] > 0) {
			return false
		}
		row[i] = math.Sqrt(row[i])
		divide(row[i+1:], row[i])
	}
	return true
}

func divide(x []float64, d float64) {
	for i, v := range x {
		x[i] = v / d
	}
}

// solveUpper overwrites y by the solution x of U'x = y (trans) or U x = y.
func solveUpper(trans bool, u triangle, y matrix) {
	if y.Cols == 0 {
		return
	}
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	p.solve(trans, u, y, panel)
}

// solve solves rows of the given number at a time, each after those that it
// depends on have been subtracted.
func (p *products) solve(trans bool, u triangle, y matrix, rows int) {
	for done := 0; done < u.n; done += rows {
		now := min(rows, u.n-done)
		at := done
		if !trans {
			at = u.n - done - now
		}
		these, width := span{at, at + now}, span{0, y.Cols}
		out := part(y, these, width)
		if trans {
			above := span{0, at}
			p.subtract(out, part(u.all(), above, these).T(), part(y, above, width))
		} else if done > 0 {
			below := span{at + now, u.n}
			p.subtract(out, part(u.all(), these, below), part(y, below, width))
		}
		if rows > strip {
			p.solve(trans, u.part(these), out, strip)
		} else {
			solveRows(trans, u.part(these), out)
		}
	}
}

// solveRows is solveUpper row by row.
func solveRows(trans bool, u triangle, y matrix) {
	line := func(i int) []float64 { return y.Data[i*y.Stride : i*y.Stride+y.Cols] }
	for i := range u.n {
		at := i
		if !trans {
			at = u.n - 1 - i
		}
		row := line(at)
		for k := range i {
			if trans {
				subtractMultiple(row, u.data[k*u.stride+at], line(k))
			} else {
				j := u.n - 1 - k
				subtractMultiple(row, u.data[at*u.stride+j], line(j))
			}
		}
		divide(row, u.data[at*u.stride+at])
	}
}
