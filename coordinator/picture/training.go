package picture

import (
	"cmp"
	"fmt"
	"strconv"

	"gonum.org/v1/plot/plotter"

	"github.com/tinygrow/tinygrow/tensor/nn"
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
	label, metric := runs[0].Split+" ", runs[0].Metric
	for _, r := range runs {
		if r.Split != runs[0].Split {
			label = ""
		}
		if r.Metric != metric {
			return fmt.Errorf("plot %s: %s tells %s, %s tells %s: draw them apart", d.File, runs[0].Name, named(metric), r.Name,
				named(r.Metric))
		}
	}
	unit, scale := ", %", 100.0
	if metric == nn.Regression.Metric() {
		unit, scale = "", 1
	}
	p := d.plot(axes{"epoch", label + named(metric) + unit})
	p.Add(plotter.NewGrid())
	any := false
	for i, r := range runs {
		var points plotter.XYs
		for _, e := range r.Points {
			points = append(points, plotter.XY{X: e.Epoch, Y: float64(scale * e.Accuracy)})
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
		line.Color, line.Width, marks.Color = c, d.format().line, c
		marks.Radius = d.format().mark
		p.Add(line, marks)
		p.Legend.Add(fmt.Sprintf("%s: %s parameters", r.Name, thousands(r.Points[len(r.Points)-1].Params)), line, marks)
	}
	if !any {
		return fmt.Errorf("plot %s: these runs have no evaluation yet: wait for one, or set train.eval_epochs", d.File)
	}
	return d.save(p)
}

// named returns the name of a metric, of which none is accuracy.
func named(metric string) string { return cmp.Or(metric, nn.Classification.Metric()) }

// thousands writes n as 12,345.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
