package kernel

import "math"

// width64 is the number of columns of a float64 tile.
const width64 = 16

// A sum64 call adds the product of packed panels of float64 to a tile of C:
//
//	for r in 0..rows, j in 0..16:
//	  acc = c[r*cStep + j] (or 0 if fresh)
//	  for l in 0..k:
//	    acc = FMA(a[l*rows + r], b[l*16 + j], acc)
//	  c[r*cStep + j] = acc
type sum64 struct {
	rows, k int
	c       []float64
	cStep   int
	fresh   bool
	a, b    []float64
}

// check panics unless every element that the call touches exists.
func (s *sum64) check() {
	if s.rows < 1 || s.k < 1 || s.cStep < 0 || len(s.c) < (s.rows-1)*s.cStep+width64 ||
		len(s.a) < s.k*s.rows || len(s.b) < s.k*width64 {
		panic("kernel: float64 tile too short")
	}
}

// doGeneric is the loop above in Go.
func (s *sum64) doGeneric() {
	for r := range s.rows {
		c := s.c[r*s.cStep:][:width64]
		if s.fresh {
			clear(c)
		}
		for l := range s.k {
			a := s.a[l*s.rows+r]
			for j, b := range s.b[l*width64:][:width64] {
				c[j] = math.FMA(a, b, c[j])
			}
		}
	}
}

// Gemm64 is Gemm in float64: each element is one chain of fused multiply-adds
// over k, starting at C (accumulate) or +0. scratch needs Gemm64ScratchLen.
func Gemm64(transA, transB bool, m, n, k int, a []float64, lda int, b []float64, ldb int,
	c []float64, ldc int, accumulate bool, scratch []float64) {
	checkStored("kernel: Gemm64: a", transA, m, k, len(a), lda)
	checkStored("kernel: Gemm64: b", transB, k, n, len(b), ldb)
	checkStored("kernel: Gemm64: c", false, m, n, len(c), ldc)
	if len(scratch) < Gemm64ScratchLen(m, n, k) {
		panic("kernel: Gemm64: scratch too short")
	}
	if m == 0 || n == 0 {
		return
	}
	if k == 0 && !accumulate {
		for i := range m {
			clear(c[i*ldc:][:n])
		}
	}
	isa := Active()
	limit := panelHeight(isa)
	tile, scratch := scratch[:14*width64], scratch[14*width64:]
	for l := 0; l < k; l += gemmK {
		depth := min(gemmK, k-l)
		for j := 0; j < n; j += gemm64N {
			cols := min(gemm64N, n-j)
			packedB, packedA := scratch[:(cols+width64-1)/width64*width64*depth], scratch[gemmK*gemm64N:]
			pack64(packedB, b, ldb, !transB, j, cols, l, depth, width64)
			for i := 0; i < m; i += limit {
				s := sum64{rows: min(limit, m-i), k: depth, fresh: l == 0 && !accumulate, a: packedA}
				pack64(packedA, a, lda, transA, i, s.rows, l, depth, s.rows)
				for q := 0; q < cols; q += width64 {
					s.b = packedB[q*depth:]
					s.onto(isa, c[i*ldc+j+q:], ldc, min(width64, cols-q), tile)
				}
			}
		}
	}
}

// gemm64N is how many columns of B are packed at a time.
const gemm64N = 512

// Gemm64ScratchLen returns the scratch length that Gemm64 needs; today it is the same for all shapes.
func Gemm64ScratchLen(m, n, k int) int { return 14*width64 + gemmK*(gemm64N+14) }

// onto runs s on cols columns of C, by way of tile if they are fewer than a tile's.
func (s *sum64) onto(isa ISA, c []float64, ldc, cols int, tile []float64) {
	if cols == width64 {
		s.c, s.cStep = c, ldc
		s.do(isa)
		return
	}
	s.c, s.cStep = tile, width64
	if !s.fresh {
		for r := range s.rows {
			copy(tile[r*width64:][:cols], c[r*ldc:])
		}
	}
	s.do(isa)
	for r := range s.rows {
		copy(c[r*ldc:][:cols], tile[r*width64:])
	}
}

// pack64 copies n rows of x from first on, k steps from l on, to panels [k][width]; a
// row is contiguous in x unless across is set.
func pack64(dst, x []float64, ld int, across bool, first, n, l, k, width int) {
	for p := 0; p < n; p += width {
		rows := min(width, n-p)
		out := dst[p*k:][:width*k]
		if across {
			for q := range k {
				copy(out[q*width:][:rows], x[(l+q)*ld+first+p:])
			}
			continue
		}
		for r := range rows {
			at := r
			for _, v := range x[(first+p+r)*ld+l:][:k] {
				out[at] = v
				at += width
			}
		}
	}
}
