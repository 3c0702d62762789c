package kernel

// A laneProduct call is a matrix product of each lane by itself:
//
//	for i in 0..rows, j in 0..cols, lane:
//	  acc = c[i*cRow + j*cCol + lane] (or 0 if fresh)
//	  for k in 0..depth: acc = FMA(a[i*aRow + k*aStep + lane], b[j*bCol + k*bStep + lane], acc)
//	  c[i*cRow + j*cCol + lane] = acc
type laneProduct struct {
	rows, cols, depth int
	c, a, b           []float32
	cRow, cCol        int
	aRow, aStep       int
	bCol, bStep       int
	fresh             bool
}

// check panics unless every element that the call touches exists.
func (p *laneProduct) check() {
	if p.rows < 1 || p.cols < 1 || p.depth < 1 || min(p.cRow, p.cCol, p.aRow, p.aStep, p.bCol, p.bStep) < 0 {
		panic("kernel: impossible lane product")
	}
	last := p.depth - 1
	if len(p.c) < (p.rows-1)*p.cRow+(p.cols-1)*p.cCol+lanes {
		panic("kernel: lane product destination too short")
	}
	if len(p.a) < (p.rows-1)*p.aRow+last*p.aStep+lanes || len(p.b) < (p.cols-1)*p.bCol+last*p.bStep+lanes {
		panic("kernel: lane product source too short")
	}
}

// doGeneric is the loop above in Go.
func (p *laneProduct) doGeneric() {
	for i := range p.rows {
		for j := range p.cols {
			acc := p.c[i*p.cRow+j*p.cCol:][:lanes]
			if p.fresh {
				clear(acc)
			}
			for k := range p.depth {
				fmaRows(acc, p.a[i*p.aRow+k*p.aStep:], p.b[j*p.bCol+k*p.bStep:])
			}
		}
	}
}
