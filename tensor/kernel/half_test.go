package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var halves = []Rounding{{Format: FP16}, {FP16, 7}, {FP16, -20}, {FP16, MaxExponent}, {Format: BF16}}

// The table of all numbers of a format is its definition, by sign, exponent and fraction
// (IEEE 754 binary16; bfloat16 with 8 bits of exponent and 7 of fraction).
func halfTable(brain bool) (values [1 << 16]float64) {
	exponent, fraction := 5, 10
	if brain {
		exponent, fraction = 8, 7
	}
	bias := 1<<(exponent-1) - 1
	for b := range values {
		e, f := b>>fraction&(1<<exponent-1), float64(b&(1<<fraction-1))
		v := math.Ldexp(math.Ldexp(f, -fraction)+1, e-bias)
		switch {
		case e == 1<<exponent-1 && f != 0:
			v = math.NaN()
		case e == 1<<exponent-1:
			v = math.Inf(1)
		case e == 0:
			v = math.Ldexp(f, 1-bias-fraction)
		}
		if b>>15 == 1 {
			v = -v
		}
		values[b] = v
	}
	return values
}

// nearestHalf searches the table for what is nearest to x; of two the even one. The first
// number that is too large counts as if its place were the infinite one's.
func nearestHalf(table *[1 << 16]float64, x float64) uint16 {
	if math.Signbit(x) {
		return nearestHalf(table, -x) | 1<<15
	}
	inf := 0x1f << 10
	if !math.IsInf(table[inf], 1) {
		inf = 0xff << 7
	}
	at := func(b int) float64 {
		if b == inf {
			return 2*table[inf-1] - table[inf-2]
		}
		return table[b]
	}
	lo, hi := 0, inf
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; at(mid) <= x {
			lo = mid
		} else {
			hi = mid
		}
	}
	below, above := x-at(lo), at(hi)-x
	if above < below || above == below && lo%2 == 1 {
		return uint16(hi)
	}
	return uint16(lo)
}

// under runs f under every instruction set.
func under(t *testing.T, f func(t *testing.T)) {
	before := Active()
	defer SetISA(before)
	for _, isa := range Supported() {
		if err := SetISA(isa); err != nil {
			t.Fatal(err)
		}
		t.Run(isa.String(), f)
	}
}

func TestEveryHalfIsUnpackedAndPackedAgain(t *testing.T) {
	under(t, func(t *testing.T) {
		for _, h := range halves {
			table := halfTable(h.Format == BF16)
			all := make([]uint16, 1<<16)
			for i := range all {
				all[i] = uint16(i)
			}
			values, again, rounded := make([]float32, len(all)), make([]uint16, len(all)), make([]float32, len(all))
			h.Unpack(values, all)
			h.Pack(again, values)
			h.Round(rounded, values)
			for i, v := range values {
				want := float32(math.Ldexp(table[i], -h.Exponent))
				switch {
				case math.IsNaN(table[i]):
					if v == v || rounded[i] == rounded[i] || !math.IsNaN(table[again[i]]) {
						t.Fatalf("%+v: %#x is no number, got %v, rounded %v, packed %#x", h, i, v, rounded[i], again[i])
					}
				case math.Float32bits(v) != math.Float32bits(want) || math.Float32bits(rounded[i]) != math.Float32bits(want) ||
					again[i] != uint16(i):
					t.Fatalf("%+v: %#x is %v, got %v, rounded %v, packed %#x", h, i, want, v, rounded[i], again[i])
				}
			}
		}
	})
}

// hardHalves returns numbers around which rounding is easily wrong: all of a format, what lies
// between two, and neighbours of these in float32.
func hardHalves(h Rounding) []float32 {
	table := halfTable(h.Format == BF16)
	var list []float32
	for b := range 1<<15 - 1 {
		lo, hi := table[b], table[b+1]
		if math.IsNaN(lo) || math.IsInf(lo, 0) {
			break
		}
		if math.IsInf(hi, 0) {
			hi = 2*lo - table[b-1]
		}
		for _, v := range []float64{lo, (lo + hi) / 2} {
			x := float32(math.Ldexp(v, -h.Exponent))
			list = append(list, x, -x, math.Nextafter32(x, 0), math.Nextafter32(x, float32(math.Inf(1))))
		}
	}
	return append(list, math.MaxFloat32, -math.MaxFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), math.SmallestNonzeroFloat32, 1e-40)
}

func TestHalvesAreTheNearest(t *testing.T) {
	under(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, h := range halves {
			table := halfTable(h.Format == BF16)
			x := hardHalves(h)
			for range 20000 {
				if v := math.Float32frombits(r.Uint32()); v == v {
					x = append(x, v, float32(math.Ldexp(r.NormFloat64(), r.IntN(40)-25-h.Exponent)))
				}
			}
			packed, rounded, sums := make([]uint16, len(x)), make([]float32, len(x)), make([]float32, len(x))
			zeros := make([]float32, len(x))
			h.Pack(packed, x)
			h.Round(rounded, x)
			h.Add(sums, x, zeros)
			for i, v := range x {
				// What float32 cannot hold once it is scaled is infinite, or rounded in float32 first.
				want := nearestHalf(&table, float64(float32(math.Ldexp(float64(v), h.Exponent))))
				value := float32(math.Ldexp(table[want], -h.Exponent))
				if packed[i] != want || math.Float32bits(rounded[i]) != math.Float32bits(value) || sums[i] != value {
					t.Fatalf("%+v of %g: packed %#x, rounded %g, with 0 %g; want %#x, %g", h, v, packed[i], rounded[i], sums[i], want,
						value)
				}
			}
		}
	})
}

// Every length, with whole vectors and without, between guard words.
func TestHalvesHaveTheBitsOfTheirGoLoops(t *testing.T) {
	for _, h := range halves {
		for n := range 70 {
			for _, p := range []passCase{
				{"Round", 1, []int{n, n}, func(b [][]float32) { h.Round(b[0], b[1]) }},
				{"RoundInPlace", 1, []int{n}, func(b [][]float32) { h.Round(b[0], b[0]) }},
				{"Add", 1, []int{n, n, n}, func(b [][]float32) { h.Add(b[0], b[1], b[2]) }},
				{"Pack", 1, []int{n, n}, func(b [][]float32) {
					packed := make([]uint16, n)
					h.Pack(packed, b[1])
					for i, v := range packed {
						b[0][i] = float32(v)
					}
				}},
				{"Unpack", 1, []int{n, n}, func(b [][]float32) {
					packed := make([]uint16, n)
					for i, v := range b[1] {
						packed[i] = uint16(math.Float32bits(v) >> 16)
					}
					h.Unpack(b[0], packed)
				}},
			} {
				for _, special := range []bool{false, true} {
					comparePass(t, p, uint64(n), special, fmt.Sprintf("%+v %s %d special %v", h, p.name, n, special))
				}
			}
		}
	}
	SetISA(best())
}

// Nothing is rounded to float32.
func TestTheZeroRoundingRoundsNothing(t *testing.T) {
	x, y, out := []float32{0.1, 3e38, -1e-40}, []float32{1e-9, 3e38, 0}, make([]float32, 3)
	Rounding{}.Round(out, x)
	if !slices.Equal(out, x) {
		t.Errorf("rounded %v to %v", x, out)
	}
	Rounding{}.Add(out, x, y)
	for i := range out {
		if out[i] != x[i]+y[i] {
			t.Errorf("%v + %v = %v", x[i], y[i], out[i])
		}
	}
}

func BenchmarkHalf(b *testing.B) {
	const n = 1 << 14
	x, y, packed := make([]float32, n), make([]float32, n), make([]uint16, n)
	for i := range x {
		x[i] = float32(i%97) * 1e-3
	}
	for _, h := range []Rounding{{Format: FP16}, {Format: BF16}} {
		for _, f := range []struct {
			name string
			run  func()
		}{
			{"Round", func() { h.Round(y, x) }}, {"Add", func() { h.Add(y, y, x) }},
			{"Pack", func() { h.Pack(packed, x) }}, {"Unpack", func() { h.Unpack(y, packed) }},
		} {
			b.Run(fmt.Sprintf("format=%d/%s", h.Format, f.name), func(b *testing.B) {
				b.SetBytes(4 * n)
				for b.Loop() {
					f.run()
				}
			})
		}
	}
}
