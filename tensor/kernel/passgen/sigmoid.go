package main

var (
	_ = register(function{"Sigmoid", "sets out = 1/(1 + exp(-x)).", []string{"x"}, logistic(input(0))})

	_ = register(function{"SigmoidBackward", "sets out = dy y (1 - y).", []string{"dy", "y"},
		mul(input(0), mul(input(1), sub(constant(1), input(1))))})

	_ = register(function{"HardSigmoid", "sets out = x/6 + 1/2, but at least 0 and at most 1.", []string{"x"}, hardSigmoid(input(0))})

	_ = register(function{"HardSigmoidBackward", "sets out = dy/6 where -3 < x < 3, else 0.", []string{"dy", "x"},
		between3(input(1), constant(0), mul(input(0), constant(sixth)), constant(0))})

	_ = register(function{"HardSwish", "sets out = x h, h = x/6 + 1/2, but at least 0 and at most 1.", []string{"x"},
		mul(input(0), hardSigmoid(input(0)))})

	_ = register(function{"HardSwishBackward", "sets out = dy (x/3 + 1/2) where -3 < x < 3, 0 below, dy above.", []string{"dy", "x"},
		mul(input(0), between3(input(1), constant(0), add(mul(input(1), constant(1./3)), constant(0.5)), constant(1)))})
)

const sixth = 1. / 6

func hardSigmoid(x *expression) *expression {
	v := add(mul(x, constant(sixth)), constant(0.5))
	return where(v, constant(1), constant(1), atLeast(v, constant(0)))
}

// between3 returns low where x is at most -3, high where it is at least 3, else middle.
func between3(x, low, middle, high *expression) *expression {
	return where(constant(3), x, where(x, constant(-3), middle, low), high)
}
