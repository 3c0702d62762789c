package kernel

// The element-wise kernels work on slices of equal length, a multiple of 32.
// Every product is rounded by itself; there is no fused multiply-add here.
// The output may be one of the inputs.

// Add sets y = a + b.
func Add(y, a, b []float32) {
	need(len(a) == len(y) && len(b) == len(y))
	for i := addSIMD(y, a, b); i < len(y); i++ {
		y[i] = a[i] + b[i]
	}
}

// ReLU sets y = x where x is not below 0, else 0; NaN stays.
func ReLU(y, x []float32) {
	need(len(x) == len(y))
	for i := reluSIMD(y, x); i < len(y); i++ {
		v := x[i]
		if v < 0 {
			v = 0
		}
		y[i] = v
	}
}

// ReLUBackward sets dx = dy where y > 0, else 0.
func ReLUBackward(dx, dy, y []float32) {
	need(len(dy) == len(dx) && len(y) == len(dx))
	for i := reluBackwardSIMD(dx, dy, y); i < len(y); i++ {
		var d float32
		if y[i] > 0 {
			d = dy[i]
		}
		dx[i] = d
	}
}

// AddReLUBackward sets dx = a + b where y > 0, else 0: the gradient of a
// rectified output that two nodes read.
func AddReLUBackward(dx, a, b, y []float32) {
	need(len(a) == len(dx) && len(b) == len(dx) && len(y) == len(dx))
	for i := addReLUBackwardSIMD(dx, a, b, y); i < len(y); i++ {
		var d float32
		if y[i] > 0 {
			d = a[i] + b[i]
		}
		dx[i] = d
	}
}

// ZeroLanes sets lanes from..31 of every row of x to 0.
func ZeroLanes(x []float32, from int) {
	for i := 0; i+lanes <= len(x); i += lanes {
		clear(x[i+from : i+lanes])
	}
}
