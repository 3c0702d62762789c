package picture

import (
	"fmt"
	"math"
	"strconv"

	"github.com/tinygrow/tinygrow/growth/site"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tinygrow/tinygrow/growth"
)

// A Gain is what a growth was predicted to lower the mean loss by, to first
// order at the amplitude taken, and by how much it did on samples of its own.
type Gain struct {
	Predicted, Measured float64
	Grown               bool // else it was tried alone, and the gate or the ranking decided
}

// Gains returns those of every event that grew, and of every site that was
// tried in any event and lowered the loss.
func Gains(events []growth.Record) []Gain {
	var out []Gain
	for _, e := range events {
		slope := map[site.ID]float64{}
		for _, s := range e.Sites {
			slope[s.Site] = float64(s.Predicted)
			if s.Refit > 0 {
				slope[s.Site] = float64(s.Refit)
			}
		}
		for _, t := range e.Trials {
			if t.Amplitude > 0 && len(t.Sites) == 1 {
				out = append(out, Gain{Predicted: slope[t.Sites[0]] * float64(t.Amplitude), Measured: float64(t.Gain)})
			}
		}
		if len(e.Grown) == 0 || len(e.Trials) == 0 {
			continue
		}
		g, sites := Gain{Measured: float64(e.Grown[0].Measured), Grown: true}, 0
		for _, s := range e.Grown {
			g.Predicted += float64(s.Predicted)
			if s.Amplitude > 0 {
				sites++
			}
		}
		if sites > 1 && e.Joint != nil {
			g.Measured = float64(e.Joint.Gain)
		}
		out = append(out, g)
	}
	return out
}

// decades labels powers of ten, about so many of them, at an axis of logarithms. With plot.LogScale the title of
// an axis would take its room at the wrong place.
type decades int

// Ticks implements plot.Ticker.
func (d decades) Ticks(lo, hi float64) []plot.Tick {
	first, last := int(math.Round(lo)), int(math.Round(hi))
	every := (last-first)/int(d) + 1
	var ticks []plot.Tick
	for e := first; e <= last; e++ {
		t := plot.Tick{Value: float64(e)}
		if (last-e)%every == 0 {
			t.Label = strconv.FormatFloat(math.Pow(10, t.Value), 'g', 1, 64)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// DrawGains draws measured over predicted gains, both logarithmic. Where the loss is a parabola of the amplitude,
// its best gain is half of what its slope predicts: the lower line.
func DrawGains(d Drawing, gains []Gain) error {
	var grown, tried plotter.XYs
	lo, hi := math.Inf(1), 0.0
	for _, g := range gains {
		if !(g.Predicted > 0 && g.Measured > 0) {
			continue
		}
		lo, hi = min(lo, g.Predicted, g.Measured), max(hi, g.Predicted, g.Measured)
		at := plotter.XY{X: math.Log10(g.Predicted), Y: math.Log10(g.Measured)}
		if g.Grown {
			grown = append(grown, at)
		} else {
			tried = append(tried, at)
		}
	}
	if hi == 0 {
		return fmt.Errorf("plot %s: no growth event of these runs measured a gain: policies that do not solve for neurons "+
			"measure none", d.File)
	}
	p := d.plot(axes{"predicted gain (first order, at the amplitude taken)", "measured gain (other samples)"})
	p.X.Tick.Marker, p.Y.Tick.Marker = decades(d.format().labels), decades(d.format().labels)
	lo, hi = math.Floor(math.Log10(lo)), math.Ceil(math.Log10(hi))
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = lo, hi, lo, hi
	equal, err := d.guide(plotter.XYs{{X: lo, Y: lo}, {X: hi, Y: hi}}, grey)
	if err != nil {
		return err
	}
	half, err := d.guide(plotter.XYs{{X: lo + math.Log10(2), Y: lo}, {X: hi, Y: hi - math.Log10(2)}}, orange)
	if err != nil {
		return err
	}
	p.Add(plotter.NewGrid(), equal, half)
	p.Legend.Add("measured as predicted", equal)
	p.Legend.Add("half of it: the best of a parabola", half)
	for _, set := range []struct {
		name   string
		points plotter.XYs
		style  draw.GlyphStyle
	}{
		{"one site, tried alone", tried, draw.GlyphStyle{Color: grey, Radius: d.format().mark * 0.7, Shape: draw.RingGlyph{}}},
		{"the event, as it grew", grown, draw.GlyphStyle{Color: blue, Radius: d.format().mark, Shape: draw.CircleGlyph{}}},
	} {
		if len(set.points) == 0 {
			continue
		}
		s, err := plotter.NewScatter(set.points)
		if err != nil {
			return fmt.Errorf("plot: %w", err)
		}
		s.GlyphStyle = set.style
		p.Add(s)
		p.Legend.Add(set.name, s)
	}
	return d.save(p)
}
