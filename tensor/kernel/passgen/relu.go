package main

var (
	_ = register(function{"Add", "sets out = a + b.", []string{"a", "b"}, add(input(0), input(1))})

	_ = register(function{"ReLU", "sets out = x where x is not below 0, else 0; NaN stays.", []string{"x"},
		atLeast(input(0), constant(0))})

	_ = register(function{"ReLUBackward", "sets out = dy where y > 0, else 0.", []string{"dy", "y"},
		where(input(1), constant(0), input(0), constant(0))})

	_ = register(function{"AddReLUBackward",
		"sets out = a + b where y > 0, else 0: the gradient of a\n// rectified output that two nodes read.",
		[]string{"a", "b", "y"}, where(input(2), constant(0), add(input(0), input(1)), constant(0))})
)
