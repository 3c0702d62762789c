package portable

import (
	"math"
	"testing"
)

func TestIntIsTheSameOutOfRange(t *testing.T) {
	for _, c := range []struct {
		x    float64
		want int
	}{{0, 0}, {-2.9, -2}, {2.9, 2}, {1 << 53, 1 << 53}, {1e19, farthest}, {1e300, farthest}, {-1e300, -farthest}, {math.Inf(1), farthest},
		{math.Inf(-1), -farthest}, {math.NaN(), 0}} {
		if got := Int(c.x); got != c.want {
			t.Errorf("Int(%v) = %d, want %d", c.x, got, c.want)
		}
	}
}
