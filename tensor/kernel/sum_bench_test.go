package kernel

import (
	"fmt"
	"testing"
)

func BenchmarkSum(b *testing.B) {
	a, x, c := make([]float32, 1<<18), make([]float32, 1<<18), make([]float32, 1<<12)
	for _, t := range []struct{ rows, vecs, n, k, aStep, bStep int }{
		{8, 2, 1, 256, 8, 8}, {8, 2, 1, 256, 8, 32}, {8, 2, 32, 32, 8, 8}, {8, 2, 32, 32, 8, 32}, {14, 2, 1, 256, 14, 32},
		{14, 2, 1, 256, 64, 64},
		{14, 2, 32, 32, 64, 64}, {9, 3, 1, 256, 9, 48}, {8, 3, 32, 32, 16, 16}, {13, 2, 32, 32, 64, 64}, {13, 1, 1, 256, 16, 16},
		{14, 2, 32, 32, 128, 64},
	} {
		b.Run(fmt.Sprint(t), func(b *testing.B) {
			s := sum{rows: t.rows, vecs: t.vecs, c: c, cStep: 64, a: a, b: x, segs: []seg{{}}, n: t.n, k: t.k, aStep: t.aStep, bStep: t.bStep,
				aLane: t.k * t.aStep, bLane: (t.k + 2) * t.bStep}
			measure(b, float64(2*t.rows*t.vecs*16*t.n*t.k), func() { s.do(Active()) })
		})
	}
}

func BenchmarkTranspose(b *testing.B) {
	for _, t := range [][2]int{{256, 256}, {256, 272}, {1024, 1024}, {1024, 1040}, {1024, 1032}, {32 * 27, 34 * 27}, {64, 34 * 64}} {
		b.Run(fmt.Sprint(t), func(b *testing.B) {
			src, dst := make([]float32, t[0]*32), make([]float32, t[1]*32)
			call := transpose{dst: dst, src: src, dstStep: t[1], srcStep: 32, rows: t[0], cols: 32}
			measure(b, 0, func() { call.do(Active()) })
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(t[0]/16), "ns/tile")
		})
	}
}
