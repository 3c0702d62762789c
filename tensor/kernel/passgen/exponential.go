package main

// polynomial evaluates a polynomial, its coefficients highest power first.
func polynomial(x *expression, coefficients ...float32) *expression {
	y := constant(coefficients[0])
	for _, c := range coefficients[1:] {
		y = add(mul(y, x), constant(c))
	}
	return y
}

// exponential returns exp(x) for x <= 0, within 2e-7 relative above -87 and
// exp(-87) below: x = n ln 2 + r, and (exp(r) - 1 - r)/(r r) is a polynomial
// (Cephes expf).
func exponential(x *expression) *expression {
	x = atLeast(x, constant(-87))
	const magic = 12582912 // 1.5 2^23: adding it rounds to an integer
	shifted := add(mul(x, constant(1.44269504088896341)), constant(magic))
	n := sub(shifted, constant(magic))
	// ln 2 in two parts: the first has 9 bits, so that its product with n is exact.
	r := sub(x, mul(n, constant(0.693359375)))
	r = sub(r, mul(n, constant(-2.12194440e-4)))
	y := polynomial(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	y = add(add(mul(y, square(r)), r), constant(1))
	return mul(y, power(shifted))
}

// square returns x x.
func square(x *expression) *expression { return mul(x, x) }
