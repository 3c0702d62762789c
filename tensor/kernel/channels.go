package kernel

// Passes beside which channels of a sample, or parameters, stay the same over all
// positions. x, y and their gradients are (blocks, positions, C, 32).

// MultiplyChannels sets y = x g, where g (blocks, C, 32) has a value for each channel of a
// sample. y may be x.
func MultiplyChannels(y, x, g []float32, positions, blocks int) {
	n := rowsOf(y, x, g, positions, blocks)
	for b := range blocks {
		for p := range positions {
			at := (b*positions + p) * n
			Multiply(y[at:at+n], x[at:at+n], g[b*n:(b+1)*n])
		}
	}
}

// MultiplyChannelsBackward sets dg (blocks, C, 32) to the sum of dy x over the positions of
// each sample, in order from +0.
func MultiplyChannelsBackward(dg, dy, x []float32, positions, blocks int) {
	n := rowsOf(dy, x, dg, positions, blocks)
	clear(dg)
	for b := range blocks {
		sum := dg[b*n : (b+1)*n]
		for p := range positions {
			at := (b*positions + p) * n
			AddProduct(sum, sum, dy[at:at+n], x[at:at+n])
		}
	}
}

// rowsOf checks extents and returns the length of the channels of a position.
func rowsOf(y, x, g []float32, positions, blocks int) int {
	need(positions > 0 && blocks > 0 && len(g)%blocks == 0 && len(x) == len(g)*positions && len(y) == len(x))
	return len(g) / blocks
}

// Shift sets y = x + shift, where shift (positions*C) has a value for each value of a
// sample. y may be x.
func Shift(y, x, shift []float32) {
	n := len(shift) * lanes
	if n == 0 {
		return
	}
	need(len(x)%n == 0 && len(y) == len(x))
	for at := 0; at < len(x); at += n {
		rowShift(y[at:at+n], x[at:at+n], shift)
	}
}

// ShiftScratchLen returns the scratch length of ShiftBackward for that many values of a sample.
func ShiftScratchLen(values int) int { return values * vec }

// ShiftBackward sets dshift to the sum of dy over all samples, whose lanes are added as
// said in the package comment. Lanes without a sample must be zero in dy.
func ShiftBackward(dshift, dy, scratch []float32) {
	need(len(scratch) >= ShiftScratchLen(len(dshift)) && (len(dshift) == 0 || len(dy)%(len(dshift)*lanes) == 0))
	foldRows(Active(), dshift, dy, scratch[:ShiftScratchLen(len(dshift))])
}
