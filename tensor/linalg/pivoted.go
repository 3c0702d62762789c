package linalg

import "math"

// choleskyPivoted overwrites the upper triangle of a, row-major of order n, by
// the first rank rows of U, where U'U is a with rows and columns in the order
// of pivots. It takes the largest diagonal element that is left (the first of
// equals) and stops where none is above threshold; rows from rank on are spoilt.
func choleskyPivoted(a []float64, n int, threshold float64) (pivots []int, rank int) {
	all := matrix{Rows: n, Cols: n, Data: a, Stride: n}
	f := pivoting{a: a, n: n, pivots: make([]int, n), taken: make([]float64, n)}
	for i := range f.pivots {
		f.pivots[i] = i
	}
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	for first := 0; first < n; first += panel {
		end := min(n, first+panel)
		f.first = first
		clear(f.taken[first:])
		for j := first; j < end; j++ {
			if !f.row(j, threshold) {
				return f.pivots, j
			}
		}
		for i := end; i < n; i += panel { // what is right of the diagonal, a few rows at a time
			rows, done := span{i, min(i+panel, n)}, span{first, end}
			p.subtract(part(all, rows, span{i, n}), part(all, done, rows).T(), part(all, done, span{i, n}))
		}
	}
	return f.pivots, n
}

// pivoting is the state of choleskyPivoted.
type pivoting struct {
	a      []float64
	n      int
	first  int // first row of the panel
	pivots []int
	taken  []float64 // what the panel's rows so far take off each diagonal element
}

// row finds row j of U, or reports that no pivot is above threshold.
func (f *pivoting) row(j int, threshold float64) bool {
	a, n, first := f.a, f.n, f.first
	best, largest := j, math.Inf(-1)
	for i := j; i < n; i++ {
		if j > first {
			f.taken[i] += float64(a[(j-1)*n+i] * a[(j-1)*n+i])
		}
		if d := a[i*n+i] - f.taken[i]; d > largest {
			best, largest = i, d
		}
	}
	if !(largest > threshold) {
		return false
	}
	f.exchange(j, best)
	row := a[j*n : (j+1)*n]
	row[j] = math.Sqrt(largest)
	for k := first; k < j; k++ {
		above := a[k*n : (k+1)*n]
		subtractMultiple(row[j+1:], above[j], above[j+1:])
	}
	divide(row[j+1:], row[j])
	return true
}

// exchange swaps rows and columns i and j, i <= j, of the symmetric matrix and
// columns of the rows that are done.
func (f *pivoting) exchange(i, j int) {
	if i == j {
		return
	}
	a, n := f.a, f.n
	f.pivots[i], f.pivots[j] = f.pivots[j], f.pivots[i]
	f.taken[i], f.taken[j] = f.taken[j], f.taken[i]
	a[i*n+i], a[j*n+j] = a[j*n+j], a[i*n+i]
	for k := range i {
		a[k*n+i], a[k*n+j] = a[k*n+j], a[k*n+i]
	}
	for k := i + 1; k < j; k++ {
		a[i*n+k], a[k*n+j] = a[k*n+j], a[i*n+k]
	}
	for k := j + 1; k < n; k++ {
		a[i*n+k], a[j*n+k] = a[j*n+k], a[i*n+k]
	}
}
