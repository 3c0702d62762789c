package kernel

//go:generate go run ./passgen -out passes_amd64.s -stubs passes_stubs_amd64.go -pkg kernel

// The functions below run the body of the active instruction set, where it has
// one, on extents that their callers have checked. Those over elements return
// how many elements they did, those over pixels whether they did their work.

// extent returns the pixels and channels of x under the table k.
func extent(x, k []float32) (pixels, channels int) {
	channels = len(k) / NormCoefs
	if channels == 0 {
		return 0, 0
	}
	return len(x) / (channels * lanes), channels
}

func normSIMD(y, x, k []float32, relu bool) bool {
	p, c := extent(x, k)
	if p == 0 {
		return false
	}
	switch isa := Active(); {
	case isa == AVX512 && relu:
		normReLUAVX512(&y[0], &x[0], &k[0], p, c)
	case isa == AVX512:
		normAVX512(&y[0], &x[0], &k[0], p, c)
	case isa == AVX2 && relu:
		normReLUAVX2(&y[0], &x[0], &k[0], p, c)
	case isa == AVX2:
		normAVX2(&y[0], &x[0], &k[0], p, c)
	default:
		return false
	}
	return true
}

func normAddSIMD(y, x, skip, k []float32, relu bool) bool {
	p, c := extent(x, k)
	if p == 0 {
		return false
	}
	switch isa := Active(); {
	case isa == AVX512 && relu:
		normAddReLUAVX512(&y[0], &x[0], &skip[0], &k[0], p, c)
	case isa == AVX512:
		normAddAVX512(&y[0], &x[0], &skip[0], &k[0], p, c)
	case isa == AVX2 && relu:
		normAddReLUAVX2(&y[0], &x[0], &skip[0], &k[0], p, c)
	case isa == AVX2:
		normAddAVX2(&y[0], &x[0], &skip[0], &k[0], p, c)
	default:
		return false
	}
	return true
}

func momentsSIMD(s, q, x, k []float32) bool {
	p, c := extent(x, k)
	isa := Active()
	if p == 0 || isa == Generic {
		return false
	}
	const group = 4
	stride := 4 * c * lanes
	for j := 0; j < c; {
		r := j * lanes
		switch {
		case isa == AVX512 && c-j >= group:
			momentsGroupAVX512(&s[r], &q[r], &x[r], &k[j*NormCoefs], p, stride)
			j += group
			continue
		case isa == AVX512:
			momentsAVX512(&s[r], &q[r], &x[r], &k[j*NormCoefs], p, stride)
		default:
			momentsAVX2(&s[r], &q[r], &x[r], &k[j*NormCoefs], p, stride)
		}
		j++
	}
	return true
}

func normSumsSIMD(s, q, dy, x, k []float32, relu bool) bool {
	p, c := extent(x, k)
	isa := Active()
	if p == 0 || isa == Generic {
		return false
	}
	const group = 4
	stride := 4 * c * lanes
	for j := 0; j < c; {
		r, step := j*lanes, 1
		kr := &k[j*NormCoefs]
		switch wide := isa == AVX512 && c-j >= group; {
		case wide && relu:
			normSumsReLUGroupAVX512(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
			step = group
		case wide:
			normSumsGroupAVX512(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
			step = group
		case isa == AVX512 && relu:
			normSumsReLUAVX512(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
		case isa == AVX512:
			normSumsAVX512(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
		case relu:
			normSumsReLUAVX2(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
		default:
			normSumsAVX2(&s[r], &q[r], &dy[r], &x[r], kr, p, stride)
		}
		j += step
	}
	return true
}

func normBackwardSIMD(dx, dy, x, k []float32, relu bool) bool {
	p, c := extent(x, k)
	if p == 0 {
		return false
	}
	switch isa := Active(); {
	case isa == AVX512 && relu:
		normBackwardReLUAVX512(&dx[0], &dy[0], &x[0], &k[0], p, c)
	case isa == AVX512:
		normBackwardAVX512(&dx[0], &dy[0], &x[0], &k[0], p, c)
	case isa == AVX2 && relu:
		normBackwardReLUAVX2(&dx[0], &dy[0], &x[0], &k[0], p, c)
	case isa == AVX2:
		normBackwardAVX2(&dx[0], &dy[0], &x[0], &k[0], p, c)
	default:
		return false
	}
	return true
}

// poolRows calls f for every row of windows with the offset of its first
// window in x and in y, if the windows are the 2 x 2 tiles that the bodies know
// and an instruction set is active that has them.
func poolRows(w Window, blocks int, f func(isa ISA, x, y int)) bool {
	isa := Active()
	if isa == Generic || w.KH != 2 || w.KW != 2 || w.C == 0 || w.H == 0 || w.W == 0 {
		return false
	}
	for r := range blocks * w.OutH() {
		f(isa, r*2*w.W*w.C*lanes, r*w.OutW()*w.C*lanes)
	}
	return true
}

func normMaxPoolSIMD(y, x, k []float32, w Window, blocks int) bool {
	pixel := 4 * w.C * lanes
	return poolRows(w, blocks, func(isa ISA, xo, yo int) {
		if isa == AVX512 {
			normMaxPool2AVX512(&y[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		} else {
			normMaxPool2AVX2(&y[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		}
	})
}

func normMaxPoolSumsSIMD(s, q, dy, x, k []float32, w Window) bool {
	pixel := 4 * w.C * lanes
	return poolRows(w, 1, func(isa ISA, xo, yo int) {
		if isa == AVX512 {
			normMaxPoolSums2AVX512(&s[0], &q[0], &dy[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		} else {
			normMaxPoolSums2AVX2(&s[0], &q[0], &dy[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		}
	})
}

func normMaxPoolBackwardSIMD(dx, dy, x, k []float32, w Window, blocks int) bool {
	pixel := 4 * w.C * lanes
	return poolRows(w, blocks, func(isa ISA, xo, yo int) {
		if isa == AVX512 {
			normMaxPoolBackward2AVX512(&dx[xo], &dy[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		} else {
			normMaxPoolBackward2AVX2(&dx[xo], &dy[yo], &x[xo], &k[0], w.OutW(), w.C, pixel, w.W*pixel)
		}
	})
}

// vectorLen returns how many float32 a register of isa holds.
func vectorLen(isa ISA) int {
	if isa == AVX512 {
		return 16
	}
	return 8
}

func sgdSIMD(param, grad, velocity []float32, k SGDCoefs) int {
	isa := Active()
	n := len(param) / vectorLen(isa)
	if n == 0 || isa == Generic {
		return 0
	}
	coefs := [...]float32{k.Scale, k.LR, k.Momentum, k.WeightDecay}
	p, g, c := &param[0], &grad[0], &coefs[0]
	v := p
	if k.Momentum != 0 {
		v = &velocity[0]
	}
	switch {
	case isa == AVX512 && k.Momentum == 0:
		sgdPlainAVX512(p, g, v, c, n)
	case isa == AVX512 && k.Nesterov:
		sgdNesterovAVX512(p, g, v, c, n)
	case isa == AVX512:
		sgdMomentumAVX512(p, g, v, c, n)
	case k.Momentum == 0:
		sgdPlainAVX2(p, g, v, c, n)
	case k.Nesterov:
		sgdNesterovAVX2(p, g, v, c, n)
	default:
		sgdMomentumAVX2(p, g, v, c, n)
	}
	return n * vectorLen(isa)
}

func adamWSIMD(param, grad, m, v []float32, k AdamCoefs) int {
	isa := Active()
	n := len(param) / vectorLen(isa)
	if n == 0 || isa == Generic {
		return 0
	}
	coefs := [...]float32{k.Scale, k.Beta1, k.Beta2, k.Rest1, k.Rest2, k.Keep, k.Step, k.Root, k.Eps}
	if isa == AVX512 {
		adamWAVX512(&param[0], &grad[0], &m[0], &v[0], &coefs[0], n)
	} else {
		adamWAVX2(&param[0], &grad[0], &m[0], &v[0], &coefs[0], n)
	}
	return n * vectorLen(isa)
}

func raiseSIMD(m, v []float32) int {
	n := len(m) / lanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		raiseAVX512(&m[0], &v[0], n)
	case AVX2:
		raiseAVX2(&m[0], &v[0], n)
	default:
		return 0
	}
	return n * lanes
}

func claimSIMD(dx, rest, x, m []float32) int {
	n := len(dx) / lanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		claimAVX512(&dx[0], &rest[0], &x[0], &m[0], n)
	case AVX2:
		claimAVX2(&dx[0], &rest[0], &x[0], &m[0], n)
	default:
		return 0
	}
	return n * lanes
}

func addScaledSIMD(y, x []float32, scale *float32) int {
	n := len(y) / lanes
	if n == 0 {
		return 0
	}
	switch Active() {
	case AVX512:
		addScaledAVX512(&y[0], &x[0], scale, n)
	case AVX2:
		addScaledAVX2(&y[0], &x[0], scale, n)
	default:
		return 0
	}
	return n * lanes
}
