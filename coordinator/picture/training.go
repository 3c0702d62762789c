package picture

import (
	"fmt"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// A Course is one run's evaluations.
type Course struct {
	Name   string
	Split  string // samples that it was measured on: test or validation
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
	label := runs[0].Split + " "
	for _, r := range runs {
		if r.Split != runs[0].Split {
			label = ""
		}
	}
	p := d.plot(axes{"epoch", label + "accuracy, %"})
	p.Legend.Top, p.Legend.Left = false, false
	p.Add(plotter.NewGrid())
	any := false
	for i, r := range runs {
		var points plotter.XYs
		for _, e := range r.Points {
			points = append(points, plotter.XY{X: e.Epoch, Y: 100 * e.Accuracy})
		}
		if len(points) == 0 {
			continue
		}
		any = true
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("plot: %w", err)
		}
		c := colours[i%len(colours)]
		line.Color, line.Width, marks.Color = c, vg.Points(1.5), c
		p.Add(line, marks)
		p.Legend.Add(fmt.Sprintf("%s: %d parameters", r.Name, r.Points[len(r.Points)-1].Params), line, marks)
	}
	if !any {
		return fmt.Errorf("plot %s: these runs have no evaluation yet: wait for one, or set train.eval_epochs", d.File)
	}
	return d.save(p)
}
