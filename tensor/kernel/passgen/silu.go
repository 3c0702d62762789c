package main

var (
	_ = register(function{"SiLU", "sets out = x s(x), s(x) = 1/(1 + exp(-x)).", []string{"x"}, silu(input(0))})

	_ = register(function{"SiLUBackward", "sets out = dy (s + x s (1 - s)), s = 1/(1 + exp(-x)).", []string{"dy", "x"}, siluBackward()})
)

func silu(x *expression) *expression { return mul(x, logistic(x)) }

func siluBackward() *expression {
	x := input(1)
	s := logistic(x)
	return mul(input(0), add(s, mul(mul(x, s), sub(constant(1), s))))
}

// logistic returns 1/(1 + exp(-x)), within 3e-7 relative above x = -87.
func logistic(x *expression) *expression {
	e := exponential(sub(constant(0), abs(x)))
	one := div(constant(1), add(constant(1), e))
	return where(constant(0), x, mul(e, one), one)
}
