package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// naiveGroupNorm computes y, dx, dw and db in the order that GroupNorm tells, value by value.
func naiveGroupNorm(n GroupNorm, images int, x, dy, weight, bias []float32) (y, dx, dw, db []float32) {
	y, dx = make([]float32, len(x)), make([]float32, len(x))
	dw, db = make([]float32, n.C), make([]float32, n.C)
	ofWeight, ofBias := make([][lanes]float32, n.C), make([][lanes]float32, n.C)
	size := n.C / max(n.Groups, 1)
	for image := range images {
		at := func(p, c, l int) int { return ((image*n.Positions+p)*n.C+c)*lanes + l }
		for g := range n.Groups {
			for l := range lanes {
				total := func(f func(i, c int) float32) float32 {
					var sum float32
					for p := range n.Positions {
						var part float32
						for c := g * size; c < (g+1)*size; c++ {
							part += f(at(p, c, l), c)
						}
						sum += part
					}
					return sum
				}
				count := float32(n.Positions * size)
				mean := total(func(i, _ int) float32 { return x[i] }) / count
				squares := total(func(i, _ int) float32 { d := x[i] - mean; return float32(d * d) })
				scale := 1 / float32(math.Sqrt(float64(squares/count+n.Eps)))
				normed := func(i int) float32 { return float32((x[i] - mean) * scale) }
				gs := total(func(i, c int) float32 { return float32(dy[i] * weight[c]) }) / count
				gns := total(func(i, c int) float32 { g := float32(dy[i] * weight[c]); return float32(g * normed(i)) }) / count
				for p := range n.Positions {
					for c := g * size; c < (g+1)*size; c++ {
						i := at(p, c, l)
						y[i] = float32(weight[c]*normed(i)) + bias[c]
						ofWeight[c][l] += float32(dy[i] * normed(i))
						ofBias[c][l] += dy[i]
						dx[i] = float32((float32(dy[i]*weight[c]) - gs - float32(normed(i)*gns)) * scale)
					}
				}
			}
		}
	}
	for c := range n.C {
		var w, b [16]float32
		for l := range lanes {
			w[l%16] += ofWeight[c][l]
			b[l%16] += ofBias[c][l]
		}
		dw[c], db[c] = combine(&w), combine(&b)
	}
	return y, dx, dw, db
}

func TestGroupNormAgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		for _, n := range []GroupNorm{{1, 1, 1, 1e-5}, {7, 1, 1, 1e-6}, {6, 3, 5, 1e-5}, {8, 8, 4, 1e-3}, {12, 4, 9, 1e-5}, {33, 1, 2, 1e-5}, {0, 2, 3, 1e-5}} {
			for images := range 4 {
				t.Run(fmt.Sprintf("%+v %d", n, images), func(t *testing.T) { checkGroupNorm(t, n, images) })
			}
		}
	})
}

func checkGroupNorm(t *testing.T, n GroupNorm, images int) {
	r := rand.New(rand.NewPCG(3, uint64(n.C)))
	values := images * n.Positions * n.C * lanes
	var intact []func() bool
	alloc := func(length int) []float32 {
		s, ok := guarded(length, 1+length%3)
		intact = append(intact, ok)
		fill(r, s)
		return s
	}
	x, dy, y, dx := alloc(values), alloc(values), alloc(values), alloc(values)
	weight, bias, dw, db := alloc(n.C), alloc(n.C), alloc(n.C), alloc(n.C)
	for i := range x {
		x[i] += 3 // a mean that is large beside the deviation
	}
	wantY, wantDX, wantDW, wantDB := naiveGroupNorm(n, images, x, dy, weight, bias)
	scratch := alloc(n.ScratchLen())
	n.Forward(y, x, weight, bias, images)
	n.Backward(dx, dw, db, dy, x, weight, images, scratch)
	alone := alloc(values)
	copy(alone, dy)
	n.Backward(alone, nil, nil, alone, x, weight, images, scratch)
	for _, c := range []struct {
		name      string
		got, want []float32
	}{{"y", y, wantY}, {"dx", dx, wantDX}, {"dw", dw, wantDW}, {"db", db, wantDB}, {"dx in place", alone, wantDX}} {
		if err := sameBits(c.got, c.want); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, ok := range intact {
		if !ok() {
			t.Error("a guard word was overwritten")
		}
	}
}

func TestGroupNormMisusePanics(t *testing.T) {
	n := GroupNorm{C: 4, Groups: 2, Positions: 3, Eps: 1e-5}
	x, w, scratch := make([]float32, 12*lanes), make([]float32, 4), make([]float32, n.ScratchLen())
	for name, f := range map[string]func(){
		"groups":        func() { GroupNorm{C: 4, Groups: 3, Positions: 3}.Forward(x, x, w, w, 1) },
		"short input":   func() { n.Forward(x, x[1:], w, w, 1) },
		"short bias":    func() { n.Forward(x, x, w, w[1:], 1) },
		"short scratch": func() { n.Backward(x, w, w, x, x, w, 1, scratch[1:]) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestGroupNormAllocatesNothing(t *testing.T) {
	withISA(t, func(t *testing.T) {
		n := GroupNorm{C: 6, Groups: 2, Positions: 3, Eps: 1e-5}
		x, y, w, scratch := make([]float32, 18*lanes), make([]float32, 18*lanes), make([]float32, 6), make([]float32, n.ScratchLen())
		if got := testing.AllocsPerRun(1, func() {
			n.Forward(y, x, w, w, 1)
			n.Backward(y, w, w, y, x, w, 1, scratch)
		}); got != 0 {
			t.Errorf("%v allocations", got)
		}
	})
}
