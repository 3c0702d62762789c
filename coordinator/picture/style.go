package picture

import (
	"cmp"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

var (
	blue   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 255}
	orange = color.RGBA{R: 0xff, G: 0x7f, B: 0x0e, A: 255}
	grey   = color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 255}
	// colours tell runs apart.
	colours = []color.RGBA{blue, orange, {R: 0x2c, G: 0xa0, B: 0x2c, A: 255}, {R: 0xd6, G: 0x27, B: 0x28, A: 255},
		{R: 0x94, G: 0x67, B: 0xbd, A: 255}, {R: 0x8c, G: 0x56, B: 0x4b, A: 255}, {R: 0xe3, G: 0x77, B: 0xc2, A: 255}}
)

// Drawing is where a picture goes, what stands above it, and what it is for.
type Drawing struct {
	File  string // its name ends in .svg or .png
	Title string
	Size  Size // empty: ForReadme
}

// Size is what a picture is made for.
type Size string

// Sizes of pictures.
const (
	ForReadme Size = "readme" // it is as wide as a page in a browser, with type of its size
	ForPaper  Size = "paper"  // a column of 8.6 cm, with type of 8 points; PNG has 300 dots an inch
)

// format is how large a picture of a Size is. The legend stands below it and adds to its height.
type format struct {
	width, height    vg.Length
	letters, small   vg.Length // type of titles and labels; type of numbers at the axes and of the legend
	line, mark       vg.Length // widths of lines, radii of marks
	dots             int       // an inch, in PNG
	labels           int       // powers of ten with a label at an axis, at most
	between, padding vg.Length // lines of the legend; the picture and its edge
}

var formats = map[Size]format{
	ForReadme: {width: 22 * vg.Centimeter, height: 12.5 * vg.Centimeter, letters: 15, small: 13, line: 2, mark: 3.4, dots: 150,
		labels: 7, between: 3,
		padding: 8},
	ForPaper: {width: 8.6 * vg.Centimeter, height: 5.8 * vg.Centimeter, letters: 8, small: 7.5, line: 1, mark: 1.7, dots: 300,
		labels: 4, between: 1.5,
		padding: 2},
}

// format returns that of the drawing.
func (d Drawing) format() format {
	if f, ok := formats[d.Size]; ok {
		return f
	}
	return formats[ForReadme]
}

// axes are what is written along them.
type axes struct{ x, y string }

// plot returns an empty plot.
func (d Drawing) plot(a axes) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = d.Title, a.x, a.y
	f := d.format()
	p.Title.TextStyle.Font.Size, p.Title.Padding = f.letters, f.small/2
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font.Size, a.Tick.Label.Font.Size, a.Label.Padding = f.letters, f.small, f.small/3
	}
	p.Legend.TextStyle.Font.Size, p.Legend.Left, p.Legend.Top, p.Legend.Padding = f.small, true, true, f.between
	p.Legend.ThumbnailWidth = 2 * f.small
	return p
}

// guide returns a dashed line.
func (d Drawing) guide(points plotter.XYs, c color.Color) (*plotter.Line, error) {
	l, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("plot: %w", err)
	}
	w := d.format().line
	l.Color, l.Width, l.Dashes = c, 0.75*w, []vg.Length{3 * w, 2 * w}
	return l, nil
}

// curve adds a line with marks at its points, of the colour of a place in the order of all, to plot and legend.
func (d Drawing) curve(p *plot.Plot, place int, name string, points plotter.XYs) (*plotter.Line, *plotter.Scatter, error) {
	line, marks, err := plotter.NewLinePoints(points)
	if err != nil {
		return nil, nil, fmt.Errorf("plot: %w", err)
	}
	c := colours[place%len(colours)]
	line.Color, line.Width, marks.Color, marks.Radius = c, d.format().line, c, d.format().mark
	p.Add(line, marks)
	p.Legend.Add(name, line, marks)
	return line, marks, nil
}

// told is the metric that something tells, which has a name. An empty metric is accuracy.
type told struct{ name, metric string }

// label returns what stands along the axis of what all tell, and what values are multiplied by for it: per cent, but
// R2 as it is. All must tell the same.
func (d Drawing) label(split string, all []told) (text string, scale float64, err error) {
	known := func(metric string) string { return cmp.Or(metric, nn.Classification.Metric()) }
	metric := known(all[0].metric)
	for _, t := range all {
		if known(t.metric) != metric {
			return "", 0, fmt.Errorf("plot %s: %s tells %s, %s tells %s: draw them apart", d.File, all[0].name, metric, t.name,
				known(t.metric))
		}
	}
	text = strings.TrimLeft(split+" "+metric, " ")
	if metric == nn.Regression.Metric() {
		return text, 1, nil
	}
	return text + ", %", 100, nil
}

// CheckName returns an error unless a plot can be written into a file of that name.
func CheckName(path string) error {
	if e := filepath.Ext(path); e != ".svg" && e != ".png" {
		return fmt.Errorf("plot %q: the name must end in .svg or .png", path)
	}
	return nil
}

// save writes the plot, with its legend below it, so that it hides nothing.
func (d Drawing) save(p *plot.Plot) error {
	if err := CheckName(d.File); err != nil {
		return err
	}
	f, legend := d.format(), p.Legend
	p.Legend = plot.NewLegend()
	room := legend.Rectangle(draw.NewCanvas(vgsvg.New(f.width, f.height), f.width, f.height)).Size().Y
	if room > 0 {
		room += f.small / 2
	}
	width, height := f.width, f.height+room
	var canvas vg.CanvasWriterTo = vgsvg.New(width, height)
	if filepath.Ext(d.File) == ".png" {
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(f.dots))}
	}
	whole := draw.NewCanvas(canvas, width, height)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	inside := draw.Crop(whole, f.padding, -f.padding, f.padding, -f.padding)
	p.Draw(draw.Crop(inside, 0, 0, room, 0))
	legend.Draw(draw.Crop(inside, 0, 0, 0, room-inside.Size().Y))
	file, err := os.Create(d.File)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	_, err = canvas.WriteTo(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("plot %s: %w", d.File, err)
	}
	return nil
}
