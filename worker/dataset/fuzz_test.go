package dataset

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// FuzzPicture decodes a file of a folder.
func FuzzPicture(f *testing.F) {
	img := image.NewNRGBA(image.Rect(0, 0, 5, 4))
	img.Set(2, 2, color.White)
	grey := image.NewGray(img.Rect)
	for _, write := range []func(b *bytes.Buffer) error{
		func(b *bytes.Buffer) error { return png.Encode(b, img) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, img, nil) },
		func(b *bytes.Buffer) error { return jpeg.Encode(b, grey, nil) },
		func(b *bytes.Buffer) error { return bmp.Encode(b, img) },
		func(b *bytes.Buffer) error { return tiff.Encode(b, img, nil) },
		func(b *bytes.Buffer) error { return tiff.Encode(b, grey, &tiff.Options{Compression: tiff.Deflate}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	for _, text := range webpPictures {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(cmykJPEG(5, 4, [4]byte{200, 100, 50, 255}))
	f.Add(twoPages(f, img))
	f.Fuzz(func(t *testing.T, data []byte) {
		size, err := headerSize(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
		if err != nil || size.check(1<<16) != nil {
			return
		}
		_ = decodePlanes(make([]byte, 3*size.w*size.h), data, size)
	})
}
