package picture

import (
	"fmt"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Search is the best accuracy that a search had found when it had spent so much, or the
// accuracies that a single run had.
type Search struct {
	Name   string
	Single bool // a run, which is drawn with marks
	Spent  []float64
	Best   []float64 // 0 to 1
}

// ratios are ticks at 1, 2 and 5 times the powers of ten.
type ratios struct{}

// Ticks returns those from least to most.
func (ratios) Ticks(least, most float64) (list []plot.Tick) {
	for power := math.Pow(10, math.Floor(math.Log10(least))); power <= most; power *= 10 {
		for _, n := range []float64{1, 2, 5} {
			if v := float64(n * power); v >= least && v <= most {
				list = append(list, plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 1, 64)})
			}
		}
	}
	return list
}

// DrawSearches draws the best accuracy over what was spent, as axis says, on an axis of ratios.
func DrawSearches(d Drawing, axis, metric string, searches []Search) error {
	p := d.plot(axes{axis, metric + ", %"})
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, ratios{}
	p.Add(plotter.NewGrid())
	any := false
	for i, s := range searches {
		var points plotter.XYs
		for k, spent := range s.Spent {
			if spent > 0 { // what is the same as an earlier trial costs nothing
				points = append(points, plotter.XY{X: spent, Y: float64(100 * s.Best[k])})
			}
		}
		if len(points) == 0 {
			continue
		}
		any = true
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("plot: %w", err)
		}
		f, c := d.format(), colours[i%len(colours)]
		line.Color, line.Width, line.StepStyle = c, f.line, plotter.PostStep
		marks.Color, marks.Radius = c, f.mark
		if s.Single {
			line.StepStyle, marks.Shape, marks.Radius = plotter.NoStep, draw.PyramidGlyph{}, 2*f.mark
		}
		p.Add(line, marks)
		p.Legend.Add(s.Name, line, marks)
	}
	if !any {
		return fmt.Errorf("plot %s: there is no result yet", d.File)
	}
	return d.save(p)
}
