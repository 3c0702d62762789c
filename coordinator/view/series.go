package view

import (
	"math"
	"strconv"
)

// MaxPoints is how many points a Series keeps: a step each in a short run, equal
// spans of steps in a longer one.
const MaxPoints = 1024

// Point is the course of training over a span of steps that follow one another.
type Point struct {
	Step       uint64  // the last one
	Epoch      float64 // after it
	Loss       float64 // the mean of the batches' losses
	Low, High  float64 // the smallest and the largest of them
	Accuracy   float64 // the mean over the batches, 0 to 1
	Rate       float64 // the learning rate of the last step
	Cosine     float64 // the mean over the batches of that of their halves' gradients; 0: they have none
	Norm       float64 // the mean norm of the batches' gradients
	Noise      float64 // the noise scale of the gradients at the last step, in samples; 0: not known
	Generation uint64
	Params     int
	Wall       float64 // seconds since the run began, without pauses between processes
	Speed      float64 // samples/s
	Workers    int
	FLOPs      float64 // spent so far
	CPU        float64 // seconds of processor time so far, of the coordinator's process; 0: not known

	batches int
}

// add takes another span, which follows p, into p.
func (p *Point) add(q Point) {
	n, m := float64(p.batches), float64(q.batches)
	q.Loss = (float64(p.Loss*n) + float64(q.Loss*m)) / (n + m)
	q.Accuracy = (float64(p.Accuracy*n) + float64(q.Accuracy*m)) / (n + m)
	q.Cosine = (float64(p.Cosine*n) + float64(q.Cosine*m)) / (n + m)
	q.Norm = (float64(p.Norm*n) + float64(q.Norm*m)) / (n + m)
	q.Low, q.High = min(p.Low, q.Low), max(p.High, q.High)
	q.batches += p.batches
	*p = q
}

// Series is the course of a run thinned as it comes: all spans but the last have
// Stride steps, a power of two, which doubles when there would be more than
// MaxPoints. Its memory is bounded, and what it holds depends on the steps alone.
type Series struct {
	Stride uint64
	Points []Point
}

// Add appends a step, which follows those before.
func (s *Series) Add(p Point) {
	s.Stride = max(s.Stride, 1)
	p.Low, p.High, p.batches = p.Loss, p.Loss, 1
	if n := len(s.Points); n > 0 && s.span(&s.Points[n-1]) == s.span(&p) {
		s.Points[n-1].add(p)
		return
	}
	s.Points = append(s.Points, p)
	for len(s.Points) > MaxPoints {
		s.Stride *= 2
		kept := s.Points[:0]
		for _, p := range s.Points {
			if n := len(kept); n > 0 && s.span(&kept[n-1]) == s.span(&p) {
				kept[n-1].add(p)
			} else {
				kept = append(kept, p)
			}
		}
		s.Points = kept
	}
}

// span returns the number of the span that the step of p is in; steps begin at 1.
func (s *Series) span(p *Point) uint64 { return (max(p.Step, 1) - 1) / s.Stride }

// columns are what a page is told of the points, in this order.
var columns = []struct {
	name   string
	digits int // significant ones
	of     func(*Point) float64
}{
	{"step", 17, func(p *Point) float64 { return float64(p.Step) }},
	{"epoch", 7, func(p *Point) float64 { return p.Epoch }},
	{"loss", 6, func(p *Point) float64 { return p.Loss }},
	{"low", 6, func(p *Point) float64 { return p.Low }},
	{"high", 6, func(p *Point) float64 { return p.High }},
	{"accuracy", 6, func(p *Point) float64 { return p.Accuracy }},
	{"lr", 6, func(p *Point) float64 { return p.Rate }},
	{"cosine", 6, func(p *Point) float64 { return p.Cosine }},
	{"norm", 6, func(p *Point) float64 { return p.Norm }},
	{"noise", 6, func(p *Point) float64 { return p.Noise }},
	{"generation", 17, func(p *Point) float64 { return float64(p.Generation) }},
	{"params", 17, func(p *Point) float64 { return float64(p.Params) }},
	{"wall", 9, func(p *Point) float64 { return p.Wall }},
	{"speed", 6, func(p *Point) float64 { return p.Speed }},
	{"workers", 17, func(p *Point) float64 { return float64(p.Workers) }},
	{"flops", 7, func(p *Point) float64 { return p.FLOPs }},
	{"cpu", 7, func(p *Point) float64 { return p.CPU }},
}

// Tail is the points of a Series from one on, as JSON: an array for each quantity
// with as many digits as a picture shows.
type Tail struct {
	Stride uint64
	From   int // the first point
	Points []Point
}

// MarshalJSON writes {"stride", "from", "step": [...], "loss": [...], ...}.
func (t Tail) MarshalJSON() ([]byte, error) {
	b := append([]byte(`{"stride":`), strconv.FormatUint(max(t.Stride, 1), 10)...)
	b = append(append(b, `,"from":`...), strconv.Itoa(t.From)...)
	for _, c := range columns {
		b = append(append(append(b, ',', '"'), c.name...), `":[`...)
		for i := range t.Points {
			if i > 0 {
				b = append(b, ',')
			}
			v := c.of(&t.Points[i])
			if math.IsNaN(v) || math.IsInf(v, 0) {
				b = append(b, "null"...)
				continue
			}
			b = strconv.AppendFloat(b, v, 'g', c.digits, 64)
		}
		b = append(b, ']')
	}
	return append(b, '}'), nil
}
