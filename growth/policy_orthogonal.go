package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

func init() { register(orthogonal{}) }

// orthogonal is random with incoming weights that are orthogonal to those of the
// existing neurons and to each other, as far as there is room, and of their norm.
type orthogonal struct{}

func (orthogonal) String() string { return "orthogonal" }

func (orthogonal) Stages(c Config) []Stage { return drawn("orthogonal", &orthonormal{}) }

// orthonormal draws incoming weights and takes off what earlier ones span.
type orthonormal struct{}

func (*orthonormal) Ask(*State) *Round { return nil }

func (*orthonormal) Take(s *State, _ *measure.Sums) {
	(&isotropic{}).Take(s, nil)
	for _, c := range s.sites {
		all := c.AllNeurons()
		for i, w := range c.Writers {
			orthogonalise(c.AlphaOf(c.both, i), w, w.RowsOf(all.Range).Of(s.Model.Params))
		}
	}
}

// orthogonalise makes the rows of alpha, incoming weights at a writer with these
// existing weights, orthogonal to those and to each other, and of their norm.
func orthogonalise(alpha []float32, w site.Writer, existing []float32) {
	n := w.Weights()
	if n == 0 {
		return
	}
	var span basis
	for at := 0; at+n <= len(existing); at += n {
		span.add(existing[at : at+n])
	}
	size := meanNorm(existing, n)
	for i := 0; len(alpha) > 0; i++ {
		row := alpha[:n]
		if size == 0 {
			size = norm64(row)
		}
		direction := span.add(row)
		if direction == nil { // there is no room left: begin with a space of its own
			span = nil
			direction = span.add(row)
		}
		for i, v := range direction {
			row[i] = float32(size * v)
		}
		if alpha = alpha[n:]; w.Bias && i%w.Each == w.Each-1 {
			alpha = alpha[w.Each:]
		}
	}
}

// basis is orthonormal vectors.
type basis [][]float64

// add takes off x what the basis spans, adds the direction of the rest and returns
// it; nil if next to nothing is left.
func (b *basis) add(x []float32) []float64 {
	rest, whole := make([]float64, len(x)), norm64(x)
	for i, v := range x {
		rest[i] = float64(v)
	}
	for range 2 { // once more takes off what rounding left
		for _, q := range *b {
			along := dot(q, rest)
			for i, v := range q {
				rest[i] -= float64(along * v)
			}
		}
	}
	left := math.Sqrt(dot(rest, rest))
	if !(left > 1e-6*whole) {
		return nil
	}
	for i := range rest {
		rest[i] /= left
	}
	*b = append(*b, rest)
	return rest
}

func dot(x, y []float64) float64 {
	var sum float64
	for i, v := range x {
		sum += float64(v * y[i])
	}
	return sum
}

func norm64(x []float32) float64 { return math.Sqrt(linalg.SquareSum(x)) }

// meanNorm returns the root mean square norm of rows of n values, 0 if there are none.
func meanNorm(x []float32, n int) float64 {
	if len(x) == 0 {
		return 0
	}
	return math.Sqrt(linalg.SquareSum(x) * float64(n) / float64(len(x)))
}
