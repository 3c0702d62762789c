package dataset

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// FuzzPicture reads a file of a folder.
func FuzzPicture(f *testing.F) {
	img := image.NewNRGBA(image.Rect(0, 0, 5, 4))
	img.Set(2, 2, color.White)
	grey := image.NewGray(img.Rect)
	for _, write := range []func(b *bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, img) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, grey, nil) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	path := filepath.Join(f.TempDir(), "picture.png")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		w, h, err := pictureSize(path)
		if err != nil || w*h > 1<<16 {
			return
		}
		s := &Set{shape: nn.Shape{C: 3, H: h, W: w}}
		dst := make([]byte, s.shape.Len())
		_ = s.decode(dst, path, path)
	})
}
