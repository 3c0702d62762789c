package kernel

// A Range is the whole numbers from Lo up to but not including Hi.
type Range struct{ Lo, Hi int }

// Len returns how many numbers r has.
func (r Range) Len() int { return r.Hi - r.Lo }

// Of returns that part of x.
func (r Range) Of(x []float32) []float32 { return x[r.Lo:r.Hi] }
