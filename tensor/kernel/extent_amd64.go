package kernel

//go:generate go run -C passgen . -out ../passes_amd64.s -stubs ../passes_stubs_amd64.go -pkg kernel

// channelGroup is how many channels the AVX-512 bodies of sums take at once.
const channelGroup = 4

// extent returns the pixels and channels of x under the table k.
func extent(x, k []float32) (pixels, channels int) {
	channels = len(k) / NormCoefs
	if channels == 0 {
		return 0, 0
	}
	return len(x) / (channels * lanes), channels
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

// vectorLen returns how many float32 a register of isa holds.
func vectorLen(isa ISA) int {
	if isa == AVX512 {
		return 16
	}
	return 8
}
