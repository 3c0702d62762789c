package scale

import (
	"fmt"
	"image/color"
	"path/filepath"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var (
	blue   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 255}
	orange = color.RGBA{R: 0xff, G: 0x7f, B: 0x0e, A: 255}
)

// Plot draws samples/s over the number of workers, and what the first row's
// rate a thread would make of their threads, into a file whose name ends in .svg or .png.
func (r Report) Plot(path string) error {
	if e := filepath.Ext(path); e != ".svg" && e != ".png" {
		return fmt.Errorf("plot %s: the name must end in .svg or .png", path)
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s on %s, batch %d, %d cores", r.Model, r.Data, r.Batch, r.Cores)
	p.X.Label.Text, p.Y.Label.Text = "workers", "samples/s"
	p.Y.Min, p.Legend.Top = 0, false
	var reached, ideal plotter.XYs
	var ticks plot.ConstantTicks
	for _, x := range r.Rows {
		reached = append(reached, plotter.XY{X: float64(x.Workers), Y: x.SamplesPerS})
		ideal = append(ideal, plotter.XY{X: float64(x.Workers), Y: x.SamplesPerS / x.Efficiency})
		ticks = append(ticks, plot.Tick{Value: float64(x.Workers), Label: strconv.Itoa(x.Workers)})
	}
	p.X.Tick.Marker = ticks
	best, err := plotter.NewLine(ideal)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	best.Color, best.Dashes = orange, []vg.Length{vg.Points(4), vg.Points(3)}
	line, points, err := plotter.NewLinePoints(reached)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	line.Color, line.Width, points.Color = blue, vg.Points(1.5), blue
	p.Add(plotter.NewGrid(), best, line, points)
	p.Legend.Add("measured", line, points)
	p.Legend.Add("as many threads at the first row's rate", best)
	if err := p.Save(16*vg.Centimeter, 10*vg.Centimeter, path); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return nil
}
