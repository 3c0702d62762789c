package main

var (
	_ = register(function{"GELU", "sets out = x/2 (1 + erf(x / sqrt 2)).", []string{"x"}, gelu(input(0))})

	_ = register(function{"GELUBackward",
		"sets out = dy gelu'(x), where gelu'(x) is\n// (1 + erf(x / sqrt 2))/2 + x exp(-x x/2)/sqrt(2 pi).",
		[]string{"dy", "x"}, geluBackward()})
)

func gelu(x *expression) *expression { return mul(x, normalCDF(x)) }

func geluBackward() *expression {
	x := input(1)
	bell := mul(exponential(mul(square(x), constant(-0.5))), constant(0.39894228040143268))
	return mul(input(0), add(normalCDF(x), mul(x, bell)))
}

// normalCDF returns (1 + erf(x / sqrt 2))/2, within 2e-7 absolute: log(erfc(z)/t)
// + z z is a polynomial in t = 1/(1 + z/2) (Numerical Recipes erfcc).
func normalCDF(x *expression) *expression {
	z := mul(abs(x), constant(0.70710678118654752))
	t := div(constant(1), add(mul(z, constant(0.5)), constant(1)))
	log := polynomial(t, 0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807,
		-0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223)
	tail := mul(mul(exponential(sub(log, square(z))), t), constant(0.5))
	return where(constant(0), x, tail, sub(constant(1), tail))
}
