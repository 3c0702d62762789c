package kernel

// A transpose call copies a matrix to its transpose:
//
//	for i in 0..rows, j in 0..cols:
//	  dst[j*dstStep + i] = src[i*srcStep + j]
//
// Columns are done in ascending order, but a vector body may write up to 16
// rows of a column at once in any order of rows.
type transpose struct {
	dst, src         []float32
	dstStep, srcStep int
	rows, cols       int
}

// check panics unless every element that the call touches exists.
func (t *transpose) check() {
	if t.rows < 0 || t.cols < 0 || t.dstStep < 0 || t.srcStep < 0 {
		panic("kernel: impossible transpose call")
	}
	if t.rows == 0 || t.cols == 0 {
		return
	}
	if len(t.dst) < (t.cols-1)*t.dstStep+t.rows || len(t.src) < (t.rows-1)*t.srcStep+t.cols {
		panic("kernel: transpose data too short")
	}
}

// doGeneric is the loop above in Go.
func (t *transpose) doGeneric() {
	if t.rows == 0 || t.cols == 0 {
		return
	}
	for j := range t.cols {
		dst := t.dst[j*t.dstStep:][:t.rows]
		from := j
		for i := range dst {
			dst[i] = t.src[from]
			from += t.srcStep
		}
	}
}
