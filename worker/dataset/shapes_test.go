package dataset

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"testing"
)

func TestShapesAreTheSameEverywhere(t *testing.T) {
	s := drawShapes(1, 200, 50)
	s.finish()
	const want = "bf52d2cbe29ebd7df391c23be4470fe72513b4b44ea4fac4857f385f4e8afe27"
	if s.Digest() != want {
		t.Errorf("digest %s, want %s", s.Digest(), want)
	}
}

func TestShapesDependOnSeedAndSplit(t *testing.T) {
	a, b := drawShapes(1, 20, 20), drawShapes(2, 20, 20)
	if string(a.train.images) == string(b.train.images) || string(a.train.images) == string(a.test.images) {
		t.Error("two seeds or two splits gave equal images")
	}
	longer := drawShapes(1, 30, 20)
	if string(longer.train.images[:len(a.train.images)]) != string(a.train.images) {
		t.Error("an image depends on how many there are")
	}
}

// With SHAPES_PNG=FILE the test writes a sheet of the first images to look at.
func TestShapesSheet(t *testing.T) {
	const rows, cols, zoom = 10, 16, 2
	s := drawShapes(1, rows*cols, 10)
	sheet := image.NewRGBA(image.Rect(0, 0, cols*shapesSide*zoom, rows*shapesSide*zoom))
	for i := range rows * cols {
		img := s.Image(Train, i)
		ox, oy := i/rows*shapesSide*zoom, i%rows*shapesSide*zoom
		different := false
		for p := range shapesSide * shapesSide {
			c := color.RGBA{img[p], img[p+1024], img[p+2048], 255}
			different = different || p > 0 && img[p] != img[0]
			for z := range zoom * zoom {
				sheet.Set(ox+p%shapesSide*zoom+z%zoom, oy+p/shapesSide*zoom+z/zoom, c)
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
		drawShapes(1, shapesTrain, shapesTest)
	}
}
