package main

// The passes of layer and group normalisation over the rows of one group. x is normalised to
// (x - mean) scale, then times weight plus bias of the row's channel.

var (
	_ = registerSweep(sweep{name: "groupSum", doc: "adds x to sum.",
		folds:  []result{{"sum", plus(0, input(0))}},
		params: []parameter{{"x", ofRows}}})

	_ = registerSweep(sweep{name: "groupSquares", doc: "adds (x - mean)^2 to sum.",
		folds:  []result{{"sum", plus(0, square(sub(input(0), input(1))))}},
		params: []parameter{{"x", ofRows}, {"mean", ofLanes}}})

	_ = registerSweep(sweep{name: "groupShare", doc: "sets out = sum / count.",
		outs:   []result{{"out", div(input(0), input(1))}},
		params: []parameter{{"sum", ofRows}, {"count", ofOne}}})

	_ = registerSweep(sweep{name: "groupScale", doc: "sets out = 1 / sqrt(sum / count + eps).",
		outs:   []result{{"out", div(constant(1), root(add(div(input(0), input(1)), input(2))))}},
		params: []parameter{{"sum", ofRows}, {"count", ofOne}, {"eps", ofOne}}})

	_ = registerSweep(sweep{name: "groupNorm", doc: "sets y = weight (x - mean) scale + bias.",
		outs: []result{{"y", add(mul(input(3), normalised(input(0), input(1), input(2))), input(4))}},
		params: []parameter{{"x", ofRows}, {"mean", ofLanes}, {"scale", ofLanes}, {"weight", ofValues},
			{"bias", ofValues}}})

	_ = registerSweep(groupGradients())
	_ = registerSweep(groupBackward())
)

func normalised(x, mean, scale *expression) *expression { return mul(sub(x, mean), scale) }

// groupGradients adds the gradients of weight and bias of each lane, and what the gradient of x needs of the whole group.
func groupGradients() sweep {
	dy, weight := input(2), input(6)
	n := normalised(input(3), input(4), input(5))
	g := mul(dy, weight)
	return sweep{name: "groupGradients",
		doc:   "sets dw = w + dy n and db = b + dy, where n = (x - mean) scale,\n// and adds g = dy weight to gs, and g n to gns.",
		outs:  []result{{"dw", add(input(0), mul(dy, n))}, {"db", add(input(1), dy)}},
		folds: []result{{"gs", plus(0, g)}, {"gns", plus(1, mul(g, n))}},
		params: []parameter{{"w", ofRows}, {"b", ofRows}, {"dy", ofRows}, {"x", ofRows}, {"mean", ofLanes},
			{"scale", ofLanes}, {"weight", ofValues}}}
}

func groupBackward() sweep {
	n := normalised(input(1), input(2), input(3))
	g := mul(input(0), input(4))
	return sweep{name: "groupBackward", doc: "sets dx = ((dy weight - gs) - n gns) scale, where n = (x - mean) scale.",
		outs: []result{{"dx", mul(sub(sub(g, input(5)), mul(n, input(6))), input(3))}},
		params: []parameter{{"dy", ofRows}, {"x", ofRows}, {"mean", ofLanes}, {"scale", ofLanes}, {"weight", ofValues},
			{"gs", ofLanes}, {"gns", ofLanes}}}
}
