package dataset

import (
	"image"
	"image/color"
)

// How decoded pictures become planes of red, green and blue, in whole numbers: grey
// becomes three equal planes, what is transparent is laid over black, inks become the
// light that they leave, 16 bits a channel are rounded to the nearest of 8, and the
// colours of JPEG and WebP, stored at half the size, are interpolated as libjpeg does.
// Colour profiles and gamma are not heeded.

// planes are where the pixels of a picture go, row by row.
type planes struct{ red, green, blue []byte }

// planesOf splits dst, which holds three planes.
func planesOf(dst []byte) planes {
	area := len(dst) / 3
	return planes{dst[:area], dst[area : 2*area], dst[2*area : 3*area]}
}

// draw writes an image, all of it.
func (p planes) draw(img image.Image) {
	b := img.Bounds()
	switch img := img.(type) {
	case *image.YCbCr:
		p.ycbcr(img, color.YCbCrToRGB)
	case videoImage:
		p.ycbcr(img.YCbCr, videoToRGB)
		p.fade(img)
	case *image.Gray:
		for y := range b.Dy() {
			copy(p.red[y*b.Dx():], img.Pix[y*img.Stride:y*img.Stride+b.Dx()])
		}
		copy(p.green, p.red)
		copy(p.blue, p.red)
	case *image.CMYK:
		p.inks(img)
	case *image.Paletted:
		p.palette(img)
	case image.RGBA64Image:
		i := 0
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := img.RGBA64At(x, y)
				p.red[i], p.green[i], p.blue[i] = rounded(c.R), rounded(c.G), rounded(c.B)
				i++
			}
		}
	}
}

// palette writes an image of colours of a table. Those of TIFF have 16 bits, of which some
// programs write the upper 8 alone: these count.
func (p planes) palette(img *image.Paletted) {
	var table [256][3]byte
	for i, c := range img.Palette[:min(len(img.Palette), len(table))] {
		r, g, b, a := c.RGBA()
		if _, deep := c.(color.RGBA64); deep && a == 0xffff {
			table[i] = [3]byte{byte(r >> 8), byte(g >> 8), byte(b >> 8)}
			continue
		}
		table[i] = [3]byte{rounded(uint16(r)), rounded(uint16(g)), rounded(uint16(b))}
	}
	b := img.Bounds()
	for y := range b.Dy() {
		for x, v := range img.Pix[y*img.Stride : y*img.Stride+b.Dx()] {
			i := y*b.Dx() + x
			p.red[i], p.green[i], p.blue[i] = table[v][0], table[v][1], table[v][2]
		}
	}
}

// rounded returns the value of 0 to 255 that is nearest to v of 0 to 65,535.
func rounded(v uint16) byte { return byte((uint32(v)*255 + 32767) / 65535) }

// part returns the product of two parts of 255, rounded.
func part(a, b byte) byte { return byte((uint32(a)*uint32(b) + 127) / 255) }

// inks writes an image of four inks: of light, each lets through what it does not cover.
func (p planes) inks(img *image.CMYK) {
	b := img.Bounds()
	i := 0
	for y := range b.Dy() {
		row := img.Pix[y*img.Stride:]
		for x := range b.Dx() {
			key := 255 - row[4*x+3]
			p.red[i], p.green[i], p.blue[i] = part(255-row[4*x], key), part(255-row[4*x+1], key), part(255-row[4*x+2], key)
			i++
		}
	}
}

// videoImage is a lossy picture of WebP: its values are those of video (ITU-R 601), of
// which black is 16 and white 235. Package webp gives them as if they were JPEG's.
type videoImage struct {
	*image.YCbCr
	alpha  []byte // nil: opaque
	stride int
}

// fade lays the image over black.
func (p planes) fade(img videoImage) {
	if img.alpha == nil {
		return
	}
	b := img.Bounds()
	i := 0
	for y := range b.Dy() {
		for _, a := range img.alpha[y*img.stride : y*img.stride+b.Dx()] {
			p.red[i], p.green[i], p.blue[i] = part(p.red[i], a), part(p.green[i], a), part(p.blue[i], a)
			i++
		}
	}
}

// videoToRGB returns the colour of values of video, the coefficients of ITU-R 601 in
// parts of 65,536.
func videoToRGB(y, cb, cr uint8) (r, g, b uint8) {
	light, u, v := 76309*(int32(y)-16), int32(cb)-128, int32(cr)-128
	return held(light + 104597*v), held(light - 25675*u - 53279*v), held(light + 132201*u)
}

// held returns v / 65,536, rounded and held between 0 and 255.
func held(v int32) uint8 { return uint8(min(max((v+1<<15)>>16, 0), 255)) }

// ycbcr writes an image of brightness and colours, by toRGB.
func (p planes) ycbcr(img *image.YCbCr, toRGB func(y, cb, cr uint8) (r, g, b uint8)) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	up := enlarger{w: w, h: h}
	switch img.SubsampleRatio {
	case image.YCbCrSubsampleRatio444:
	case image.YCbCrSubsampleRatio422:
		up.wide = true
	case image.YCbCrSubsampleRatio440:
		up.high = true
	case image.YCbCrSubsampleRatio420:
		up.wide, up.high = true, true
	default: // a quarter of the width: repeated
		i := 0
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				c := img.COffset(x, y)
				p.red[i], p.green[i], p.blue[i] = toRGB(img.Y[img.YOffset(x, y)], img.Cb[c], img.Cr[c])
				i++
			}
		}
		return
	}
	blues, reds := make([]byte, w), make([]byte, w)
	for y := range h {
		up.row(blues, img.Cb, img.CStride, y)
		up.row(reds, img.Cr, img.CStride, y)
		light := img.Y[y*img.YStride:]
		for x := range w {
			i := y*w + x
			p.red[i], p.green[i], p.blue[i] = toRGB(light[x], blues[x], reds[x])
		}
	}
}

// enlarger makes planes of w x h of planes of half the width, half the height or both:
// a value is three parts of the nearest stored one and one of the next nearest, in
// each direction, with the rounding of libjpeg.
type enlarger struct {
	w, h       int
	wide, high bool
	sums       []int32
}

// row writes row y into dst.
func (e *enlarger) row(dst, src []byte, stride, y int) {
	if !e.wide && !e.high {
		copy(dst, src[y*stride:y*stride+e.w])
		return
	}
	n := e.w
	if e.wide {
		n = (e.w + 1) / 2
	}
	if len(e.sums) != n {
		e.sums = make([]int32, n)
	}
	near, far := y, y
	if e.high {
		near = y / 2
		if far = near - 1; y%2 == 1 {
			far = near + 1
		}
		far = min(max(far, 0), (e.h+1)/2-1)
	}
	for x := range e.sums {
		v := int32(src[near*stride+x])
		if e.high {
			v = 3*v + int32(src[far*stride+x])
		}
		e.sums[x] = v
	}
	if !e.wide {
		for x := range dst {
			dst[x] = byte((e.sums[x] + 1 + int32(y%2)) >> 2)
		}
		return
	}
	left, right, shift := int32(8), int32(7), 4
	if !e.high {
		left, right, shift = 1, 2, 2
	}
	for x := range dst {
		v, other, round := e.sums[x/2], x/2-1, left
		if x%2 == 1 {
			other, round = x/2+1, right
		}
		other = min(max(other, 0), n-1)
		dst[x] = byte((3*v + e.sums[other] + round) >> shift)
	}
}
