package portable

// CosPi returns cos(pi x) for x in [0, 1], as the sine of pi (1/2 - x) by its
// Taylor polynomial of degree 23; absolute error below 3e-16.
func CosPi(x float64) float64 {
	z := float64(3.14159265358979311600 * (0.5 - x))
	return float64(z * horner(sinC[:], float64(z*z)))
}

var sinC = [...]float64{1, -1. / 6, 1. / 120, -1. / 5040, 1. / 362880, -1. / 39916800, 1. / 6227020800, -1. / 1307674368000,
	1. / 355687428096000, -1. / 121645100408832000, 1. / 51090942171709440000, -1. / 25852016738884976640000}

// PowInt returns x to the n by repeated squaring.
func PowInt(x float64, n uint64) float64 {
	y := 1.0
	for ; n > 0; n /= 2 {
		if n%2 == 1 {
			y = float64(y * x)
		}
		x = float64(x * x)
	}
	return y
}
