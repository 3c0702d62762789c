package stat

import (
	"math"
	"testing"
)

func TestSpearman(t *testing.T) {
	for _, c := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4}, []float64{10, 20, 300, 4000}, 1},
		{[]float64{1, 2, 3, 4}, []float64{4, 3, 2, 1}, -1},
		// an example of textbooks: 1 - 6 x 194 / (10 x 99)
		{[]float64{106, 100, 86, 101, 99, 103, 97, 113, 112, 110}, []float64{7, 27, 2, 50, 28, 29, 20, 12, 6, 17}, -29.0 / 165},
		{[]float64{1, 1, 2}, []float64{1, 2, 3}, math.Sqrt(0.75)},
		{[]float64{1, 1, 1}, []float64{1, 2, 3}, 0},
	} {
		if got := Spearman(c.x, c.y); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v and %v: %v, not %v", c.x, c.y, got, c.want)
		}
	}
}
