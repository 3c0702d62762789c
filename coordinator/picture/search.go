package picture

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Search is the best accuracy that a search had found when it had spent so much, or the
// accuracies that a single run had.
type Search struct {
	Name   string
	Metric string // what the accuracy is where samples have no classes; empty: an accuracy
	Single bool   // a run, which is drawn with marks
	Spent  []float64
	Best   []float64 // 0 to 1
}

// ratios labels 1, 2 and 5 times the powers of ten at an axis of logarithms. See decades.
type ratios struct{}

// Ticks implements plot.Ticker.
func (ratios) Ticks(lo, hi float64) (list []plot.Tick) {
	tick := func(at float64, digits int) {
		list = append(list, plot.Tick{Value: at, Label: strconv.FormatFloat(math.Pow(10, at), 'g', digits, 64)})
	}
	for power := math.Floor(lo); power <= hi; power++ {
		for _, n := range []float64{1, 2, 5} {
			if at := power + math.Log10(n); at >= lo && at <= hi && (n == 1 || hi-lo <= 4) {
				tick(at, 1)
			}
		}
	}
	if len(list) < 2 { // the axis is shorter than the way from one of them to the next
		list = nil
		tick(lo, 3)
		tick(hi, 3)
	}
	return list
}

// DrawSearches draws the best accuracy on a split over what was spent, as axis says, on an axis of ratios.
func DrawSearches(d Drawing, axis, split string, searches []Search) error {
	searches = slices.DeleteFunc(slices.Clone(searches), func(s Search) bool {
		return !slices.ContainsFunc(s.Spent, func(spent float64) bool { return spent > 0 })
	})
	if len(searches) == 0 {
		return fmt.Errorf("plot %s: there is no result yet: wait for the first trial", d.File)
	}
	var all []told
	for _, s := range searches {
		all = append(all, told{s.Name, s.Metric})
	}
	label, scale, err := d.label(split, all)
	if err != nil {
		return err
	}
	p := d.plot(axes{axis, label})
	p.X.Tick.Marker = ratios{}
	p.Add(plotter.NewGrid())
	for i, s := range searches {
		var points plotter.XYs
		for k, spent := range s.Spent {
			if spent > 0 { // what is the same as an earlier trial costs nothing
				points = append(points, plotter.XY{X: math.Log10(spent), Y: float64(scale * s.Best[k])})
			}
		}
		line, marks, err := d.curve(p, i, s.Name, points)
		if err != nil {
			return err
		}
		line.StepStyle = plotter.PostStep
		if s.Single {
			line.StepStyle, marks.Shape, marks.Radius = plotter.NoStep, draw.PyramidGlyph{}, 2*d.format().mark
		}
	}
	return d.save(p)
}
