package optim

import (
	"math"
	"testing"
)

func TestClipShortensTheGradientInItsOwnDirection(t *testing.T) {
	grad := make([]float32, 10005)
	var sum float64
	for i := range grad {
		grad[i] = float32(i%7) - 3
		sum += float64(grad[i]) * float64(grad[i])
	}
	norm := math.Sqrt(sum) / 64
	if got := Clip([]float64{Squares(grad[:4000]), Squares(grad[4000:])}, 1./64, norm*1.01); got != 1./64 {
		t.Errorf("a gradient below the limit is scaled by %g", got)
	}
	if got, want := Clip([]float64{Squares(grad[:4000]), Squares(grad[4000:])}, 1./64, norm/10), float32(1./640); math.Abs(float64(got/want)-1) > 1e-5 {
		t.Errorf("scale %g, want %g", got, want)
	}
	if got := Clip([]float64{Squares(grad[:4000]), Squares(grad[4000:])}, 1./64, 0); got != 1./64 {
		t.Errorf("no limit scales by %g", got)
	}
}
