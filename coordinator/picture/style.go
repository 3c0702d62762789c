package picture

import (
	"fmt"
	"image/color"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

var (
	blue   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 255}
	orange = color.RGBA{R: 0xff, G: 0x7f, B: 0x0e, A: 255}
	grey   = color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 255}
	// colours tell runs apart.
	colours = []color.RGBA{blue, orange, {R: 0x2c, G: 0xa0, B: 0x2c, A: 255}, {R: 0xd6, G: 0x27, B: 0x28, A: 255},
		{R: 0x94, G: 0x67, B: 0xbd, A: 255}, {R: 0x8c, G: 0x56, B: 0x4b, A: 255}, {R: 0xe3, G: 0x77, B: 0xc2, A: 255}}
)

// Drawing is where a picture goes and what stands above it.
type Drawing struct {
	File  string // its name ends in .svg or .png
	Title string
}

// axes are what is written along them.
type axes struct{ x, y string }

// plot returns an empty plot.
func (d Drawing) plot(a axes) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = d.Title, a.x, a.y
	p.Legend.Top, p.Legend.Left = true, true
	return p
}

// guide returns a dashed line.
func guide(points plotter.XYs, c color.Color) (*plotter.Line, error) {
	l, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	l.Color, l.Dashes = c, []vg.Length{vg.Points(4), vg.Points(3)}
	return l, nil
}

// CheckName returns an error unless a plot can be written into a file of that name.
func CheckName(path string) error {
	if e := filepath.Ext(path); e != ".svg" && e != ".png" {
		return fmt.Errorf("plot %q: the name must end in .svg or .png", path)
	}
	return nil
}

func (d Drawing) save(p *plot.Plot) error {
	if err := CheckName(d.File); err != nil {
		return err
	}
	if err := p.Save(16*vg.Centimeter, 12*vg.Centimeter, d.File); err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	return nil
}
