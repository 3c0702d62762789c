package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// exponentialOf is the function that softmax computes, by the sweep over one row.
func exponentialOf(s, top, scale float32) float32 {
	before := Active()
	defer SetISA(before)
	SetISA(Generic)
	var e, sum, row, tops [lanes]float32
	row[0], tops[0] = s, top
	scoreExp(e[:], sum[:], row[:], tops[:], []float32{scale})
	return e[0]
}

// naiveAttention computes y and the gradients in the order that Attention tells, value by value.
func naiveAttention(a Attention, blocks int, q, k, v, dy []float32) (y, dq, dk, dv []float32) {
	y, dq, dk, dv = make([]float32, len(v)), make([]float32, len(q)), make([]float32, len(q)), make([]float32, len(v))
	for b := range blocks {
		for h := range a.Heads {
			for l := range lanes {
				key := func(t, c int) int { return ((b*a.Tokens+t)*a.Heads*a.Keys+h*a.Keys+c)*lanes + l }
				value := func(t, c int) int { return ((b*a.Tokens+t)*a.Heads*a.Values+h*a.Values+c)*lanes + l }
				for i := range a.Tokens {
					p, ds := make([]float32, a.Tokens), make([]float32, a.Tokens)
					top, sum := float32(math.Inf(-1)), float32(0)
					for j := range p {
						for c := range a.Keys {
							p[j] = FMA(q[key(i, c)], k[key(j, c)], p[j])
						}
						top = max(top, p[j])
					}
					for j := range p {
						p[j] = exponentialOf(p[j], top, a.Scale)
						sum += p[j]
					}
					var dot float32
					for j := range p {
						p[j] /= sum
						for c := range a.Values {
							y[value(i, c)] = FMA(p[j], v[value(j, c)], y[value(i, c)])
							dv[value(j, c)] = FMA(p[j], dy[value(i, c)], dv[value(j, c)])
							ds[j] = FMA(dy[value(i, c)], v[value(j, c)], ds[j])
						}
						dot += float32(p[j] * ds[j])
					}
					for j := range p {
						ds[j] = float32(a.Scale * float32(p[j]*(ds[j]-dot)))
						for c := range a.Keys {
							dq[key(i, c)] = FMA(ds[j], k[key(j, c)], dq[key(i, c)])
							dk[key(j, c)] = FMA(ds[j], q[key(i, c)], dk[key(j, c)])
						}
					}
				}
			}
		}
	}
	return y, dq, dk, dv
}

func TestAttentionAgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		for i, a := range []Attention{{1, 1, 1, 1, 1}, {2, 3, 2, 5, 0.5}, {1, 8, 5, 9, 0.35}, {3, 2, 7, 4, 0.7},
			{1, 4, 4, 13, 0.5}, {2, 0, 3, 3, 1}, {1, 2, 0, 3, 1}} {
			t.Run(fmt.Sprintf("%+v", a), func(t *testing.T) { checkAttention(t, a, 1+i%2) })
		}
	})
}

func checkAttention(t *testing.T, a Attention, blocks int) {
	r := rand.New(rand.NewPCG(5, uint64(a.Tokens)))
	var intact []func() bool
	alloc := func(n int) []float32 {
		s, ok := guarded(n, 1+n%5)
		intact = append(intact, ok)
		fill(r, s)
		return s
	}
	keys, values := blocks*a.Tokens*a.Heads*a.Keys*lanes, blocks*a.Tokens*a.Heads*a.Values*lanes
	q, k, v, dy := alloc(keys), alloc(keys), alloc(values), alloc(values)
	y, dq, dk, dv, scratch := alloc(values), alloc(keys), alloc(keys), alloc(values), alloc(a.ScratchLen())
	wantY, wantDQ, wantDK, wantDV := naiveAttention(a, blocks, q, k, v, dy)
	a.Forward(y, q, k, v, blocks, scratch)
	a.Backward(dq, dk, dv, dy, q, k, v, blocks, scratch)
	for _, c := range []struct {
		name      string
		got, want []float32
	}{{"y", y, wantY}, {"dq", dq, wantDQ}, {"dk", dk, wantDK}, {"dv", dv, wantDV}} {
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

// More tokens than a tile of queries has, against the body in Go.
func TestAttentionOfManyTokensHasTheSameBits(t *testing.T) {
	before := Active()
	defer SetISA(before)
	a := Attention{Heads: 1, Keys: 3, Values: 5, Tokens: 301, Scale: 0.6}
	r := rand.New(rand.NewPCG(6, 7))
	q, k := make([]float32, a.Tokens*a.Keys*lanes), make([]float32, a.Tokens*a.Keys*lanes)
	v, dy := make([]float32, a.Tokens*a.Values*lanes), make([]float32, a.Tokens*a.Values*lanes)
	for _, s := range [][]float32{q, k, v, dy} {
		fill(r, s)
	}
	if a.queries() >= a.Tokens {
		t.Fatal("one tile has all queries")
	}
	var want [][]float32
	for _, isa := range Supported() {
		if err := SetISA(isa); err != nil {
			t.Fatal(err)
		}
		got := [][]float32{make([]float32, len(v)), make([]float32, len(q)), make([]float32, len(q)), make([]float32, len(v))}
		scratch := make([]float32, a.ScratchLen())
		a.Forward(got[0], q, k, v, 1, scratch)
		a.Backward(got[1], got[2], got[3], dy, q, k, v, 1, scratch)
		if want == nil {
			want = got
		}
		for i := range got {
			if err := sameBits(got[i], want[i]); err != nil {
				t.Errorf("%v, array %d: %v", isa, i, err)
			}
		}
	}
}

func TestAttentionMisusePanics(t *testing.T) {
	a := Attention{Heads: 2, Keys: 2, Values: 2, Tokens: 3, Scale: 1}
	x, scratch := make([]float32, 12*lanes), make([]float32, a.ScratchLen())
	for name, f := range map[string]func(){
		"short query":    func() { a.Forward(x, x[1:], x, x, 1, scratch) },
		"short value":    func() { a.Forward(x, x, x, x[1:], 1, scratch) },
		"short gradient": func() { a.Backward(x, x[1:], x, x, x, x, x, 1, scratch) },
		"short scratch":  func() { a.Forward(x, x, x, x, 1, scratch[1:]) },
		"no extent": func() {
			(&laneProduct{rows: 1, cols: 1, depth: 2, c: x, a: x[:lanes], aStep: lanes, b: x}).do(Active())
		},
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

func BenchmarkAttention(b *testing.B) {
	a := Attention{Heads: 4, Keys: 32, Values: 32, Tokens: 64, Scale: 0.18}
	n := a.Tokens * a.Heads * a.Keys * lanes
	q, k, v, dy := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	y, dq, dk, dv, scratch := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, a.ScratchLen())
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][]float32{q, k, v, dy} {
		fill(r, s)
	}
	b.Run("forward", func(b *testing.B) {
		for b.Loop() {
			a.Forward(y, q, k, v, 1, scratch)
		}
		b.ReportMetric(float64(a.FLOPs()*lanes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
	b.Run("backward", func(b *testing.B) {
		for b.Loop() {
			a.Backward(dq, dk, dv, dy, q, k, v, 1, scratch)
		}
		b.ReportMetric(2.5*float64(a.FLOPs()*lanes)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}
