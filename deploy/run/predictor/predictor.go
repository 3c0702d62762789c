package predictor

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Sample is a run, one that is over or not, or one that might be made.
type Sample struct {
	// Features tell of its network and its settings, by name. One that is not there is 0.
	Features map[string]float64
	// Seen tells of the first part of its curve, the plain extrapolation first. All samples of a prediction have as many.
	Seen []float64
	// Labelled says that the run is over, with the accuracy Final.
	Labelled bool
	Final    float64
}

// Prediction is what is foretold of all samples.
type Prediction struct {
	Accuracy []float64 // of each sample at its end
	// Error is the root of the mean squared error of the labelled samples, each foretold without its label.
	Error float64
	// Ridge and Lambda are those of the smallest error, Code is how many numbers the codes have.
	Ridge, Lambda float64
	Code          int
}

// Least is how many labelled samples a prediction needs.
const Least = 4

// ridges and lambdas are tried, the plainest first: with the largest ridge little but the plain extrapolation is left.
var (
	ridges  = []float64{1e4, 100, 10, 1, 0.1}
	lambdas = []float64{0, 0.1, 1}
)

// Predict foretells the accuracies of all samples. ok is false where fewer than Least are labelled, or numbers are not finite.
func Predict(samples []Sample) (p Prediction, ok bool) {
	s := newSystem(samples)
	if len(s.labelled) < Least {
		return p, false
	}
	p.Error, p.Code = math.Inf(1), s.code
	for _, ridge := range ridges {
		for _, lambda := range lambdas {
			w, left := s.solve(ridge, lambda)
			if left < p.Error {
				p.Accuracy, p.Error, p.Ridge, p.Lambda = s.readings(w), left, ridge, lambda
			}
		}
	}
	return p, p.Accuracy != nil && linalg.Finite(p.Accuracy)
}

// system is the quadratic function of the weights that is minimised, but for ridge and lambda.
type system struct {
	rows     [][]float64 // (n, d) what the weights read of each sample: 1, what was seen, its code, products of the code
	free     int         // of them are outside the ridge
	labelled []int
	finals   []float64 // of the labelled
	code     int

	fit    []float64 // (d, d) sum over labelled of row' row
	smooth []float64 // (d, d) mean over all i, j of s_ij (row_i - row_j)' (row_i - row_j), weighted by s_ij, times the labelled
	toward []float64 // (d) sum over labelled of row' y
}

func newSystem(samples []Sample) *system {
	s := &system{}
	codes := Encode(samples)
	seen := seenOf(samples)
	s.free = 1 + min(len(seen), 1)
	for i, sample := range samples {
		row := []float64{1}
		for _, column := range seen {
			row = append(row, column[i])
		}
		row = append(row, codes[i]...)
		for a, u := range codes[i] {
			for _, v := range codes[i][a:] {
				row = append(row, float64(u*v))
			}
		}
		s.rows = append(s.rows, row)
		s.code = len(codes[i])
		if sample.Labelled {
			s.labelled, s.finals = append(s.labelled, i), append(s.finals, sample.Final)
		}
	}
	if len(samples) == 0 {
		return s
	}
	d := s.dim()
	s.fit, s.smooth, s.toward = make([]float64, d*d), make([]float64, d*d), make([]float64, d)
	for k, i := range s.labelled {
		addOuter(s.fit, s.rows[i], 1)
		addMultiple(s.toward, s.rows[i], s.finals[k])
	}
	s.connect(codes, seen)
	return s
}

// seenOf returns the columns of what was seen, each with mean 0 and variance 1.
func seenOf(samples []Sample) [][]float64 {
	if len(samples) == 0 {
		return nil
	}
	columns := make([][]float64, len(samples[0].Seen))
	for j := range columns {
		columns[j] = make([]float64, len(samples))
		for i, s := range samples {
			columns[j][i] = s.Seen[j]
		}
		standardise(columns[j])
	}
	return columns
}

// connect makes the similarity graph of all pairs. What was seen of a curve is part of the code here. t
// is the median of the squared distances. The s_ij are scaled to the sum of the labelled samples, so that lambda means the same for any
// number of samples.
func (s *system) connect(codes, seen [][]float64) {
	n := len(codes)
	places := make([][]float64, n)
	for i := range places {
		places[i] = slices.Clone(codes[i])
		for _, column := range seen {
			places[i] = append(places[i], column[i])
		}
	}
	var distances []float64
	for i := range n {
		for j := range i {
			distances = append(distances, squaredDistance(places[i], places[j]))
		}
	}
	if len(distances) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(distances))
	t := sorted[len(sorted)/2]
	if !(t > 0) {
		return // hardly a pair differs
	}
	similar, total := make([][]float64, n), 0.0 // a row for each sample, and over all ordered pairs
	for i := range n {
		similar[i] = make([]float64, n)
		for j := range i {
			similar[i][j] = portable.Exp(-squaredDistance(places[i], places[j]) / t)
			similar[j][i] = similar[i][j]
			total += float64(2 * similar[i][j])
		}
	}
	f := float64(2*len(s.labelled)) / total
	for i, row := range similar { // sum over j of s_ij (row_i - row_j), whose sum over i with row_i is half of that over pairs
		degree, lap := 0.0, make([]float64, s.dim())
		for j, v := range row {
			degree += v
			addMultiple(lap, s.rows[j], -v)
		}
		addMultiple(lap, s.rows[i], degree)
		for a, v := range s.rows[i] {
			addMultiple(s.smooth[a*len(lap):(a+1)*len(lap)], lap, float64(f*v))
		}
	}
}

func (s *system) dim() int { return len(s.rows[0]) }

// solve returns the weights of the minimum, and the root of the mean squared error of the labelled samples, each foretold
// without its label, but as a part of the similarity graph. That needs no other solution: without the label the error
// is that with it over 1 - h, where h is how much of its own label a sample takes over.
func (s *system) solve(ridge, lambda float64) (weights []float64, left float64) {
	d, n := s.dim(), len(s.labelled)
	a := mat.NewSymDense(d, nil)
	for i := range d {
		for j := i; j < d; j++ {
			v := s.fit[i*d+j] + float64(lambda*s.smooth[i*d+j])
			if i == j && i >= s.free {
				v += ridge
			}
			a.SetSym(i, j, v)
		}
	}
	right := mat.NewDense(d, 1+n, nil)
	for i, v := range s.toward {
		right.Set(i, 0, v)
	}
	for k, i := range s.labelled {
		for j, v := range s.rows[i] {
			right.Set(j, 1+k, v)
		}
	}
	const singular = 1e-12
	x := linalg.Whiten(a, linalg.Inversion{Threshold: singular}).Solve(right)
	weights = make([]float64, d)
	for i := range weights {
		weights[i] = x.At(i, 0)
	}
	sum := 0.0
	for k, i := range s.labelled {
		h := 0.0
		for j, v := range s.rows[i] {
			h += float64(v * x.At(j, 1+k))
		}
		const certain = 1e-6 // nothing but its own label tells of the sample
		e := (s.finals[k] - product(s.rows[i], weights)) / max(1-h, certain)
		sum += float64(e * e)
	}
	return weights, math.Sqrt(sum / float64(n))
}

// readings returns what weights read of all samples.
func (s *system) readings(weights []float64) []float64 {
	out := make([]float64, len(s.rows))
	for i, row := range s.rows {
		out[i] = product(row, weights)
	}
	return out
}

func product(a, b []float64) (sum float64) {
	for i, v := range a {
		sum += float64(v * b[i])
	}
	return sum
}

func squaredDistance(a, b []float64) (sum float64) {
	for i, v := range a {
		d := v - b[i]
		sum += float64(d * d)
	}
	return sum
}

// addMultiple adds f x to y.
func addMultiple(y, x []float64, f float64) {
	for i, v := range x {
		y[i] += float64(f * v)
	}
}

// addOuter adds f x'x to a (d, d).
func addOuter(a, x []float64, f float64) {
	for i, v := range x {
		addMultiple(a[i*len(x):(i+1)*len(x)], x, float64(f*v))
	}
}
