package predictor

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

// drawn returns n samples of a few widths and a rate, of which the first labelled have an accuracy. final is what a run ends with, seen
// what its first part tells.
func drawn(seed uint64, n, labelled int, final func(f map[string]float64, noise float64) float64,
	seen func(f map[string]float64, final, noise float64) []float64) []Sample {
	draws := rand.New(rand.NewPCG(seed, 3))
	samples := make([]Sample, n)
	for i := range samples {
		f := map[string]float64{"same": 3}
		sum := 0.0
		for d := range 4 {
			w := 2 + 5*draws.Float64()
			f[fmt.Sprintf("width %d", d)] = w
			sum += math.Exp2(w)
		}
		f["params"], f["lr"] = math.Log2(sum), -4+4*draws.Float64()
		s := Sample{Features: f, Final: final(f, draws.NormFloat64()), Labelled: i < labelled}
		s.Seen = seen(f, s.Final, draws.NormFloat64())
		samples[i] = s
	}
	return samples
}

// hill is an accuracy that rises with the parameters and has an optimal rate.
func hill(f map[string]float64, noise float64) float64 {
	return 0.3 + 0.05*f["params"] - 0.05*(f["lr"]+2)*(f["lr"]+2) + 0.01*noise
}

// early is what a part of a run shows: networks of more parameters have had less of their course.
func early(f map[string]float64, final, noise float64) []float64 {
	return []float64{final - 0.06*f["params"] + 0.01*noise}
}

// The codes are those of the linear auto-encoder of the smallest error: what their span leaves of the standardised features is what
// gonum's singular values say, and no other encoder of as many numbers leaves less.
func TestCodesAreTheBestLinearOnes(t *testing.T) {
	samples := drawn(1, 40, 0, hill, early)
	codes := Encode(samples)
	flat, p := standardised(samples)
	x := mat.NewDense(len(samples), p, flat)
	k := len(codes[0])
	if p != 6 || k < 2 || k > maxCode {
		t.Fatalf("%d features, codes of %d", p, k)
	}
	encoder := mat.NewDense(len(samples), k, nil)
	length := 0.0
	for i, c := range codes {
		encoder.SetRow(i, c)
		for _, v := range c {
			length += v * v
		}
	}
	if math.Abs(length/40-1) > 1e-9 {
		t.Errorf("mean squared length %v", length/40)
	}
	var svd mat.SVD
	if !svd.Factorize(x, mat.SVDThin) {
		t.Fatal("gonum finds no singular values")
	}
	want := 0.0
	for _, v := range svd.Values(nil)[k:] {
		want += v * v
	}
	least := leftOf(x, encoder)
	if math.Abs(least-want) > 1e-8 {
		t.Errorf("the codes leave %v, the singular values say %v", least, want)
	}
	draws := rand.New(rand.NewPCG(2, 2))
	for range 50 {
		other := mat.DenseCopyOf(encoder)
		for i := range 40 {
			for j := range k {
				other.Set(i, j, other.At(i, j)+0.1*draws.NormFloat64())
			}
		}
		if left := leftOf(x, other); left < least {
			t.Errorf("another code leaves %v, less than %v", left, least)
		}
	}
	if codes := Encode([]Sample{{Features: map[string]float64{"a": 1}}, {Features: map[string]float64{"a": 1}}}); len(codes[0]) != 0 {
		t.Errorf("%v of features that are the same", codes)
	}
}

// leftOf returns the squared error of the best linear decoder of codes.
func leftOf(x, codes *mat.Dense) float64 {
	var decoder, back mat.Dense
	if err := decoder.Solve(codes, x); err != nil {
		panic(err)
	}
	back.Mul(codes, &decoder)
	back.Sub(x, &back)
	n := mat.Norm(&back, 2)
	return n * n
}

// objective is the function that is minimised, written anew from the formula.
func objective(s *system, samples []Sample, w []float64, ridge, lambda float64) float64 {
	f, n := s.readings(w), len(samples)
	codes, seen := Encode(samples), seenOf(samples)
	distance := func(i, j int) float64 {
		d := 0.0
		for k := range codes[i] {
			d += (codes[i][k] - codes[j][k]) * (codes[i][k] - codes[j][k])
		}
		for _, column := range seen {
			d += (column[i] - column[j]) * (column[i] - column[j])
		}
		return d
	}
	var all []float64
	for i := range n {
		for j := range i {
			all = append(all, distance(i, j))
		}
	}
	below := func(t float64) (count int) {
		for _, d := range all {
			if d < t {
				count++
			}
		}
		return count
	}
	t := 0.0 // the median, by counting
	for _, d := range all {
		if below(d) == len(all)/2 {
			t = d
		}
	}
	value, similarities, difference, labelled := 0.0, 0.0, 0.0, 0
	for i, sample := range samples {
		if sample.Labelled {
			value += (sample.Final - f[i]) * (sample.Final - f[i])
			labelled++
		}
		for j := range n {
			if i != j {
				similar := math.Exp(-distance(i, j) / t)
				similarities += similar
				difference += similar * (f[i] - f[j]) * (f[i] - f[j])
			}
		}
	}
	value += lambda * float64(labelled) / similarities * difference
	for _, v := range w[s.free:] {
		value += ridge * v * v
	}
	return value
}

// The weights are where the objective is stationary: by central differences its derivative is zero along each of them, for all ridges
// and lambdas.
func TestTheSystemIsSolved(t *testing.T) {
	samples := drawn(5, 30, 20, hill, early)
	s := newSystem(samples)
	for _, ridge := range ridges[1:] {
		for _, lambda := range lambdas {
			w, _ := s.solve(ridge, lambda)
			for k := range w {
				const h = 1e-4
				at := w[k]
				w[k] = at + h
				above := objective(s, samples, w, ridge, lambda)
				w[k] = at - h
				below := objective(s, samples, w, ridge, lambda)
				w[k] = at
				here := objective(s, samples, w, ridge, lambda)
				slope, curve := (above-below)/(2*h), (above+below-2*here)/(h*h)
				if math.Abs(slope) > 1e-7*(1+curve) || curve < 0 {
					t.Errorf("ridge %v, lambda %v: derivative %v along weight %d, curvature %v", ridge, lambda, slope, k, curve)
				}
			}
		}
	}
}

// The error of a sample without its label is what a prediction without that label really has.
func TestErrorsAreOfSamplesWithoutTheirLabels(t *testing.T) {
	samples := drawn(7, 16, 12, hill, early)
	whole := newSystem(samples)
	for _, lambda := range lambdas {
		_, got := whole.solve(1, lambda)
		sum := 0.0
		for i := range 12 {
			without := append([]Sample{}, samples...)
			without[i].Labelled = false
			s := newSystem(without)
			w, _ := s.solve(1, lambda*12/11) // the similarities are scaled by how many are labelled
			e := s.readings(w)[i] - samples[i].Final
			sum += e * e
		}
		if want := math.Sqrt(sum / 12); math.Abs(got-want) > 1e-9 {
			t.Errorf("lambda %v: error %v, by leaving each out %v", lambda, got, want)
		}
	}
}

// heldOut returns the rank correlations of what is foretold of held-out runs, and of what was seen of their curves, with what they end with,
// means over seeds; and how often the error is below twice that which was foretold.
func heldOut(final func(map[string]float64, float64) float64, seen func(map[string]float64, float64, float64) []float64) (foretold, plain, within float64) {
	const seeds, n, labelled = 20, 50, 25
	for seed := range uint64(seeds) {
		samples := drawn(seed, n, labelled, final, seen)
		p, ok := Predict(samples)
		if !ok {
			return 0, 0, 0
		}
		var a, b, truth []float64
		for i := labelled; i < n; i++ {
			a, b, truth = append(a, p.Accuracy[i]), append(b, samples[i].Seen[0]), append(truth, samples[i].Final)
			if math.Abs(p.Accuracy[i]-samples[i].Final) < 2*p.Error {
				within += 1.0 / seeds / (n - labelled)
			}
		}
		foretold += stat.Spearman(a, truth) / seeds
		plain += stat.Spearman(b, truth) / seeds
	}
	return foretold, plain, within
}

// Where the network tells something, held-out runs are ranked better than by their curves; where it tells nothing, no
// worse. Errors are about what they are said to be.
func TestHeldOutRunsAreRanked(t *testing.T) {
	foretold, plain, within := heldOut(hill, early)
	t.Logf("where networks matter: foretold %.3f, by the curve %.3f, %.2f within two errors", foretold, plain, within)
	if foretold < plain+0.2 || foretold < 0.9 || within < 0.85 {
		t.Errorf("where networks matter: foretold %.3f, by the curve %.3f, %.2f within two errors", foretold, plain, within)
	}
	whatever := func(_ map[string]float64, noise float64) float64 { return 0.5 + 0.1*noise }
	part := func(_ map[string]float64, final, noise float64) []float64 { return []float64{0.6*final + 0.03*noise} }
	foretold, plain, within = heldOut(whatever, part)
	t.Logf("where they do not: foretold %.3f, by the curve %.3f, %.2f within two errors", foretold, plain, within)
	if foretold < plain-0.02 || within < 0.85 {
		t.Errorf("where networks do not matter: foretold %.3f, by the curve %.3f, %.2f within two errors", foretold, plain, within)
	}
}

// Without a curve, what is foretold is better than a guess; with too few labels, or with none that differ, nothing breaks.
func TestWhatThereIsOfSamplesIsEnough(t *testing.T) {
	none := func(map[string]float64, float64, float64) []float64 { return nil }
	samples := drawn(3, 60, 40, hill, none)
	p, ok := Predict(samples)
	var a, truth []float64
	for i := 40; i < 60; i++ {
		a, truth = append(a, p.Accuracy[i]), append(truth, samples[i].Final)
	}
	if r := stat.Spearman(a, truth); !ok || r < 0.7 {
		t.Errorf("%v, rank correlation %v", ok, r)
	}
	for n, want := range map[int]bool{0: false, Least - 1: false, Least: true} {
		if _, ok := Predict(drawn(1, n+2, n, hill, early)); ok != want {
			t.Errorf("%d labels: %v", n, ok)
		}
	}
	if _, ok := Predict(nil); ok {
		t.Error("of nothing something is foretold")
	}
	same := make([]Sample, 6)
	for i := range same {
		same[i] = Sample{Features: map[string]float64{"a": 1}, Seen: []float64{0.5}, Labelled: i < 5, Final: 0.75}
	}
	if p, ok := Predict(same); !ok || math.Abs(p.Accuracy[5]-0.75) > 1e-9 {
		t.Errorf("of runs that are all alike: %+v, %v", p, ok)
	}
	same[0].Final = math.NaN()
	if _, ok := Predict(same); ok {
		t.Error("what is no number is foretold")
	}
}

// A power law is found again from its first part.
func TestPowerLaw(t *testing.T) {
	var parts, values []float64
	for i := 1; i <= 10; i++ {
		s := float64(i) / 30
		parts, values = append(parts, s), append(values, 0.4+0.3*math.Pow(s, -0.7))
	}
	if got := PowerLaw(parts, values); math.Abs(got-0.7) > 1e-9 {
		t.Errorf("%v, want 0.7", got)
	}
	if got := PowerLaw(parts[:2], values[:2]); got != values[1] {
		t.Errorf("two points come to %v", got)
	}
	if got := PowerLaw([]float64{0.1, 0.2, 0.3}, []float64{1, 1, 1}); math.Abs(got-1) > 1e-12 {
		t.Errorf("a flat curve comes to %v", got)
	}
	if got := PowerLaw(nil, nil); got != 0 {
		t.Errorf("nothing comes to %v", got)
	}
}
