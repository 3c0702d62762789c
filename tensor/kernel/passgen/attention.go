package main

// The passes of softmax over the rows of scores of one query.

var (
	_ = registerSweep(sweep{name: "scoreTop", doc: "raises top to the largest s.",
		folds:  []result{{"top", atLeast(input(0), input(folded))}},
		params: []parameter{{"s", ofRows}}})

	_ = registerSweep(scoreExp())

	_ = registerSweep(sweep{name: "scoreShare", doc: "sets p = e / sum.",
		outs:   []result{{"p", div(input(0), input(1))}},
		params: []parameter{{"e", ofRows}, {"sum", ofLanes}}})

	_ = registerSweep(sweep{name: "scoreDot", doc: "adds p dp to sum.",
		folds:  []result{{"sum", plus(0, mul(input(0), input(1)))}},
		params: []parameter{{"p", ofRows}, {"dp", ofRows}}})

	_ = registerSweep(sweep{name: "scoreBackward", doc: "sets ds = scale (p (dp - dot)).",
		outs:   []result{{"ds", mul(input(3), mul(input(0), sub(input(1), input(2))))}},
		params: []parameter{{"p", ofRows}, {"dp", ofRows}, {"dot", ofLanes}, {"scale", ofOne}}})

	_ = registerSweep(sweep{name: "rowShift", doc: "sets y = x + shift.",
		outs:   []result{{"y", add(input(0), input(1))}},
		params: []parameter{{"x", ofRows}, {"shift", ofValues}}})
)

func scoreExp() sweep {
	e := exponential(mul(sub(input(0), input(1)), input(2)))
	return sweep{name: "scoreExp", doc: "sets e = exp(scale (s - top)) and adds it to sum; scale is not below 0, s not above top.",
		outs:   []result{{"e", e}},
		folds:  []result{{"sum", plus(0, e)}},
		params: []parameter{{"s", ofRows}, {"top", ofLanes}, {"scale", ofOne}}}
}
