// Package sheet draws samples of a data set on one picture, each with its class, as they are and as
// training augments them, for `tinygrow data show`.
//
// Samples are shown as the network reads them: Fill's values, turned back into bytes. What a
// picture that is moved uncovers, or a square that is cut out, has the mean colour of the set, because the
// network reads 0 there. Where samples are mixed, the other one is of the order of the set, not of the
// order that training draws. It does not write files.
package sheet

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Options say what is drawn.
type Options struct {
	Split string // dataset.Train or dataset.Test
	// Count is the number of samples: the first of each class by turns.
	Count int
	// Augment is how training changes them; each sample is then drawn as it is, and in Epochs epochs.
	Augment proto.Augmentation
	Epochs  int
	Seed    uint64 // the seed of the run whose augmentation it is
}

// Bounds of a sheet.
const (
	MaxCount  = 1000
	MaxEpochs = 20
)

// Cell is one picture of a sheet.
type Cell struct {
	Row    int    `json:"row"`
	Column int    `json:"column"`
	Sample int    `json:"sample"` // its number in the split
	Label  int    `json:"label"`
	Class  string `json:"class"`
	// Epoch is the one in which training reads it so, from 0 on; -1: it is not augmented.
	Epoch int `json:"epoch"`
	// Other is the class of the sample that it is mixed with, Share that sample's part of the target.
	Other string  `json:"other,omitempty"`
	Share float64 `json:"share,omitempty"`
}

// Sizes on a sheet, in pixels.
const (
	leastSide = 80 // least side of a picture: smaller ones are enlarged by whole numbers
	widest    = 1500
	margin    = 6
	lineStep  = 14
	textSize  = 12
)

// Draw returns the sheet and what is on it, row by row.
func Draw(set *dataset.Set, o Options) (image.Image, []Cell, error) {
	chosen := byTurns(set, o)
	shape := set.Shape()
	scale := max((leastSide+max(shape.W, shape.H)-1)/max(shape.W, shape.H), 1)
	wide, high := shape.W*scale, shape.H*scale
	cell := image.Pt(max(wide, leastSide)+margin, high+2*lineStep+margin)
	views := 1
	if o.Augment != 0 {
		views += o.Epochs
	}
	columns := max(widest/cell.X/views, 1) * views
	columns = min(columns, len(chosen)*views)
	rows := (len(chosen)*views + columns - 1) / columns
	title := 2 * lineStep
	sheet := image.NewRGBA(image.Rect(0, 0, max(columns*cell.X, 400)+margin, title+rows*cell.Y+margin))
	draw.Draw(sheet, sheet.Rect, image.White, image.Point{}, draw.Src)
	write, err := newWriter(sheet)
	if err != nil {
		return nil, nil, err
	}
	write.text(image.Pt(margin, lineStep+2), sheet.Rect.Dx()-margin, fmt.Sprintf("%s, %d of %d %s samples, %d x %d", set.Name(),
		len(chosen), set.Len(o.Split), o.Split, shape.W, shape.H))
	mean, std := set.Statistics()
	batch := nn.NewBatch(1, shape, 0)
	var cells []Cell
	for _, i := range chosen {
		for view := range views {
			n := len(cells)
			c := Cell{Row: n / columns, Column: n % columns, Sample: i, Label: set.Label(o.Split, i), Epoch: view - 1}
			c.Class = set.ClassNames()[c.Label]
			order, augment := proto.Order{Split: o.Split, Stream: "sequential", Seed: o.Seed}, proto.Augmentation(0)
			said := fmt.Sprintf("#%d", i)
			if view > 0 {
				order.Index, augment, said = uint64(c.Epoch), o.Augment, fmt.Sprintf("epoch %d", c.Epoch)
			}
			if err := set.Fill(batch, order, augment, i, 1); err != nil {
				return nil, nil, err
			}
			if len(batch.Shares) > 0 && batch.Shares[0] > 0 {
				c.Other, c.Share = set.ClassNames()[batch.Others[0]], float64(batch.Shares[0])
				said = fmt.Sprintf("%.0f %% %s", float64(100*c.Share), c.Other)
			}
			at := image.Pt(margin+c.Column*cell.X, title+c.Row*cell.Y)
			picture := unfilled(batch.X, shape, mean, std)
			enlarge(sheet, at, picture, scale)
			write.text(at.Add(image.Pt(0, high+lineStep-2)), cell.X-margin, c.Class)
			write.text(at.Add(image.Pt(0, high+2*lineStep-3)), cell.X-margin, said)
			cells = append(cells, c)
		}
	}
	return sheet, cells, nil
}

// byTurns returns the samples that are drawn: the first of each class, then the second, as far as
// they go; those of a class stand together.
func byTurns(set *dataset.Set, o Options) []int {
	byClass := make([][]int, set.Classes())
	for i := range set.Len(o.Split) {
		l := set.Label(o.Split, i)
		byClass[l] = append(byClass[l], i)
	}
	taken := make([]int, len(byClass))
	for left, took := o.Count, true; took; {
		took = false
		for c := range byClass {
			if left > 0 && taken[c] < len(byClass[c]) {
				taken[c]++
				left--
				took = true
			}
		}
	}
	var chosen []int
	for c, n := range taken {
		chosen = append(chosen, byClass[c][:n]...)
	}
	return slices.Clip(chosen)
}

// unfilled returns the first sample of values (H, W, C, 32) as a picture.
func unfilled(x []float32, shape nn.Shape, mean, std []float64) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, shape.W, shape.H))
	for y := range shape.H {
		for col := range shape.W {
			var v [3]uint8
			for c := range v {
				from := c * min(shape.C, 3) / 3 // one channel is grey
				value := float64(x[((y*shape.W+col)*shape.C+from)*tensor.Lanes])
				v[c] = uint8(min(max(math.Round(float64(value*std[from])+mean[from]), 0), 255))
			}
			img.SetRGBA(col, y, color.RGBA{v[0], v[1], v[2], 255})
		}
	}
	return img
}

// enlarge draws a picture at a place, each of its pixels as a square.
func enlarge(dst *image.RGBA, at image.Point, src *image.RGBA, scale int) {
	for y := range src.Rect.Dy() * scale {
		for x := range src.Rect.Dx() * scale {
			dst.SetRGBA(at.X+x, at.Y+y, src.RGBAAt(x/scale, y/scale))
		}
	}
}

// writer writes lines of text on a sheet.
type writer struct{ font.Drawer }

func newWriter(on draw.Image) (*writer, error) {
	parsed, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: textSize, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, err
	}
	return &writer{font.Drawer{Dst: on, Src: image.Black, Face: face}}, nil
}

// text writes a line of at most so many pixels from a place on; a longer one is cut.
func (w *writer) text(at image.Point, most int, line string) {
	line = proto.Printable(line)
	letters := []rune(line)
	for n := len(letters); w.MeasureString(line) > fixed.I(most) && n > 0; {
		n--
		line = string(letters[:n]) + "…"
	}
	w.Dot = fixed.P(at.X, at.Y)
	w.DrawString(line)
}
