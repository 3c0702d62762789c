package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"github.com/tinygrow/tinygrow/proto/file"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// maxFile bounds a picture's file.
const maxFile = 64 << 20

// endings are those of the names of pictures, in lower case; endingsText tells them.
var endings = []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

// Endings tells the endings of the names of pictures.
const Endings = endingsText

const endingsText = ".png, .jpg, .jpeg, .jpe, .jfif, .webp, .gif, .bmp, .tif or .tiff"

// format is a kind of pictures, told by the first bytes of a file, whatever its name
// says. A '?' stands for any byte. The registry of package image is not used:
// what it knows depends on what else is in the program.
type format struct {
	magic  string
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

var formats = []format{
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
	{"\xff\xd8\xff", jpeg.DecodeConfig, decodeJPEG},
	{"RIFF????WEBPVP8", webp.DecodeConfig, decodeWebP},
	{"BM", bmp.DecodeConfig, bmp.Decode},
	{"GIF8", gif.DecodeConfig, firstFrame},
	{"II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"MM\x00*", tiff.DecodeConfig, tiff.Decode},
}

// ErrFormat is returned for files of no format that is read.
var ErrFormat = errors.New("neither PNG, JPEG, WebP, GIF, BMP nor TIFF, whatever its name says")

// formatOf returns the format of a file that begins with head.
func formatOf(head []byte) (format, error) {
	for _, f := range formats {
		match := len(head) >= len(f.magic)
		for i := 0; match && i < len(f.magic); i++ {
			match = f.magic[i] == '?' || f.magic[i] == head[i]
		}
		if match {
			return f, nil
		}
	}
	return format{}, ErrFormat
}

// pictureSize is the width and the height in pixels.
type pictureSize struct{ w, h int }

// sizeOf returns the size that a picture's file claims, as it is seen; it reads no more
// of the file than it must.
func sizeOf(path string) (pictureSize, error) {
	f, n, err := file.Open(path)
	if err != nil {
		return pictureSize{}, err
	}
	defer f.Close()
	switch {
	case n == 0:
		return pictureSize{}, fmt.Errorf("%s: the file is empty", shown(path))
	case n > maxFile:
		return pictureSize{}, fmt.Errorf("%s: the file has %d bytes, more than the %d that a picture may have", shown(path), n, maxFile)
	}
	in := io.NewSectionReader(f, 0, n)
	stored, err := headerSize(in)
	if err == nil {
		err = stored.check(MaxPixels)
	}
	if err != nil {
		return pictureSize{}, fmt.Errorf("%s: %w", shown(path), err)
	}
	return orientationOf(in).seen(stored), nil
}

// check refuses pictures of more pixels, which have no room in memory.
func (s pictureSize) check(pixels int64) error {
	if s.w > maxLooseSide || s.h > maxLooseSide || int64(s.w)*int64(s.h) > pixels {
		return fmt.Errorf("%w: it is %d x %d: at most %d pixels and %d a side are read", ErrManyPixels, s.w, s.h, pixels, maxLooseSide)
	}
	return nil
}

// headerSize returns the size in a picture's header, of one pixel at least.
func headerSize(r *io.SectionReader) (size pictureSize, err error) {
	defer recovered(&err)
	head := make([]byte, 16)
	n, _ := r.ReadAt(head, 0)
	f, err := formatOf(head[:n])
	if err != nil {
		return size, err
	}
	c, err := f.config(r)
	if err != nil {
		return size, damaged(err)
	}
	if c.Width < 1 || c.Height < 1 {
		return size, fmt.Errorf("the picture is %d x %d: it has no pixels", c.Width, c.Height)
	}
	return pictureSize{c.Width, c.Height}, nil
}

func damaged(err error) error {
	return fmt.Errorf("the picture is damaged, cut short or of a kind that is not read: %w", err)
}

// recovered makes an error of a decoder's panic.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = damaged(fmt.Errorf("the decoder gave up: %v", r))
	}
}

// decodePlanes writes a picture, whose header says that it is stored in a size, into dst
// as planes of red, green and blue (pixels.go), turned as its file says (orientation.go).
func decodePlanes(dst, data []byte, stored pictureSize) (err error) {
	defer recovered(&err)
	f, err := formatOf(data)
	if err != nil {
		return err
	}
	if n := pages(data); n > 1 {
		return errors.New("the file holds several pictures, of which one would count: split it")
	}
	img, err := f.decode(bytes.NewReader(data))
	if err != nil {
		return damaged(err)
	}
	if b := img.Bounds(); b.Dx() != stored.w || b.Dy() != stored.h {
		return damaged(errors.New("its header and its contents differ in size"))
	}
	o := orientationOf(bytes.NewReader(data))
	if o == upright {
		planesOf(dst).draw(img)
		return nil
	}
	flat := make([]byte, len(dst))
	planesOf(flat).draw(img)
	area := len(dst) / 3
	for c := range 3 {
		o.turn(dst[c*area:(c+1)*area], flat[c*area:(c+1)*area], stored)
	}
	return nil
}

// pages returns 2 for a TIFF file of several pictures, else 1.
func pages(data []byte) int {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(data, []byte("MM\x00*")):
		order = binary.BigEndian
	case !bytes.HasPrefix(data, []byte("II*\x00")):
		return 1
	}
	word := func(at, size int64) int64 {
		if at < 0 || at+size > int64(len(data)) {
			return 0
		}
		if size == 2 {
			return int64(order.Uint16(data[at:]))
		}
		return int64(order.Uint32(data[at:]))
	}
	first := word(4, 4)
	if next := word(first+2+12*word(first, 2), 4); next != 0 {
		return 2
	}
	return 1
}

// firstFrame returns the first picture of a GIF file, on a black canvas of the file's size.
func firstFrame(r io.Reader) (image.Image, error) {
	in := r.(io.ReadSeeker)
	c, err := gif.DecodeConfig(in)
	if err != nil {
		return nil, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	frame, err := gif.Decode(in)
	if err != nil {
		return nil, err
	}
	canvas := image.Rect(0, 0, c.Width, c.Height)
	if frame.Bounds() == canvas {
		return frame, nil
	}
	img := image.NewRGBA(canvas)
	draw.Draw(img, frame.Bounds(), frame, frame.Bounds().Min, draw.Src)
	return img, nil
}

// decodeWebP tells lossy pictures, which are of other colours than JPEG's.
func decodeWebP(r io.Reader) (image.Image, error) {
	img, err := webp.Decode(r)
	switch img := img.(type) {
	case *image.YCbCr:
		return videoImage{YCbCr: img}, err
	case *image.NYCbCrA:
		return videoImage{&img.YCbCr, img.A, img.AStride}, err
	}
	return img, err
}

// decodeJPEG reads four inks without a marker of Adobe's too. It takes them to be stored
// inverted, as Adobe does and as Pillow and ImageMagick read them: a marker is put there.
func decodeJPEG(r io.Reader) (image.Image, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if !plainInks(data) {
		return jpeg.Decode(bytes.NewReader(data))
	}
	const marker = "\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
	return jpeg.Decode(io.MultiReader(strings.NewReader(marker), bytes.NewReader(data[2:])))
}

// plainInks reports whether a JPEG file has four components and no marker of Adobe's.
func plainInks(data []byte) bool {
	for at := 2; at+10 <= len(data) && data[at] == 0xff; {
		switch marker := data[at+1]; {
		case marker == 0xff:
			at++
			continue
		case marker == 0xee && string(data[at+4:at+9]) == "Adobe", marker == 0xda:
			return false
		case marker >= 0xc0 && marker <= 0xc2:
			return data[at+9] == 4
		}
		at += 2 + int(binary.BigEndian.Uint16(data[at+2:]))
	}
	return false
}
