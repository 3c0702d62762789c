package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/tinygrow/tinygrow/proto/file"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// maxFile bounds a picture's file.
const maxFile = 64 << 20

// endings are those of the names of pictures, in lower case; endingsText tells them.
var endings = []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff"}

// Endings tells the endings of the names of pictures.
const Endings = endingsText

const endingsText = ".png, .jpg, .jpeg, .jpe, .jfif, .webp, .bmp, .tif or .tiff"

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
	{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
	{"RIFF????WEBPVP8", webp.DecodeConfig, webp.Decode},
	{"BM", bmp.DecodeConfig, bmp.Decode},
	{"II*\x00", tiff.DecodeConfig, tiff.Decode},
	{"MM\x00*", tiff.DecodeConfig, tiff.Decode},
}

// ErrFormat is returned for files of no format that is read.
var ErrFormat = errors.New("neither PNG, JPEG, WebP, BMP nor TIFF, whatever its name says")

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

// pictureSize is in pixels.
type pictureSize struct{ w, h int }

// sizeOf returns the size that a picture's file claims, of which it reads no more
// than it must.
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
	s, err := claimed(io.NewSectionReader(f, 0, n))
	if err != nil {
		return pictureSize{}, fmt.Errorf("%s: %w", shown(path), err)
	}
	return s, nil
}

// claimed returns the size in a picture's header, which may not be larger than a
// folder's pictures are.
func claimed(r *io.SectionReader) (pictureSize, error) {
	s, err := headerSize(r)
	if err == nil && (s.w > maxSide || s.h > maxSide) {
		err = fmt.Errorf("the picture is %d x %d: it must have 1 to %d pixels a side", s.w, s.h, maxSide)
	}
	return s, err
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

// decode writes the picture at path, which must be of a size, into dst as planes
// of red, green and blue.
func decode(dst []byte, path string, size pictureSize) error {
	data, err := file.Read(path, maxFile)
	if err == nil {
		err = decodePicture(dst, data, size)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", shown(path), err)
	}
	return nil
}

func decodePicture(dst, data []byte, size pictureSize) (err error) {
	s, err := claimed(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
	if err != nil {
		return err
	}
	if s != size {
		return fmt.Errorf("the picture is %d x %d, it was %d x %d a moment ago", s.w, s.h, size.w, size.h)
	}
	return decodePlanes(dst, data, size)
}

// decodePlanes writes a picture, whose header says that it is of a size, into dst as
// planes of red, green and blue.
func decodePlanes(dst, data []byte, size pictureSize) (err error) {
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
	if b := img.Bounds(); b.Dx() != size.w || b.Dy() != size.h {
		return damaged(errors.New("its header and its contents differ in size"))
	}
	planes(dst, img)
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

// planes writes the image as planes of red, green and blue: grey becomes three
// equal planes, what is transparent is laid over black, and 16 bits a channel
// are rounded to the nearest of 8.
func planes(dst []byte, img image.Image) {
	b := img.Bounds()
	area := b.Dx() * b.Dy()
	red, green, blue := dst[:area], dst[area:2*area], dst[2*area:3*area]
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			switch img := img.(type) { // the first two give what the last would, without its allocations
			case *image.YCbCr:
				c := img.COffset(x, y)
				red[i], green[i], blue[i] = color.YCbCrToRGB(img.Y[img.YOffset(x, y)], img.Cb[c], img.Cr[c])
			case *image.Gray:
				v := img.GrayAt(x, y).Y
				red[i], green[i], blue[i] = v, v, v
			case *image.Gray16, *image.RGBA64, *image.NRGBA64:
				r, g, bl, _ := img.At(x, y).RGBA()
				red[i], green[i], blue[i] = rounded(r), rounded(g), rounded(bl)
			default:
				r, g, bl, _ := img.At(x, y).RGBA()
				red[i], green[i], blue[i] = byte(r>>8), byte(g>>8), byte(bl>>8)
			}
			i++
		}
	}
}

// rounded returns the value of 0 to 255 that is nearest to v of 0 to 65,535.
func rounded(v uint32) byte { return byte((v*255 + 32767) / 65535) }
