package picture

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tinygrow/tinygrow/coordinator/view"
)

// Band is a layer, or layers of one width, over the steps of a run.
type Band struct {
	Name   string
	Births []Birth // the first are the channels that the run began with, at step 0
}

// Birth is channels that a growth event added, or, where To is less than From, that a pruning took away.
type Birth struct {
	Step     float64
	From, To int // width before and after
}

// widest returns the largest width of a band.
func (b Band) widest() int {
	most := 0
	for _, birth := range b.Births {
		most = max(most, birth.To)
	}
	return most
}

// outline returns the area of the channels that birth i of the band added, above bottom, up to end: those that
// prunings leave of it, the last ones going first.
func (b Band) outline(i int, bottom, end float64) plotter.XYs {
	born := b.Births[i]
	lo, hi := bottom+float64(born.From), bottom+float64(born.To)
	rim := plotter.XYs{{X: born.Step, Y: hi}}
	for _, later := range b.Births[i+1:] {
		if left := max(bottom+float64(later.To), lo); later.To < later.From && left < hi {
			rim = append(rim, plotter.XY{X: later.Step, Y: hi}, plotter.XY{X: later.Step, Y: left})
			hi = left
		}
	}
	rim = append(rim, plotter.XY{X: end, Y: hi}, plotter.XY{X: end, Y: lo}, plotter.XY{X: born.Step, Y: lo})
	slices.Reverse(rim)
	return rim
}

// Growth draws how the network of the run in a directory grew.
func Growth(d Drawing, dir string) error {
	r, err := view.Open(dir)
	if err != nil {
		return err
	}
	if r.Network() == nil {
		return fmt.Errorf("plot %s: run %s has no checkpoint yet: wait for the first", d.File, filepath.Base(filepath.Clean(dir)))
	}
	grown := map[string][]Birth{}
	last := 0.0
	for _, e := range r.Events() {
		for _, g := range e.Grown {
			grown[string(g.Site)] = append(grown[string(g.Site)], Birth{float64(e.Step), g.From, g.To})
			last = float64(e.Step)
		}
	}
	var bands []Band
	for _, n := range r.Network().Nodes {
		if n.Kind != "layer" || n.Group != "" && n.Group != n.ID {
			continue
		}
		bands = append(bands, Band{string(n.ID), append([]Birth{{0, 0, n.Start}}, grown[string(n.ID)]...)})
	}
	end := last
	if points := r.Series().Points; len(points) > 0 {
		end = float64(points[len(points)-1].Step)
	}
	if last > 0 {
		end = min(end, 1.5*last) // nothing grows any more behind it
	}
	return DrawGrowth(d, bands, max(end, 1))
}

// shades are the colours of what is born, from the start of a run to its last event.
var shades = []color.RGBA{{R: 0x2c, G: 0x3e, B: 0x6b, A: 255}, {R: 0x2a, G: 0x78, B: 0x8e, A: 255}, {R: 0x22, G: 0xa8, B: 0x84, A: 255},
	{R: 0x7a, G: 0xd1, B: 0x51, A: 255}, {R: 0xfd, G: 0xe7, B: 0x25, A: 255}}

// shade returns the colour of what is born at a part of the time until the last event.
func shade(part float64) color.RGBA {
	at := part * float64(len(shades)-1)
	i := min(int(at), len(shades)-2)
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + float64((at-float64(i))*(float64(b)-float64(a)))) }
	a, b := shades[i], shades[i+1]
	return color.RGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 255}
}

// names labels bands at their middles.
type names []plot.Tick

// Ticks implements plot.Ticker.
func (n names) Ticks(_, _ float64) []plot.Tick { return n }

// DrawGrowth draws each layer as a band, the first at the top, which is as high as the
// layer is wide; channels have the colour of the event that added them. end is the last step.
func DrawGrowth(d Drawing, bands []Band, end float64) error {
	if len(bands) == 0 {
		return fmt.Errorf("plot %s: this network has no layer that could grow", d.File)
	}
	p := d.plot(axes{"step", ""})
	last, total := 1.0, 0
	for _, b := range bands {
		for _, birth := range b.Births {
			last = max(last, birth.Step)
		}
		total += b.widest()
	}
	gap := max(float64(total)/float64(4*len(bands)), 1)
	top := 0.0
	var ticks names
	var ends plotter.XYLabels
	for _, b := range bands {
		width := float64(b.Births[len(b.Births)-1].To)
		bottom := top - float64(b.widest())
		for i, birth := range b.Births {
			if birth.To <= birth.From {
				continue
			}
			area, err := plotter.NewPolygon(b.outline(i, bottom, end))
			if err != nil {
				return fmt.Errorf("plot: %w", err)
			}
			area.Color, area.LineStyle.Color, area.LineStyle.Width = shade(birth.Step/last), color.White, vg.Points(0.4)
			p.Add(area)
		}
		ticks = append(ticks, plot.Tick{Value: bottom + width/2, Label: fmt.Sprintf("%s: %d", b.Name, b.Births[0].To)})
		ends.XYs = append(ends.XYs, plotter.XY{X: end, Y: bottom + width/2})
		ends.Labels = append(ends.Labels, " "+strconv.Itoa(int(width)))
		top = bottom - gap
	}
	labels, err := plotter.NewLabels(ends)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].YAlign, labels.TextStyle[i].Font.Size = draw.YCenter, d.format().small
	}
	p.Add(labels)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, end*1.08, top+gap, 0
	p.Y.Tick.Marker, p.Y.Tick.LineStyle.Width, p.Y.LineStyle.Width = ticks, 0, 0
	return d.save(p)
}
