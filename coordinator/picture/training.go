package picture

import (
	"fmt"
	"slices"
	"strconv"

	"gonum.org/v1/plot/plotter"
)

// A Course is one run's evaluations.
type Course struct {
	Name   string
	Split  string // samples that it was measured on: test or validation
	Metric string // what the accuracy is where samples have no classes; empty: an accuracy
	Points []Point
}

// Point is one evaluation.
type Point struct {
	Epoch    float64
	Accuracy float64 // 0 to 1
	Params   int
}

// DrawAccuracy draws accuracy over epochs; the name of each run tells its
// parameters at the end.
func DrawAccuracy(d Drawing, runs []Course) error {
	runs = slices.DeleteFunc(slices.Clone(runs), func(r Course) bool { return len(r.Points) == 0 })
	if len(runs) == 0 {
		return fmt.Errorf("plot %s: these runs have no evaluation yet: wait for one, or set train.eval_epochs", d.File)
	}
	split := runs[0].Split
	var all []told
	for _, r := range runs {
		if r.Split != split {
			split = ""
		}
		all = append(all, told{r.Name, r.Metric})
	}
	label, scale, err := d.label(split, all)
	if err != nil {
		return err
	}
	p := d.plot(axes{"epoch", label})
	p.Add(plotter.NewGrid())
	for i, r := range runs {
		var points plotter.XYs
		for _, e := range r.Points {
			points = append(points, plotter.XY{X: e.Epoch, Y: float64(scale * e.Accuracy)})
		}
		name := fmt.Sprintf("%s: %s parameters", r.Name, Thousands(r.Points[len(r.Points)-1].Params))
		if _, _, err := d.curve(p, i, name, points); err != nil {
			return err
		}
	}
	return d.save(p)
}

// Thousands writes a number as 12,345.
func Thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
