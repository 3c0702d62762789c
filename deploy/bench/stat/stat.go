// Package stat has what several measurements need: a main function, losses of a run, and rank correlation.
package stat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
)

// StepLosses reads the losses of steps from a file of metrics.
func StepLosses(path string) (losses []float64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, before := bufio.NewScanner(f), 0.0
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		m := struct {
			Kind string
			Loss float64 // it is as before where a line leaves it out
		}{Loss: before}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if m.Kind == "step" {
			losses, before = append(losses, m.Loss), m.Loss
		}
	}
	return losses, lines.Err()
}

// Spearman returns the rank correlation of two lists of one length: Pearson's of
// their ranks, equal values sharing the mean of theirs. It is 0 where all values of
// a list are equal.
func Spearman(x, y []float64) float64 {
	a, b := ranks(x), ranks(y)
	mean := float64(0.5 * float64(len(a)-1))
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-mean, b[i]-mean
		ab += float64(u * v)
		aa += float64(u * u)
		bb += float64(v * v)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(float64(aa*bb))
}

// ranks returns the rank of each value, from 0, equal ones with the mean of theirs.
func ranks(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		below, same := 0, 0
		for _, w := range x {
			if w < v {
				below++
			} else if w == v {
				same++
			}
		}
		out[i] = float64(below) + float64(0.5*float64(same-1))
	}
	return out
}
