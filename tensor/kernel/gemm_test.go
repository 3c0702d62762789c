package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGemmAgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, s := range [][3]int{{1, 1, 1}, {3, 5, 7}, {14, 32, 9}, {15, 33, 40}, {29, 65, 3}, {2, 100, 33}, {61, 17, 350},
			{250, 40, 20}, {20, 530, 5}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}} {
			for mode := range 8 {
				t.Run(fmt.Sprint(s, mode), func(t *testing.T) {
					checkGemm(t, r, s[0], s[1], s[2], mode&1 != 0, mode&2 != 0, mode&4 != 0)
				})
			}
		}
	})
}

func checkGemm(t *testing.T, r *rand.Rand, m, n, k int, transA, transB, accumulate bool) {
	lda, ldb, ldc := k+3, n+1, n+2
	aLen, bLen := m*lda, k*ldb
	if transA {
		lda = m + 3
		aLen = k * lda
	}
	if transB {
		ldb = k + 1
		bLen = n * ldb
	}
	a, aOK := guarded(aLen, 1)
	b, bOK := guarded(bLen, 2)
	c, cOK := guarded(m*ldc, 3)
	scratch, sOK := guarded(GemmScratchLen(ProductShape{m, n, k}), 5)
	fill(r, a)
	fill(r, b)
	fill(r, c)
	want := append([]float32(nil), c...)
	for i := range m {
		for j := range n {
			acc := float32(0)
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
				acc = FMA(a[ai], b[bi], acc)
			}
			want[i*ldc+j] = acc
		}
	}
	Gemm(Matrix[float32]{m, n, c, ldc, false}, Matrix[float32]{m, k, a, lda, transA}, Matrix[float32]{k, n, b, ldb, transB},
		accumulate, scratch)
	if err := sameBits(c, want); err != nil {
		t.Error(err)
	}
	if !aOK() || !bOK() || !cOK() || !sOK() {
		t.Error("a guard word was overwritten")
	}
}

func TestSyrkIsTheUpperTriangleOfGemm(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for _, s := range [][2]int{{1, 1}, {7, 5}, {33, 20}, {75, 300}, {240, 11}, {5, 0}, {syrkOrder, 2}, {syrkOrder + 1, 3}} {
			for mode := range 4 {
				n, k, trans, accumulate := s[0], s[1], mode&1 != 0, mode&2 != 0
				lda := k + 1
				if trans {
					lda = n + 1
				}
				a, aOK := guarded(max(n, k)*lda, 1)
				fill(r, a)
				want := make([]float32, n*n)
				fill(r, want)
				c, cOK := guarded(n*n, 2)
				copy(c, want)
				scratch, sOK := guarded(GemmScratchLen(ProductShape{n, n, k}), 3)
				left := Matrix[float32]{n, k, a, lda, trans}
				Syrk(Matrix[float32]{n, n, c, n, false}, left, accumulate, scratch)
				Gemm(Matrix[float32]{n, n, want, n, false}, left, left.T(), accumulate, scratch)
				for i := range n {
					if err := sameBits(c[i*n+i:][:n-i], want[i*n+i:][:n-i]); err != nil {
						t.Errorf("n=%d k=%d trans=%v accumulate=%v, row %d: %v", n, k, trans, accumulate, i, err)
						break
					}
				}
				if !aOK() || !cOK() || !sOK() {
					t.Error("a guard word was overwritten")
				}
			}
		}
	})
}
