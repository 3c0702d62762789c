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

// from returns the triangle of order n that starts at row and column i.
func (u triangle) from(i, n int) triangle {
	return triangle{n: n, stride: u.stride, data: u.data[i*u.stride+i:]}
}

// cholesky overwrites the upper triangle of a, row-major of order n, by U of
// a = U'U. It reports false, and leaves a spoilt, if a is not positive definite.
func cholesky(a []float64, n int) bool {
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	for j := 0; j < n; j += panel {
		end := min(n, j+panel)
		p.subtract(true, end-j, n-j, j, a[j:], n, a[j:], n, a[j*n+j:], n)
		for i := j; i < end; i += strip {
			rows := min(strip, end-i)
			p.subtract(true, rows, n-i, i-j, a[j*n+i:], n, a[j*n+i:], n, a[i*n+i:], n)
			if !choleskyRows(a[i*n+i:], n, rows, n-i) {
				return false
			}
		}
	}
	return true
}

// choleskyRows factors the leading rows of a symmetric matrix of which the
// upper triangle, cols wide, is given.
func choleskyRows(a []float64, stride, rows, cols int) bool {
	for i := range rows {
		row := a[i*stride : i*stride+cols]
		for k := range i {
			above := a[k*stride : k*stride+cols]
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

// solveUpper overwrites y, rows of length cols and stride ld, by the solution
// x of U'x = y (trans) or U x = y.
func solveUpper(trans bool, u triangle, y []float64, ld, cols int) {
	if cols == 0 {
		return
	}
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	p.solve(trans, u, y, ld, cols, panel)
}

// solve solves rows of the given number at a time, each after those that it
// depends on have been subtracted.
func (p *products) solve(trans bool, u triangle, y []float64, ld, cols, rows int) {
	for done := 0; done < u.n; done += rows {
		now := min(rows, u.n-done)
		at := done
		if !trans {
			at = u.n - done - now
		}
		part := y[at*ld:]
		if trans {
			p.subtract(true, now, cols, at, u.data[at:], u.stride, y, ld, part, ld)
		} else if done > 0 {
			p.subtract(false, now, cols, done, u.data[at*u.stride+at+now:], u.stride, y[(at+now)*ld:], ld, part, ld)
		}
		if rows > strip {
			p.solve(trans, u.from(at, now), part, ld, cols, strip)
		} else {
			solveRows(trans, u.from(at, now), part, ld, cols)
		}
	}
}

// solveRows is solveUpper row by row.
func solveRows(trans bool, u triangle, y []float64, ld, cols int) {
	for i := range u.n {
		at := i
		if !trans {
			at = u.n - 1 - i
		}
		row := y[at*ld : at*ld+cols]
		for k := range i {
			if trans {
				subtractMultiple(row, u.data[k*u.stride+at], y[k*ld:k*ld+cols])
			} else {
				j := u.n - 1 - k
				subtractMultiple(row, u.data[at*u.stride+j], y[j*ld:j*ld+cols])
			}
		}
		divide(row, u.data[at*u.stride+at])
	}
}
