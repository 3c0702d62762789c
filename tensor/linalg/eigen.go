package linalg

import (
	"math"
	"slices"
)

// eigenSym returns the eigenvalues of the symmetric matrix a (n, n), row-major,
// descending, and unit eigenvectors as the rows of vectors (n, n). It reads the
// lower triangle and spoils a, which must be finite.
//
// Householder reflections make the matrix tridiagonal, implicit QR steps with
// Wilkinson's shift make it diagonal. Eigenvalues are good to rounding of the
// largest.
func eigenSym(a []float64, n int) (values []float64, vectors []float64) {
	size := scaleToOne(a)
	t := tridiagonal{diagonal: make([]float64, n), beside: make([]float64, n), vectors: make([]float64, n*n), n: n}
	t.reduce(a)
	t.diagonalise()
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case t.diagonal[i] > t.diagonal[j]:
			return -1
		case t.diagonal[i] < t.diagonal[j]:
			return 1
		}
		return 0
	})
	values, vectors = make([]float64, n), make([]float64, n*n)
	for to, from := range order {
		values[to] = math.Ldexp(t.diagonal[from], size)
		copy(vectors[to*n:][:n], t.vectors[from*n:])
	}
	return values, vectors
}

// scaleToOne multiplies a by 2^-size, such that no element is above one, and returns size.
func scaleToOne(a []float64) (size int) {
	largest := 0.0
	for _, v := range a {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	_, size = math.Frexp(largest)
	for i, v := range a {
		a[i] = math.Ldexp(v, -size)
	}
	return size
}

// tridiagonal is a symmetric tridiagonal matrix T, and Q of A = Q'T Q.
type tridiagonal struct {
	n        int
	diagonal []float64
	beside   []float64 // element i lies between diagonal elements i and i+1
	vectors  []float64 // Q, row-major
}

// reduce makes T and Q of the lower triangle of a, which it spoils.
func (t *tridiagonal) reduce(a []float64) {
	n := t.n
	factors, w := make([]float64, n), make([]float64, n)
	column := make([]float64, n)
	for k := range n - 1 {
		t.diagonal[k] = a[k*n+k]
		x := column[:n-k-1]
		for i := range x {
			x[i] = a[(k+1+i)*n+k]
		}
		t.beside[k], factors[k] = reflector(x)
		for i, v := range x { // kept for Q
			a[(k+1+i)*n+k] = v
		}
		if factors[k] != 0 {
			reflectBothSides(a[(k+1)*n+k+1:], n, x, factors[k], w[:len(x)])
		}
	}
	if n > 0 {
		t.diagonal[n-1] = a[n*n-1]
	}
	t.gather(a, factors, column)
}

// reflector overwrites x by v of the reflection I - f v v' that takes x to
// (value, 0, ...), and returns value and f; f is 0 if x is so already.
func reflector(x []float64) (value, f float64) {
	var rest float64
	for _, v := range x[1:] {
		rest += float64(v * v)
	}
	if rest == 0 {
		return x[0], 0
	}
	norm := math.Sqrt(float64(x[0]*x[0]) + rest)
	value = -math.Copysign(norm, x[0])
	x[0] -= value // both have the same sign: nothing cancels
	return value, 2 / (float64(x[0]*x[0]) + rest)
}

// reflectBothSides computes H a H for H = I - f v v' on the lower triangle of
// a, of stride ld. w is room of v's length.
func reflectBothSides(a []float64, ld int, v []float64, f float64, w []float64) {
	clear(w)
	for i, vi := range v { // w = a v
		row := a[i*ld : i*ld+i]
		sum := float64(a[i*ld+i] * vi)
		for j, x := range row {
			sum += float64(x * v[j])
			w[j] += float64(x * vi)
		}
		w[i] += sum
	}
	half := float64(f * dot(w, v) / 2)
	for i := range w {
		w[i] = float64(f * (w[i] - float64(half*v[i])))
	}
	for i, vi := range v {
		row, wi := a[i*ld:i*ld+i+1], w[i]
		for j := range row {
			row[j] -= float64(vi*w[j]) + float64(wi*v[j])
		}
	}
}

// gather multiplies the reflections, whose vectors stand below a's diagonal.
func (t *tridiagonal) gather(a, factors, column []float64) {
	n := t.n
	for i := range n {
		t.vectors[i*n+i] = 1
	}
	for k := n - 2; k >= 0; k-- {
		if factors[k] == 0 {
			continue
		}
		v := column[:n-k-1]
		for i := range v {
			v[i] = a[(k+1+i)*n+k]
		}
		for i := range v { // Q := Q H on the rows and columns behind k
			row := t.vectors[(k+1+i)*n+k+1 : (k+2+i)*n]
			subtractMultiple(row, float64(factors[k]*dot(row, v)), v)
		}
	}
}

// maxSweeps is how many QR steps an eigenvalue may take; two or three are usual.
const maxSweeps = 50

// diagonalise makes the elements beside the diagonal zero.
func (t *tridiagonal) diagonalise() {
	for hi, steps := t.n-1, 0; hi > 0; {
		if t.negligible(hi-1) || steps == maxSweeps {
			t.beside[hi-1] = 0
			hi, steps = hi-1, 0
			continue
		}
		lo := hi - 1
		for lo > 0 && !t.negligible(lo-1) {
			lo--
		}
		t.step(span{lo, hi + 1})
		steps++
	}
}

// negligible reports whether the element between i and i+1 is rounding of its neighbours.
func (t *tridiagonal) negligible(i int) bool {
	const epsilon = 1.0 / (1 << 53)
	return math.Abs(t.beside[i]) <= epsilon*(math.Abs(t.diagonal[i])+math.Abs(t.diagonal[i+1]))
}

// step makes one implicit QR step on a block of rows.
func (t *tridiagonal) step(rows span) {
	d, e, lo, hi := t.diagonal, t.beside, rows.lo, rows.hi-1
	x, z := d[lo]-t.shift(hi), e[lo]
	for k := lo; k < hi; k++ {
		r := math.Sqrt(float64(x*x) + float64(z*z))
		c, s := 1.0, 0.0
		if r > 0 {
			c, s = x/r, z/r
		}
		if k > lo {
			e[k-1] = r
		}
		left, right, between := d[k], d[k+1], e[k]
		cross := float64(2 * float64(float64(c*s)*between))
		cc, ss := float64(c*c), float64(s*s)
		d[k] = float64(cc*left) + float64(cross) + float64(ss*right)
		d[k+1] = float64(ss*left) - float64(cross) + float64(cc*right)
		e[k] = float64(float64(c*s)*(right-left)) + float64((cc-ss)*between)
		if k < hi-1 {
			x, z = e[k], float64(s*e[k+1])
			e[k+1] = float64(c * e[k+1])
		}
		rotation{c, s}.turn(t.vectors[k*t.n:][:t.n], t.vectors[(k+1)*t.n:][:t.n])
	}
}

// shift returns the eigenvalue of the 2 x 2 matrix of rows i-1 and i, (a b; b c),
// that is nearer to c.
func (t *tridiagonal) shift(i int) float64 {
	a, b, c := t.diagonal[i-1], t.beside[i-1], t.diagonal[i]
	delta := float64((a - c) / 2)
	if delta == 0 && b == 0 {
		return c
	}
	root := math.Sqrt(float64(delta*delta) + float64(b*b))
	return c - float64(b*b)/(delta+math.Copysign(root, delta))
}

// A rotation turns a plane by the angle of cosine c and sine s.
type rotation struct{ c, s float64 }

// turn replaces rows p and q by c p + s q and c q - s p.
func (r rotation) turn(p, q []float64) {
	c, s := r.c, r.s
	for i, x := range p {
		y := q[i]
		p[i] = float64(c*x) + float64(s*y)
		q[i] = float64(c*y) - float64(s*x)
	}
}
