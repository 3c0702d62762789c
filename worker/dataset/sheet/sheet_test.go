package sheet

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// folder makes a set of pictures of one colour each, of three classes.
func folder(t *testing.T) *dataset.Set {
	t.Helper()
	dir := t.TempDir()
	for n, name := range []string{"train/a/0", "train/a/1", "train/a/2", "train/b/0", "train/c with a very long name indeed/0",
		"test/a/0", "test/b/0", "test/c with a very long name indeed/0"} {
		img := image.NewRGBA(image.Rect(0, 0, 16, 16))
		for i := range 256 {
			img.Set(i%16, i/16, color.RGBA{byte(n * 30), byte(i), byte(255 - i), 255})
		}
		path := filepath.Join(dir, name+".png")
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		f, also := os.Create(path)
		if err = errors.Join(err, also); err == nil {
			err = errors.Join(png.Encode(f, img), f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set, err := dataset.Open(dataset.Config{Name: "folder", Dir: dir, Cache: dataset.CacheOff})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Every cell shows the bytes of its sample, to the bit where it is not augmented.
func TestCellsShowTheirSamples(t *testing.T) {
	set := folder(t)
	img, cells, err := Draw(set, Options{Split: dataset.Train, Count: 4, Augment: proto.Move | proto.Mirror, Epochs: 3, Seed: 1})
	if err != nil || len(cells) != 16 {
		t.Fatalf("%d cells: %v", len(cells), err)
	}
	const scale, cellX, cellY = 5, 80 + margin, 80 + 2*lineStep + margin
	changed := 0
	for _, c := range cells {
		image, err := set.Image(dataset.Train, c.Sample)
		if err != nil {
			t.Fatal(err)
		}
		same := true
		for i := range 256 {
			r, g, b, _ := img.At(margin+c.Column*cellX+i%16*scale+2, 2*lineStep+c.Row*cellY+i/16*scale+3).RGBA()
			same = same && byte(r>>8) == image[i] && byte(g>>8) == image[256+i] && byte(b>>8) == image[512+i]
		}
		if !same {
			changed++
		}
		if c.Epoch < 0 && !same || set.Label(dataset.Train, c.Sample) != c.Label || set.ClassNames()[c.Label] != c.Class {
			t.Errorf("%+v is not what it shows", c)
		}
	}
	if changed < 6 {
		t.Errorf("%d of 12 augmented pictures differ from their samples", changed)
	}
	if got := []int{cells[0].Sample, cells[4].Sample, cells[8].Sample, cells[12].Sample}; !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Errorf("samples %v", got)
	}
}

// Without augmentation a sheet has one picture a sample, at most all of them.
func TestPlainSheets(t *testing.T) {
	set := folder(t)
	img, cells, err := Draw(set, Options{Split: dataset.Test, Count: 50, Epochs: 3})
	if err != nil || len(cells) != 3 || cells[2].Epoch != -1 {
		t.Fatalf("%v %v", cells, err)
	}
	if b := img.Bounds(); b.Dx() < 3*80 || b.Dy() < 80 {
		t.Errorf("%v", b)
	}
	shapes, err := dataset.Open(dataset.Config{Name: "shapes", Seed: 1, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	if _, cells, err := Draw(shapes, Options{Split: dataset.Train, Count: 40}); err != nil || len(cells) != 40 {
		t.Errorf("%d %v", len(cells), err)
	}
}

// A mixed picture tells what it is mixed with.
func TestMixedPicturesTellBoth(t *testing.T) {
	set := folder(t)
	mixes := proto.Move.With(proto.Strengths{MixUp: 0.2})
	_, cells, err := Draw(set, Options{Split: dataset.Train, Count: 5, Augment: mixes, Epochs: 4, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	mixed := 0
	for _, c := range cells {
		if c.Epoch < 0 && c.Other != "" {
			t.Errorf("%+v is mixed", c)
		}
		if c.Share > 0 && c.Share < 1 && c.Other != "" {
			mixed++
		}
	}
	if mixed == 0 {
		t.Error("nothing is mixed")
	}
}
