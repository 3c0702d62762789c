package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Every body of every number of rows, against the loops in Go.

func specials(r *rand.Rand, x []float32) {
	fill(r, x)
	for range len(x) / 50 {
		x[r.IntN(len(x))] = []float32{float32(math.Inf(1)), float32(math.NaN()), math.SmallestNonzeroFloat32, 0}[r.IntN(4)]
	}
}

func TestSumTiles(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 9))
		for rows := 1; rows <= 30; rows++ {
			for vecs := 1; vecs <= 7; vecs++ {
				s := sum{rows: rows, vecs: vecs, cStep: vecs*vec + r.IntN(3), fresh: r.IntN(2) == 0,
					n: 1 + r.IntN(3), k: 1 + r.IntN(5), aStep: rows + r.IntN(3), bStep: 3 + r.IntN(20), aLane: r.IntN(50), bLane: r.IntN(50)}
				if r.IntN(2) == 0 {
					s.aLane, s.bLane = s.k*s.aStep, s.k*s.bStep
					s.fuse()
				}
				c, ok := guarded((rows-1)*s.cStep+vecs*vec, r.IntN(16))
				a, b := make([]float32, 400+rows*20), make([]float32, 400+vecs*vec)
				specials(r, a)
				specials(r, b)
				fill(r, c)
				s.a, s.b, s.segs = a, b, []seg{{3, 1}, {0, 7}, {9, 9}}[:r.IntN(4)]
				want := append([]float32(nil), c...)
				s.c = want
				s.doGeneric()
				s.c = c
				s.do(Active())
				if err := sameBits(c, want); err != nil {
					t.Errorf("%d rows, %d vectors: %v", rows, vecs, err)
				}
				if !ok() {
					t.Errorf("%d rows, %d vectors: a guard word was overwritten", rows, vecs)
				}
			}
		}
	})
}

func TestTripleTiles(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 9))
		for rows := 1; rows <= 19; rows++ {
			s := sum{rows: rows, vecs: 3, cStep: 3 * vec, fresh: rows%2 == 0, n: 2, k: 3, aStep: rows, bStep: 5, aLane: 4 * rows, bLane: 16}
			c, ok := guarded(rows*s.cStep, rows%16)
			a, b := make([]float32, 10*rows+10), make([]float32, 200)
			specials(r, a)
			specials(r, b)
			fill(r, c)
			s.a, s.b = a, b
			want := append([]float32(nil), c...)
			segs := []triple{{0, 40, -40, 30}, {2, 1, 9, 100}}
			s.c = want
			s.doTriplesGeneric(segs)
			s.c = c
			s.doTriples(Active(), segs)
			if err := sameBits(c, want); err != nil {
				t.Errorf("%d rows: %v", rows, err)
			}
			if !ok() {
				t.Errorf("%d rows: a guard word was overwritten", rows)
			}
		}
	})
}

func TestTapTiles(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 9))
		for rows := 1; rows <= panelHeight(Active()); rows++ {
			for count := 1; count <= 5; count++ {
				call := tap{rows: rows, count: count, dstStep: (rows + 1) * 32, srcStep: 96, runs: []run{{0, 2, 3}, {32, 0, 1}, {7, 5, 2}}}
				call.src, call.w = make([]float32, 96*count+200), make([]float32, 7*rows)
				specials(r, call.src)
				specials(r, call.w)
				if count%2 == 0 {
					call.bias = make([]float32, rows)
					fill(r, call.bias)
				}
				dst, ok := guarded(count*call.dstStep-32, count)
				want := append([]float32(nil), dst...)
				call.dst = want
				call.doGeneric()
				call.dst = dst
				call.do(Active())
				if err := sameBits(dst, want); err != nil {
					t.Errorf("%d rows, %d pixels: %v", rows, count, err)
				}
				if !ok() {
					t.Errorf("%d rows, %d pixels: a guard word was overwritten", rows, count)
				}
			}
		}
	})
}

func TestTransposes(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 9))
		for rows := 1; rows <= 50; rows++ {
			for cols := 1; cols <= 37; cols += 3 {
				call := transpose{rows: rows, cols: cols, dstStep: rows + r.IntN(4), srcStep: cols + r.IntN(4)}
				src, _ := guarded((rows-1)*call.srcStep+cols+r.IntN(4), rows%16)
				fill(r, src)
				dst, ok := guarded((cols-1)*call.dstStep+rows, cols%16)
				want := append([]float32(nil), dst...)
				call.src, call.dst = src, want
				call.doGeneric()
				call.dst = dst
				call.do(Active())
				if err := sameBits(dst, want); err != nil {
					t.Errorf("%d x %d: %v", rows, cols, err)
				}
				if !ok() {
					t.Errorf("%d x %d: a guard word was overwritten", rows, cols)
				}
			}
		}
	})
}

// A call that would leave its slices must panic before any assembly runs.
func TestShortSlicesPanic(t *testing.T) {
	f := func(n int) []float32 { return make([]float32, n) }
	whole := func() sum {
		return sum{rows: 2, vecs: 1, c: f(32), cStep: 16, a: f(6), b: f(48), segs: []seg{{}}, n: 1, k: 3, aStep: 2, bStep: 16}
	}
	cases := map[string]func(){
		"sum c":   func() { s := whole(); s.c = s.c[1:]; s.do(Active()) },
		"sum a":   func() { s := whole(); s.a = s.a[1:]; s.do(Active()) },
		"sum b":   func() { s := whole(); s.b = s.b[1:]; s.do(Active()) },
		"sum seg": func() { s := whole(); s.segs = []seg{{-1, 0}}; s.do(Active()) },
		"tap src": func() {
			(&tap{rows: 1, count: 2, dst: f(64), dstStep: 32, src: f(63), srcStep: 32, w: f(1), runs: []run{{0, 0, 1}}}).do(Active())
		},
		"tap dst": func() {
			(&tap{rows: 2, count: 1, dst: f(63), src: f(32), w: f(2), runs: []run{{0, 0, 1}}}).do(Active())
		},
		"tap weights": func() {
			(&tap{rows: 2, count: 1, dst: f(64), src: f(32), w: f(1), runs: []run{{0, 0, 1}}}).do(Active())
		},
		"transpose": func() { (&transpose{rows: 16, cols: 4, dst: f(64), dstStep: 16, src: f(63), srcStep: 4}).do(Active()) },
		"lane sums": func() { laneSums(Active(), f(16), f(63), 1) },
		"gemm": func() {
			m := func(n int) Matrix[float32] { return Matrix[float32]{Rows: 2, Cols: 2, Data: f(n), Stride: 2} }
			Gemm(m(4), m(4), m(3), false, f(GemmScratchLen(ProductShape{2, 2, 2})))
		},
	}
	for name, body := range cases {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			body()
		})
	}
}

func ExampleGeometry() {
	fmt.Println(Geometry{InC: 3, InH: 32, InW: 32, OutC: 8, KH: 3, KW: 3, Stride: 2, Pad: 1}.OutH())
	// Output: 16
}
