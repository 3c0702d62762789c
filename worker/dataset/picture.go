package dataset

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/jpeg" // the two formats of a folder
	_ "image/png"
	"os"
)

// maxFile bounds a picture's file.
const maxFile = 64 << 20

// readPicture returns the bytes of a picture's file and the size it claims.
func readPicture(path string) ([]byte, image.Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, image.Config{}, err
	}
	switch size := info.Size(); {
	case !info.Mode().IsRegular():
		return nil, image.Config{}, fmt.Errorf("%s is not a file", path)
	case size == 0:
		return nil, image.Config{}, fmt.Errorf("%s: the file is empty", path)
	case size > maxFile:
		return nil, image.Config{}, fmt.Errorf("%s: the file has %d bytes, more than the %d that a picture may have", path, size, maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, image.Config{}, err
	}
	config, _, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, image.Config{}, damaged(path, err)
	}
	if config.Width < 1 || config.Height < 1 || config.Width > maxSide || config.Height > maxSide {
		return nil, image.Config{}, fmt.Errorf("%s is %d x %d: images must have 1 to %d pixels a side", path, config.Width, config.Height, maxSide)
	}
	return data, config, nil
}

func damaged(path string, err error) error {
	if errors.Is(err, image.ErrFormat) {
		return fmt.Errorf("%s: neither PNG nor JPEG, whatever its name says", path)
	}
	return fmt.Errorf("%s: the picture is damaged or cut short: %w", path, err)
}

func pictureSize(path string) (w, h int, err error) {
	_, config, err := readPicture(path)
	return config.Width, config.Height, err
}

// decode writes the picture at path into dst as planes of red, green and blue.
// It must be of the set's size, which is that of the picture called first.
func (s *Set) decode(dst []byte, path, first string) error {
	data, config, err := readPicture(path)
	if err != nil {
		return err
	}
	if config.Width != s.shape.W || config.Height != s.shape.H {
		return fmt.Errorf("%s is %d x %d, but %s is %d x %d: all images must have one size", path, config.Width, config.Height, first, s.shape.W, s.shape.H)
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return damaged(path, err)
	}
	if img.Bounds().Dx() != s.shape.W || img.Bounds().Dy() != s.shape.H {
		return damaged(path, errors.New("its header and its contents differ in size"))
	}
	planes(dst, img)
	return nil
}

// planes writes the image as planes of red, green and blue: grey becomes three
// equal planes, what is transparent is laid over black, and of 16 bits a
// channel the upper 8 stay.
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
			default:
				r, g, bl, _ := img.At(x, y).RGBA()
				red[i], green[i], blue[i] = byte(r>>8), byte(g>>8), byte(bl>>8)
			}
			i++
		}
	}
}
