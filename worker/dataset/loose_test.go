package dataset

import (
	"encoding/json"
	"errors"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The expected pixels are Pillow 9.4's: Image.resize((w, h), BILINEAR) to the covering
// size and crop at the centre, of the source that the loop below makes.
func TestCoverIsPillows(t *testing.T) {
	text, err := os.ReadFile("testdata/pillow_bilinear.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		W, H   int
		ToW    int `json:"to_w"`
		ToH    int `json:"to_h"`
		Pixels []int
	}
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		src := make([]byte, c.W*c.H)
		for i := range src {
			x, y := i%c.W, i/c.W
			src[i] = byte(x*37 + y*91 + x*y*13)
		}
		dst := make([]byte, c.ToW*c.ToH)
		cover(dst, src, pictureSize{c.W, c.H}, pictureSize{c.ToW, c.ToH})
		for i, want := range c.Pixels {
			if d := int(dst[i]) - want; d < -1 || d > 1 { // Pillow's weights are rounded
				t.Fatalf("%dx%d to %dx%d: pixel %d is %d, Pillow has %d", c.W, c.H, c.ToW, c.ToH, i, dst[i], want)
			}
		}
	}
}

func TestDecodeLoose(t *testing.T) {
	red := picturePNG(50, 20, color.RGBA{200, 10, 60, 255})
	rgb, err := DecodeLoose(red, nn.Shape{C: 3, H: 4, W: 6}, 1000)
	if err != nil || len(rgb) != 72 || rgb[0] != 200 || rgb[24] != 10 || rgb[71] != 60 {
		t.Fatalf("%v %v", rgb, err)
	}
	grey, err := DecodeLoose(red, nn.Shape{C: 1, H: 4, W: 6}, 1000)
	if want := byte((19595*200 + 38470*10 + 7471*60 + 1<<15) >> 16); err != nil || len(grey) != 24 || grey[7] != want {
		t.Fatalf("%v %v, want %d", grey, err, want)
	}
	if _, err := DecodeLoose(red, nn.Shape{C: 3, H: 4, W: 6}, 999); !errors.Is(err, ErrManyPixels) {
		t.Errorf("a picture of 1000 pixels where 999 are read: %v", err)
	}
	if _, err := DecodeLoose(red, nn.Shape{C: 2, H: 4, W: 6}, 1000); err == nil {
		t.Error("two channels: no error")
	}
	for n := range red { // cut short anywhere
		if _, err := DecodeLoose(red[:n], nn.Shape{C: 3, H: 4, W: 6}, 1000); err == nil && n < len(red)-12 {
			t.Fatalf("no error for %d of %d bytes", n, len(red))
		}
	}
}

// A header may claim any size; it is refused before its pixels are asked for.
func TestDecodeLooseBomb(t *testing.T) {
	huge := bomb(0xffff, 0xffff)
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := DecodeLoose(huge, nn.Shape{C: 3, H: 8, W: 8}, MaxPixels); !errors.Is(err, ErrManyPixels) {
			t.Fatal(err)
		}
	})
	if allocated > 100 {
		t.Errorf("%v allocations", allocated)
	}
}

func TestFindLoose(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/2.PNG", "b/1.jpg", "a.webp", ".hidden/3.png", ".4.png", "notes.txt"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	found, passed, err := FindLoose([]string{filepath.Join(dir, "notes.txt"), dir})
	if err != nil || passed != 2 {
		t.Fatal(found, passed, err)
	}
	for i, want := range []string{"notes.txt", "a.webp", "b/1.jpg", "b/2.PNG"} {
		if found[i] != filepath.Join(dir, want) {
			t.Errorf("%d: %s, want %s", i, found[i], want)
		}
	}
	if _, _, err := FindLoose([]string{filepath.Join(dir, "nope")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, _, err := FindLoose([]string{t.TempDir()}); err == nil || !strings.Contains(err.Error(), "no picture") {
		t.Error(err)
	}
}

func TestOpenLoose(t *testing.T) {
	dir := t.TempDir()
	card := &nn.Card{Input: nn.Shape{C: 3, H: 4, W: 4}, Mean: []float64{1, 2, 3}, Std: []float64{1, 1, 2},
		Classes: []string{"cat", "dog", "fox"}}
	put := func(name string, data []byte) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put("fox/1.png", picturePNG(9, 7, color.RGBA{11, 22, 33, 255}))
	put("cat/1.png", picturePNG(4, 4, color.RGBA{1, 2, 3, 255}))
	s, err := OpenLoose(dir, card)
	if err != nil {
		t.Fatal(err)
	}
	if s.Len(Test) != 2 || s.Label(Test, 0) != 0 || s.Label(Test, 1) != 2 || s.test.image(1)[47] != 33 {
		t.Errorf("%d samples of classes %d and %d", s.Len(Test), s.Label(Test, 0), s.Label(Test, 1))
	}
	put("bird/1.png", picturePNG(4, 4, color.White))
	if _, err := OpenLoose(dir, card); !errors.Is(err, ErrData) || !strings.Contains(err.Error(), "bird is a class of") {
		t.Error(err)
	}
	if _, err := OpenLoose(filepath.Join(dir, "nope"), card); !errors.Is(err, ErrData) {
		t.Error(err)
	}
}
