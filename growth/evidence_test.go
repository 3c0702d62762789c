package growth

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// halves returns two estimates of W = sum_k sizes[k] u_k v_k' (a, c), with noise of
// standard deviation sigma on each element.
func halves(seed uint64, a, c int, sizes []float64, sigma float64) [2]*mat.Dense {
	s := rng.New(seed)
	at := uint64(0)
	normal := func() float64 { at++; return s.Normal(at) }
	signal := mat.NewDense(a, c, nil)
	for k, size := range sizes { // orthogonal by having elements of their own
		for i := k * a / len(sizes); i < (k+1)*a/len(sizes); i++ {
			for j := k * c / len(sizes); j < (k+1)*c/len(sizes); j++ {
				signal.Set(i, j, size/math.Sqrt(float64(a/len(sizes))*float64(c/len(sizes))))
			}
		}
	}
	var w [2]*mat.Dense
	for h := range w {
		w[h] = mat.NewDense(a, c, nil)
		for i := range a {
			for j := range c {
				w[h].Set(i, j, signal.At(i, j)+sigma*normal())
			}
		}
	}
	return w
}

// Where there is nothing, the expectation of every gain is zero, and errors are the
// spread that gains have from one try to the next.
func TestEvidenceOfNoise(t *testing.T) {
	const tries = 400
	for _, shape := range [][2]int{{27, 24}, {108, 16}, {64, 10}, {5, 3}} {
		var first, firstZ, total, totalZ, squares float64
		for n := range uint64(tries) {
			e := &Evidence{}
			e.crossValidate(halves(n, shape[0], shape[1], nil, 0.1), [2]float64{50, 50})
			d := e.Directions[0]
			first += d.Gain / d.Error / tries
			firstZ += d.Gain / d.Error * d.Gain / d.Error / tries
			total += e.Total / e.TotalError / tries
			totalZ += e.Total / e.TotalError * e.Total / e.TotalError / tries
			squares += e.Total * e.Total / tries
		}
		t.Logf("%v: first direction %.3f +- %.3f errors, total %.3f +- %.3f", shape, first, math.Sqrt(firstZ), total, math.Sqrt(totalZ))
		if math.Abs(first) > 4/math.Sqrt(tries) || math.Abs(total) > 4/math.Sqrt(tries) {
			t.Errorf("%v: mean gain of the first direction %.3f errors, of all %.3f: want none", shape, first, total)
		}
		if z := math.Sqrt(totalZ); z < 0.8 || z > 1.25 {
			t.Errorf("%v: the total spreads by %.3f of its error", shape, z)
		}
		if z := math.Sqrt(firstZ); z < 0.5 || z > 1.25 {
			t.Errorf("%v: the first gain spreads by %.3f of its error", shape, z)
		}
	}
}

// What is there is found, to within its error: the squares of the planted values, also
// of one that noise hides from any single look (its square is far below the total of
// the noise).
func TestEvidenceOfPlantedDirections(t *testing.T) {
	const tries = 200
	sizes := []float64{5, 3.5, 2.5}
	var gains, z [4]float64
	var total, totalZ, noise float64
	for n := range uint64(tries) {
		e := &Evidence{}
		e.crossValidate(halves(n, 108, 24, sizes, 0.1), [2]float64{50, 50})
		for i := range gains {
			gains[i] += e.Directions[i].Gain / tries
			want := 0.0
			if i < len(sizes) {
				want = sizes[i] * sizes[i]
			}
			d := (e.Directions[i].Gain - want) / e.Directions[i].Error
			z[i] += d * d / tries
		}
		for _, d := range e.Directions[:3] { // 0.01 is the variance of a mean over 50
			noise += d.Noise / (3 * tries)
		}
		total += e.Total / tries
		d := (e.Total - 43.5) / e.TotalError
		totalZ += d * d / tries
	}
	t.Logf("gains %.4g, spread %.3g of their errors, total %.4g, %.3g", gains, z, total, totalZ)
	for i, size := range sizes {
		if math.Abs(gains[i]-size*size) > 0.03*size*size {
			t.Errorf("direction %d has a gain of %.4g on average, want %.4g", i, gains[i], size*size)
		}
	}
	if math.Abs(noise-0.5) > 0.1 {
		t.Errorf("noise of %.3g for one sample, want 0.5", noise)
	}
	if math.Abs(gains[3]) > 0.1 {
		t.Errorf("a fourth direction has a gain of %.3g, there are three", gains[3])
	}
	if math.Abs(total-43.5) > 0.5 || totalZ > 1.6 || totalZ < 0.5 {
		t.Errorf("a total of %.4g, want 43.5, %.3g squared errors off", total, totalZ)
	}
}
