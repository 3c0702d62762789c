package main

var (
	_ = register(function{"Multiply", "sets out = a b.", []string{"a", "b"}, mul(input(0), input(1))})

	_ = register(function{"AddProduct", "sets out = sum + a b.", []string{"sum", "a", "b"}, add(input(0), mul(input(1), input(2)))})
)
