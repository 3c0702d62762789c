package growthtest

import (
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Image is one sample of what a node of a shape gives, in blocks (H, W, C, 32).
type Image struct {
	X      []float32
	Shape  nn.Shape
	Sample int
}

// Pixel is a place in an image, or outside.
type Pixel struct{ Row, Column int }

// At returns channel c of a pixel; zero outside.
func (m Image) At(c int, p Pixel) float64 {
	s, i := m.Shape, m.Sample
	if p.Row < 0 || p.Column < 0 || p.Row >= s.H || p.Column >= s.W {
		return 0
	}
	return float64(m.X[((((i/32)*s.H+p.Row)*s.W+p.Column)*s.C+c)*32+i%32])
}

// Unfold returns what the window of output at reads, in the order of the weights of a
// layer: channel, row, column, and a 1 last with a bias.
func (m Image) Unfold(w nn.Window, at Pixel, bias bool) []float64 {
	var row []float64
	for c := range m.Shape.C {
		for ky := range w.Height {
			for kx := range w.Width {
				row = append(row, m.At(c, Pixel{at.Row*w.Stride - w.Pad + ky, at.Column*w.Stride - w.Pad + kx}))
			}
		}
	}
	if bias {
		row = append(row, 1)
	}
	return row
}
