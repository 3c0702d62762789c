package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A passCase runs one function on buffers of the given lengths; outputs come
// first. It is run under Generic and under every other instruction set on equal
// inputs, unaligned and between guard words.
type passCase struct {
	name    string
	outputs int
	lengths []int
	run     func(b [][]float32)
}

// sweepExtent says what a parameter of a function over rows holds.
type sweepExtent int

const (
	ofRows   sweepExtent = iota // a row for each row
	ofLanes                     // one row
	ofValues                    // a value for each row
	ofOne                       // one value
)

func passCases(pixels, c int) []passCase {
	n, k := pixels*c*lanes, c*NormCoefs
	odd := n + 5
	list := []passCase{
		{"Moments", 2, []int{c * lanes, c * lanes, n, k}, func(b [][]float32) { Moments(b[0], b[1], b[2], b[3]) }},
		{"AdamW", 3, []int{odd, odd, odd, odd}, func(b [][]float32) {
			for i, v := range b[2] {
				b[2][i] = float32(math.Abs(float64(v)))
			}
			AdamW(b[0], b[3], b[1], b[2], AdamCoefs{Scale: 0.125, Beta1: 0.9, Beta2: 0.99, Rest1: 0.1, Rest2: 0.01, Keep: 0.999, Step: 0.02,
				Root: 1.3, Eps: 1e-8})
		}},
	}
	for _, f := range elementFunctions {
		list = append(list, passCase{f.name, 1, slices.Repeat([]int{odd}, 1+f.inputs), func(b [][]float32) { f.run(b[0], b[1:]) }})
	}
	for _, f := range sweeps {
		rows := pixels * c
		var lengths []int
		for _, e := range f.params {
			lengths = append(lengths, map[sweepExtent]int{ofRows: rows * lanes, ofLanes: lanes, ofValues: rows, ofOne: 1}[e])
		}
		list = append(list, passCase{f.name, f.outputs, lengths, f.run})
	}
	for _, sgd := range []SGDCoefs{
		{Scale: 0.25, LR: 0.1, WeightDecay: 5e-4},
		{Scale: 0.25, LR: 0.1, Momentum: 0.9, WeightDecay: 5e-4},
		{Scale: 0.25, LR: 0.1, Momentum: 0.9, WeightDecay: 5e-4, Nesterov: true},
	} {
		list = append(list, passCase{fmt.Sprintf("SGD%+v", sgd), 2, []int{odd, odd, odd}, func(b [][]float32) { SGD(b[0], b[2], b[1], sgd) }})
	}
	for _, relu := range []bool{false, true} {
		name := fmt.Sprint(relu)
		list = append(list,
			passCase{"Norm" + name, 1, []int{n, n, k}, func(b [][]float32) { Norm(b[0], b[1], b[2], relu) }},
			passCase{"NormInPlace" + name, 1, []int{n, k}, func(b [][]float32) { Norm(b[0], b[0], b[1], relu) }},
			passCase{"NormAdd" + name, 1, []int{n, n, n, k}, func(b [][]float32) { NormAdd(b[0], b[1], b[2], b[3], relu) }},
			passCase{"NormSums" + name, 2, []int{c * lanes, c * lanes, n, n, k},
				func(b [][]float32) { NormSums(b[0], b[1], b[2], b[3], b[4], relu) }},
			passCase{"NormBackward" + name, 1, []int{n, n, n, k}, func(b [][]float32) { NormBackward(b[0], b[1], b[2], b[3], relu) }},
			passCase{"NormBackwardOverDy" + name, 1, []int{n, n, k}, func(b [][]float32) { NormBackward(b[0], b[0], b[1], b[2], relu) }},
		)
	}
	if pixels == 16 {
		w := Window{C: c, H: 4, W: 4, KH: 3, KW: 3, Stride: 2, Pad: 1}
		out := n / 4
		list = append(list,
			passCase{"MaxPool", 1, []int{out, n}, func(b [][]float32) { MaxPool(b[0], b[1], w, 1) }},
			passCase{"MaxPoolBackward", 1, []int{n, out, n, out, c * lanes}, func(b [][]float32) {
				MaxPool(b[3], b[2], w, 1)
				MaxPoolBackward(b[0], b[1], b[2], b[3], w, 1, b[4])
			}},
			passCase{"AvgPool", 1, []int{out, n}, func(b [][]float32) { AvgPool(b[0], b[1], w, 1) }},
			passCase{"AvgPoolBackward", 1, []int{n, out}, func(b [][]float32) { AvgPoolBackward(b[0], b[1], w, 1) }},
		)
	}
	if pixels%4 == 0 && pixels > 0 {
		const blocks = 2
		for _, h := range []int{2, 4} {
			if pixels%(2*h) != 0 {
				continue
			}
			w := Window{C: c, H: h, W: pixels / h, KH: 2, KW: 2, Stride: 2}
			out := n / 4
			name := fmt.Sprint(h)
			list = append(list,
				passCase{"NormMaxPool" + name, 1, []int{blocks * out, blocks * n, k}, func(b [][]float32) { NormMaxPool(b[0], b[1], b[2], w, blocks) }},
				passCase{"NormMaxPoolSums" + name, 2, []int{c * lanes, c * lanes, out, n, k},
					func(b [][]float32) { NormMaxPoolSums(b[0], b[1], b[2], b[3], b[4], w) }},
				passCase{"NormMaxPoolBackward" + name, 1, []int{blocks * n, blocks * out, blocks * n, k},
					func(b [][]float32) { NormMaxPoolBackward(b[0], b[1], b[2], b[3], w, blocks) }},
			)
		}
	}
	return list
}

func TestPassesHaveTheBitsOfTheirGoLoops(t *testing.T) {
	before := Active()
	defer SetISA(before)
	for _, pixels := range []int{0, 1, 3, 4, 8, 16} {
		for _, c := range []int{0, 1, 2, 3, 4, 5, 8, 11} {
			for _, p := range passCases(pixels, c) {
				for _, special := range []bool{false, true} {
					comparePass(t, p, uint64(pixels*100+c), special, fmt.Sprintf("%s pixels %d channels %d special %v", p.name, pixels, c, special))
				}
			}
		}
	}
}

func comparePass(t *testing.T, p passCase, seed uint64, special bool, name string) {
	t.Helper()
	var want [][]float32
	for _, isa := range Supported() {
		if err := SetISA(isa); err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 7))
		var buffers [][]float32
		var intact []func() bool
		for i, n := range p.lengths {
			b, ok := guarded(n, 1+i%3)
			fill(r, b)
			if special {
				poison(r, b)
			}
			buffers, intact = append(buffers, b), append(intact, ok)
		}
		p.run(buffers)
		for _, ok := range intact {
			if !ok() {
				t.Fatalf("%s under %v wrote past a buffer", name, isa)
			}
		}
		if isa == Generic {
			want = buffers[:p.outputs]
			continue
		}
		for i := range want {
			if err := sameBits(buffers[i], want[i]); err != nil {
				t.Fatalf("%s under %v, output %d: %v", name, isa, i, err)
			}
		}
	}
}

// poison puts in NaN, infinities, zeros of both signs and subnormals.
func poison(r *rand.Rand, x []float32) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), 1e-40, -1e-40}
	for i := range x {
		if r.IntN(4) == 0 {
			x[i] = special[r.IntN(len(special))]
		}
	}
}

func BenchmarkPasses(b *testing.B) {
	const pixels, c = 256, 16
	run := map[string]bool{"Add": true, "Moments": true, "Normtrue": true, "NormSumstrue": true, "NormBackwardtrue": true,
		"NormMaxPool4": true, "NormMaxPoolSums4": true, "NormMaxPoolBackward4": true, "AdamW": true}
	for _, p := range passCases(pixels, c) {
		if !run[p.name] {
			continue
		}
		b.Run(p.name, func(b *testing.B) {
			var buffers [][]float32
			bytes := 0
			for _, n := range p.lengths {
				buffers = append(buffers, make([]float32, n))
				bytes += 4 * n
			}
			b.SetBytes(int64(bytes))
			b.ReportAllocs()
			for b.Loop() {
				p.run(buffers)
			}
		})
	}
}
