package record

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Seen returns what the first part of a run told of its accuracy at the end: the accuracy that was seen last, on the samples of
// Final if the run was evaluated on them by then and else of batches, the logarithm of the training loss, and by how much that
// fell since half of the part. ok is false where nothing was seen.
func (r *Record) Seen(part float64) (seen []float64, ok bool) {
	points := r.CurveUpTo(part)
	if len(points) == 0 {
		return nil, false
	}
	last, middle := points[len(points)-1], points[(len(points)-1)/2]
	accuracy, split := last.Accuracy, ""
	if r.Final != nil {
		split = r.Final.Split
	}
	for _, e := range r.Evaluations {
		if e.Part <= part+rounding && (e.Split == split || split == "") {
			accuracy = e.Accuracy
		}
	}
	now, before := logOf(last.Loss), logOf(middle.Loss)
	return []float64{accuracy, now, now - before}, true
}

// rounding is what parts of a budget may be off by.
const rounding = 1e-4

// CurveUpTo returns the points of the curve up to a part of the budget.
func (r *Record) CurveUpTo(part float64) []Point {
	n := 0
	for n < len(r.Curve) && r.Curve[n].Part <= part+rounding {
		n++
	}
	return r.Curve[:n]
}

// logOf returns the logarithm of a loss; one that is 0 or less, as of a regression that fits, counts as the least that float32 tells.
func logOf(loss float64) float64 { return portable.Log(math.Max(loss, 1e-38)) }
