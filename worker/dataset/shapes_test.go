package dataset

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
)

func TestShapesAreTheSameEverywhere(t *testing.T) {
	s := drawShapes(1, splitSizes{200, 50})
	s.finish()
	const want = "c76df2fcfcf1c0a3927c7378e97368a7c820cfd0ad78528e5d96b700d5a6b9f8"
	if s.Digest() != want {
		t.Errorf("digest %s, want %s", s.Digest(), want)
	}
}

func TestShapesDependOnSeedAndSplit(t *testing.T) {
	a, b := drawShapes(1, splitSizes{20, 20}), drawShapes(2, splitSizes{20, 20})
	if string(a.train.images) == string(b.train.images) || string(a.train.images) == string(a.test.images) {
		t.Error("two seeds or two splits gave equal images")
	}
	longer := drawShapes(1, splitSizes{30, 20})
	if string(longer.train.images[:len(a.train.images)]) != string(a.train.images) {
		t.Error("an image depends on how many there are")
	}
}

// With SHAPES_PNG=FILE the test writes a sheet of the first images to look at.
func TestShapesSheet(t *testing.T) {
	const rows, cols, zoom = 10, 16, 2
	s := drawShapes(1, splitSizes{rows * cols, 10})
	sheet := image.NewRGBA(image.Rect(0, 0, cols*side*zoom, rows*side*zoom))
	for i := range rows * cols {
		img := s.train.image(i)
		ox, oy := i/rows*side*zoom, i%rows*side*zoom
		different := false
		for p := range side * side {
			c := color.RGBA{img[p], img[p+1024], img[p+2048], 255}
			different = different || p > 0 && img[p] != img[0]
			for z := range zoom * zoom {
				sheet.Set(ox+p%side*zoom+z%zoom, oy+p/side*zoom+z/zoom, c)
			}
		}
		if !different {
			t.Errorf("image %d is of one colour", i)
		}
	}
	if path := os.Getenv("SHAPES_PNG"); path != "" {
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := png.Encode(f, sheet); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkShapes(b *testing.B) {
	for b.Loop() {
		drawShapes(1, splitSizes{shapesTrain, shapesTest})
	}
}
