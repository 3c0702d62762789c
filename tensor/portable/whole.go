package portable

// farthest is the largest result of Int: 2^62, on both sides of 0.
const farthest = 1 << 62

// Int returns int(x) where that is within 2^62 of 0, the nearer bound where it is
// not, and 0 for what is no number. Go leaves such conversions to the
// processor: on amd64 a large value becomes the smallest int, on arm64 the largest.
func Int(x float64) int {
	switch {
	case x >= farthest:
		return farthest
	case x <= -farthest:
		return -farthest
	case x != x:
		return 0
	}
	return int(x)
}
