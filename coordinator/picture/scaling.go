package picture

import (
	"fmt"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
)

// A Rate is the samples/s of a number of workers, and what they would be at the
// first row's rate a thread.
type Rate struct {
	Workers         int
	Measured, Ideal float64
}

// DrawScaling draws samples/s over the number of workers.
func DrawScaling(d Drawing, rates []Rate) error {
	p := d.plot(axes{"workers", "samples/s"})
	p.Y.Min = 0
	var reached, ideal plotter.XYs
	var ticks plot.ConstantTicks
	for _, r := range rates {
		reached = append(reached, plotter.XY{X: float64(r.Workers), Y: r.Measured})
		ideal = append(ideal, plotter.XY{X: float64(r.Workers), Y: r.Ideal})
		ticks = append(ticks, plot.Tick{Value: float64(r.Workers), Label: strconv.Itoa(r.Workers)})
	}
	p.X.Tick.Marker = ticks
	best, err := d.guide(ideal, orange)
	if err != nil {
		return err
	}
	line, points, err := plotter.NewLinePoints(reached)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	line.Color, line.Width, points.Color = blue, d.format().line, blue
	points.Radius = d.format().mark
	p.Add(plotter.NewGrid(), best, line, points)
	p.Legend.Add("measured", line, points)
	p.Legend.Add("as many threads at the first row's rate", best)
	return d.save(p)
}
