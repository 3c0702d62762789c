package kernel

// Gemm computes C = op(A) op(B), or adds it to C if accumulate is set, for
// row-major op(A) (m, k), op(B) (k, n) and C (m, n); op transposes on trans.
// lda, ldb and ldc are the distances of stored rows. scratch needs GemmScratchLen.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int,
	c []float32, ldc int, accumulate bool, scratch []float32) {
	checkMatrix("kernel: Gemm: a", transA, m, k, a, lda)
	checkMatrix("kernel: Gemm: b", transB, k, n, b, ldb)
	checkMatrix("kernel: Gemm: c", false, m, n, c, ldc)
	if len(scratch) < GemmScratchLen(m, n, k) {
		panic("kernel: Gemm: scratch too short")
	}
	ai, ak := lda, 1
	if transA {
		ai, ak = 1, lda
	}
	bk, bj := ldb, 1
	if transB {
		bk, bj = 1, ldb
	}
	for i := range m {
		row := c[i*ldc:][:n]
		if !accumulate {
			clear(row)
		}
		for l := range k {
			v := a[i*ai+l*ak]
			for j := range row {
				row[j] = FMA(v, b[l*bk+j*bj], row[j])
			}
		}
	}
}

// GemmScratchLen returns the scratch length that Gemm needs.
func GemmScratchLen(m, n, k int) int { return 0 }

// checkMatrix panics with name unless the stored matrix holds op's (rows, cols).
func checkMatrix(name string, trans bool, rows, cols int, x []float32, ld int) {
	if trans {
		rows, cols = cols, rows
	}
	if rows < 0 || cols < 0 || ld < cols {
		panic(name + ": impossible shape")
	}
	if rows > 0 && cols > 0 && len(x) < (rows-1)*ld+cols {
		panic(name + ": slice too short")
	}
}
