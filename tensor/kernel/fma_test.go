package kernel

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds a*b + c once, by big floats.
func exactFMA(a, b, c float32) float32 {
	f := func(x float32) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(float64(x)) }
	p := new(big.Float).SetPrec(1200).Mul(f(a), f(b))
	s, _ := p.Add(p, f(c)).Float32()
	return s
}

func TestFMARoundsOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func() float32 {
		switch r.IntN(4) {
		case 0: // few significant bits: sums on the middle between two float32
			return float32(math.Ldexp(float64(r.IntN(1<<12)-1<<11), r.IntN(40)-20))
		case 1: // subnormal and tiny
			return math.Float32frombits(r.Uint32()&0x8fffffff>>r.IntN(8) | r.Uint32()&0x80000000)
		}
		for {
			x := math.Float32frombits(r.Uint32())
			if x == x && !math.IsInf(float64(x), 0) {
				return x
			}
		}
	}
	for range 300_000 {
		a, b, c := draw(), draw(), draw()
		if r.IntN(2) == 0 { // let the product and c meet
			c = math.Float32frombits(math.Float32bits(float32(float64(a)*float64(b))) + r.Uint32()%64<<(r.Uint32()%24))
			if c != c || math.IsInf(float64(c), 0) {
				continue
			}
		}
		got, want := FMA(a, b, c), exactFMA(a, b, c)
		if got != want {
			t.Fatalf("FMA(%g, %g, %g) = %x, want %x", a, b, c, math.Float32bits(got), math.Float32bits(want))
		}
	}
}

func TestFMAOfSpecials(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ a, b, c, want float32 }{
		{inf, 1, 1, inf}, {inf, 0, 1, nan}, {inf, 1, -inf, nan}, {1, 1, nan, nan},
		{math.MaxFloat32, 2, 0, inf}, {math.MaxFloat32, 2, -math.MaxFloat32, math.MaxFloat32},
	} {
		if got := FMA(c.a, c.b, c.c); got != c.want && !(got != got && c.want != c.want) {
			t.Errorf("FMA(%g, %g, %g) = %g, want %g", c.a, c.b, c.c, got, c.want)
		}
	}
	negZero := float32(math.Copysign(0, -1))
	if got := FMA(negZero, 1, negZero); math.Float32bits(got) != 1<<31 {
		t.Errorf("FMA(-0, 1, -0) = %x, want -0", math.Float32bits(got))
	}
}
