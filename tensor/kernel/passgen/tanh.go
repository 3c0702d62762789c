package main

var (
	_ = register(function{"Tanh", "sets out = tanh x.", []string{"x"}, tanh(input(0))})

	_ = register(function{"TanhBackward", "sets out = dy (1 - y y).", []string{"dy", "y"},
		mul(input(0), sub(constant(1), square(input(1))))})
)

// tanh returns the hyperbolic tangent of x, within 3e-7 relative. Near zero
// (tanh(x)/x - 1)/(x x) is a polynomial in x x (Cephes tanhf).
func tanh(x *expression) *expression {
	z := abs(x)
	e := exponential(mul(z, constant(-2)))
	large := signed(div(sub(constant(1), e), add(constant(1), e)), x)
	s := square(x)
	rest := polynomial(s, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	small := add(mul(mul(rest, s), x), x)
	return where(z, constant(0.625), large, small)
}
