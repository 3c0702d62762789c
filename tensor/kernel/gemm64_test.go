package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestGemm64AgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(8, 8))
		for _, s := range [][3]int{{1, 1, 1}, {7, 5, 3}, {14, 16, 9}, {15, 33, 40}, {29, 17, 300}, {3, 530, 4}, {0, 2, 2}, {2, 3, 0}} {
			for mode := range 8 {
				m, n, k := s[0], s[1], s[2]
				transA, transB, accumulate := mode&1 != 0, mode&2 != 0, mode&4 != 0
				lda, ldb, ldc := k+1, n+2, n+1
				if transA {
					lda = m + 1
				}
				if transB {
					ldb = k + 2
				}
				a, b, c := make([]float64, max(m, k)*lda), make([]float64, max(n, k)*ldb), make([]float64, m*ldc)
				for _, x := range [][]float64{a, b, c} {
					for i := range x {
						x[i] = r.NormFloat64()
					}
				}
				if len(a) > 9 {
					a[r.IntN(len(a))] = math.Inf(1)
				}
				want := append([]float64(nil), c...)
				for i := range m {
					for j := range n {
						acc := 0.0
						if accumulate {
							acc = want[i*ldc+j]
						}
						for l := range k {
							ai, bi := i*lda+l, l*ldb+j
							if transA {
								ai = l*lda + i
							}
							if transB {
								bi = j*ldb + l
							}
							acc = math.FMA(a[ai], b[bi], acc)
						}
						want[i*ldc+j] = acc
					}
				}
				Gemm64(Matrix[float64]{m, n, c, ldc, false}, Matrix[float64]{m, k, a, lda, transA}, Matrix[float64]{k, n, b, ldb, transB},
					accumulate, make([]float64, Gemm64ScratchLen))
				for i := range want {
					if math.Float64bits(c[i]) != math.Float64bits(want[i]) && !(c[i] != c[i] && want[i] != want[i]) {
						t.Fatalf("%v mode %d: element %d is %v, want %v", s, mode, i, c[i], want[i])
					}
				}
			}
		}
	})
}

// BenchmarkGemm64 reports the share of the float32 peak; half of it is the float64 peak.
func BenchmarkGemm64(b *testing.B) {
	const n = 512
	x, z := make([]float64, n*n), make([]float64, n*n)
	for i := range x {
		x[i] = float64(i % 17)
	}
	scratch := make([]float64, Gemm64ScratchLen)
	m, out := Matrix[float64]{Rows: n, Cols: n, Data: x, Stride: n}, Matrix[float64]{Rows: n, Cols: n, Data: z, Stride: n}
	b.ReportAllocs()
	measure(b, 2*n*n*n, func() { Gemm64(out, m, m.T(), false, scratch) })
}
