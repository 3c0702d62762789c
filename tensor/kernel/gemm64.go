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
// over k, starting at c (accumulate) or +0. scratch needs Gemm64ScratchLen.
func Gemm64(c, a, b Matrix[float64], accumulate bool, scratch []float64) {
	shape := productShape("kernel: Gemm64", c, a, b)
	if len(scratch) < Gemm64ScratchLen {
		panic("kernel: Gemm64: scratch too short")
	}
	if shape.K == 0 && !accumulate {
		c.clear()
	}
	isa := Active()
	limit := panelHeight(isa)
	tile, scratch := scratch[:14*width64], scratch[14*width64:]
	for l := 0; l < shape.K; l += gemmK {
		steps := Range{l, min(shape.K, l+gemmK)}
		depth := steps.Len()
		for j := 0; j < shape.N; j += gemm64N {
			cols := Range{j, min(shape.N, j+gemm64N)}
			packedB, packedA := scratch[:(cols.Len()+width64-1)/width64*width64*depth], scratch[gemmK*gemm64N:]
			pack64(packedB, b.T(), cols, steps, width64)
			for i := 0; i < shape.M; i += limit {
				s := sum64{rows: min(limit, shape.M-i), k: depth, fresh: l == 0 && !accumulate, a: packedA}
				pack64(packedA, a, Range{i, i + s.rows}, steps, s.rows)
				for q := 0; q < cols.Len(); q += width64 {
					s.b = packedB[q*depth:]
					s.onto(isa, Matrix[float64]{Data: c.Data[i*c.Stride+j+q:], Stride: c.Stride, Cols: min(width64, cols.Len()-q)}, tile)
				}
			}
		}
	}
}

// gemm64N is how many columns of b are packed at a time.
const gemm64N = 512

// Gemm64ScratchLen is the scratch length that Gemm64 needs.
const Gemm64ScratchLen = 14*width64 + gemmK*(gemm64N+14)

// onto runs s on c, a few rows and columns of C, by way of tile if c is narrower than a tile.
func (s *sum64) onto(isa ISA, c Matrix[float64], tile []float64) {
	if c.Cols == width64 {
		s.c, s.cStep = c.Data, c.Stride
		s.do(isa)
		return
	}
	s.c, s.cStep = tile, width64
	if !s.fresh {
		for r := range s.rows {
			copy(tile[r*width64:][:c.Cols], c.Data[r*c.Stride:])
		}
	}
	s.do(isa)
	for r := range s.rows {
		copy(c.Data[r*c.Stride:][:c.Cols], tile[r*width64:])
	}
}

// pack64 copies a range of m's rows, at a range of its columns (steps of the
// summed index), to panels [step][width].
func pack64(dst []float64, m Matrix[float64], rows, steps Range, width int) {
	k := steps.Len()
	for p := 0; p < rows.Len(); p += width {
		first, n := rows.Lo+p, min(width, rows.Len()-p)
		out := dst[p*k:][:width*k]
		if m.Transposed {
			for q := range k {
				copy(out[q*width:][:n], m.Data[(steps.Lo+q)*m.Stride+first:])
			}
			continue
		}
		for r := range n {
			at := r
			for _, v := range m.Data[(first+r)*m.Stride+steps.Lo:][:k] {
				out[at] = v
				at += width
			}
		}
	}
}
