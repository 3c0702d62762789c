package kernel

// A sum call adds outer products to a matrix C:
//
//	for r in 0..rows, j in 0..16*vecs:
//	  acc = c[r*cStep + j] (or 0 if fresh)
//	  for each seg, for i in 0..n, for l in 0..k:
//	    acc = FMA(a[seg.a + i*aLane + l*aStep + r], b[seg.b + i*bLane + l*bStep + j], acc)
//	  c[r*cStep + j] = acc
//
// With upper set, elements r > j may be left alone.
type sum struct {
	rows, vecs   int
	upper        bool
	c            []float32
	cStep        int
	fresh        bool
	a, b         []float32
	segs         []seg
	n            int
	aLane, bLane int
	k            int
	aStep, bStep int
}

// A seg is where one stretch of the summed index starts in a and b.
type seg struct{ a, b int }

// A triple is a seg of a sum call of three vectors that do not follow each other in
// b: the second lies second floats past the first, the third third floats.
type triple struct{ a, b, second, third int }

// checkTriples is check for a call with triples.
func (s *sum) checkTriples(segs []triple) {
	s.check()
	if s.vecs != 3 || len(s.segs) != 0 {
		panic("kernel: impossible sum call")
	}
	one := *s
	one.vecs = 1
	var all [3]seg
	one.segs = all[:]
	for _, g := range segs {
		all = [3]seg{{g.a, g.b}, {g.a, g.b + g.second}, {g.a, g.b + g.third}}
		one.check()
	}
}

// doTriplesGeneric is the loop of sum over triples in Go.
func (s *sum) doTriplesGeneric(segs []triple) {
	one := *s
	one.vecs = 1
	var all [1]seg
	one.segs = all[:]
	for v := range 3 {
		one.fresh, one.c = s.fresh, s.c[v*vec:]
		for _, g := range segs {
			all[0] = seg{g.a, g.b + [3]int{0, g.second, g.third}[v]}
			one.doGeneric()
			one.fresh = false
		}
	}
}

// vec is the number of columns that one vector of a sum call covers.
const vec = 16

// check panics unless every element that the call touches exists.
func (s *sum) check() {
	if s.rows < 1 || s.vecs < 1 || s.n < 1 || s.k < 1 || min(s.cStep, s.aLane, s.bLane, s.aStep, s.bStep) < 0 {
		panic("kernel: impossible sum call")
	}
	if len(s.c) < (s.rows-1)*s.cStep+vec*s.vecs {
		panic("kernel: sum destination too short")
	}
	a := (s.n-1)*s.aLane + (s.k-1)*s.aStep + s.rows
	b := (s.n-1)*s.bLane + (s.k-1)*s.bStep + vec*s.vecs
	for _, g := range s.segs {
		if g.a < 0 || g.b < 0 || len(s.a) < g.a+a || len(s.b) < g.b+b {
			panic("kernel: sum source too short")
		}
	}
}

// doGeneric is the loop above in Go.
func (s *sum) doGeneric() {
	for r := range s.rows {
		for v := range s.vecs {
			c := s.c[r*s.cStep+v*vec:][:vec]
			var acc [vec]float32
			if !s.fresh {
				copy(acc[:], c)
			}
			for _, g := range s.segs {
				for i := range s.n {
					a, b := g.a+i*s.aLane+r, g.b+i*s.bLane+v*vec
					for l := range s.k {
						fmaRow(acc[:], s.a[a+l*s.aStep], s.b[b+l*s.bStep:])
					}
				}
			}
			copy(c, acc[:])
		}
	}
}

// fuse turns lanes that follow each other evenly into one long stretch.
func (s *sum) fuse() {
	if s.k == 1 {
		s.k, s.n, s.aStep, s.bStep = s.n, 1, s.aLane, s.bLane
	}
	if s.aLane == s.k*s.aStep && s.bLane == s.k*s.bStep {
		s.k, s.n = s.k*s.n, 1
	}
}

// sumRows returns the most rows of a sum call of vecs vectors.
func sumRows(isa ISA, vecs int) int {
	switch {
	case isa == AVX2 || isa == NEON:
		return 6
	case vecs == 3:
		return 9
	}
	return 14
}

// tileVecs returns how many of the vectors that are left the next tile
// takes, so that no single vector stays behind if that can be avoided.
func (s *sum) tileVecs(isa ISA, left int) int {
	switch {
	case isa == AVX2 || isa == NEON:
		return 1
	case left <= 3:
		return left
	case s.rows <= 4 && left != 4 || left%2 == 1:
		return 3
	}
	return 2
}
