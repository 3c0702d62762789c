package dataset

import (
	"math"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Changes of the bytes of a picture, which come before it is moved and normalised: colour
// jitter and RandAugment. Each operation is Pillow's of the same name, to the byte (testdata/pillow_augment.json), but for
// the hue, which Pillow computes in colours of 8 bits: here it is turned in whole numbers that keep the largest and
// the smallest of the three exactly. All of it is a function of seed, epoch and sample.

var recolourKey = rng.Key("recolour")

// recolourer has memory for one picture at a time.
type recolourer struct {
	h, w, c int
	spare   []byte
}

// plane is one channel.
func (r *recolourer) plane(image []byte, c int) []byte { return image[c*r.h*r.w : (c+1)*r.h*r.w] }

// recolour changes image as sample of order o has it.
func (r *recolourer) recolour(image []byte, o proto.Order, s proto.Strengths, sample int) {
	d := dice{stream: rng.New(recolourKey, o.Seed, o.Index, uint64(sample))}
	for range s.Operations {
		r.random(image, &d, s.Magnitude)
	}
	if r.c == 3 && s.Brightness+s.Contrast+s.Saturation+s.Hue > 0 {
		r.jitter(image, &d, s)
	}
}

// jitter makes the four changes of colours in the order that is drawn.
func (r *recolourer) jitter(image []byte, d *dice, s proto.Strengths) {
	order := [4]int{0, 1, 2, 3}
	for i := 3; i > 0; i-- {
		j := d.n(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	for _, what := range order {
		most := [4]float64{s.Brightness, s.Contrast, s.Saturation, s.Hue}[what]
		u := float64(2*d.unit()) - 1 // [-1, 1)
		if most == 0 {
			continue
		}
		change := float64(most * u)
		switch what {
		case 0:
			r.brightness(image, float32(1+change))
		case 1:
			r.contrast(image, float32(1+change))
		case 2:
			r.saturation(image, float32(1+change))
		case 3:
			r.hue(image, int(math.Round(float64(change*hueTurn))))
		}
	}
}

// Operations of RandAugment, in the order of its paper's list; each is as likely.
const (
	identity = iota
	shearX
	shearY
	translateX
	translateY
	rotate
	brightness
	saturation
	contrast
	sharpness
	posterize
	solarize
	autocontrast
	equalize
	operations
)

// random makes one operation of RandAugment, with the strengths of torchvision's table of 31 magnitudes.
func (r *recolourer) random(image []byte, d *dice, magnitude int) {
	what, negative := d.n(operations), d.n(2) == 1
	part := float64(float64(magnitude) / proto.MaxMagnitude)
	sign := 1.0
	if negative {
		sign = -1
	}
	factor := float32(1 + float64(sign*float64(0.9*part)))
	switch what {
	case shearX:
		r.affine(image, affineOf(1, float64(sign*float64(0.3*part)), 0, 1), 0, 0)
	case shearY:
		r.affine(image, affineOf(1, 0, float64(sign*float64(0.3*part)), 1), 0, 0)
	case translateX:
		r.affine(image, affineOf(1, 0, 0, 1), float64(sign*math.Floor(float64(float64(150.0/331*part)*float64(r.w)))), 0)
	case translateY:
		r.affine(image, affineOf(1, 0, 0, 1), 0, float64(sign*math.Floor(float64(float64(150.0/331*part)*float64(r.h)))))
	case rotate:
		turn := float64(part / 6) // a part of pi: 30 degrees at most
		sin := float64(sign * portable.CosPi(0.5-turn))
		cos := portable.CosPi(turn)
		r.affine(image, affineOf(cos, sin, -sin, cos), 0, 0)
	case brightness:
		r.brightness(image, factor)
	case saturation:
		if r.c == 3 {
			r.saturation(image, factor)
		}
	case contrast:
		r.contrast(image, factor)
	case sharpness:
		r.sharpness(image, factor)
	case posterize:
		r.posterize(image, 8-int(math.Round(float64(4*part))))
	case solarize:
		r.solarize(image, int(math.Ceil(float64(255*(1-part)))))
	case autocontrast:
		r.autocontrast(image)
	case equalize:
		r.equalize(image)
	}
}

// blend returns a + f (b - a), cut off below 0, above 255 and behind the point.
func blend(a, b int, f float32) byte {
	v := float32(a) + float32(f*float32(b-a))
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return byte(v)
}

// through replaces each byte by that of a table.
func (r *recolourer) through(image []byte, of func(v int) byte) {
	var table [256]byte
	for v := range table {
		table[v] = of(v)
	}
	for i, v := range image {
		image[i] = table[v]
	}
}

func (r *recolourer) brightness(image []byte, f float32) {
	r.through(image, func(v int) byte { return blend(0, v, f) })
}

// posterize keeps the highest bits of each byte.
func (r *recolourer) posterize(image []byte, bits int) {
	mask := byte(0xff) << (8 - bits)
	r.through(image, func(v int) byte { return byte(v) & mask })
}

// solarize inverts what is not below a threshold.
func (r *recolourer) solarize(image []byte, from int) {
	r.through(image, func(v int) byte {
		if v < from {
			return byte(v)
		}
		return byte(255 - v)
	})
}

// grey is the brightness of a colour (ITU-R 601).
func grey(red, green, blue byte) int {
	return int((19595*uint32(red) + 38470*uint32(green) + 7471*uint32(blue) + 1<<15) >> 16)
}

func (r *recolourer) contrast(image []byte, f float32) {
	sum, n := 0, r.h*r.w
	if r.c == 3 {
		red, green, blue := r.plane(image, 0), r.plane(image, 1), r.plane(image, 2)
		for i := range red {
			sum += grey(red[i], green[i], blue[i])
		}
	} else {
		n *= r.c
		for _, v := range image {
			sum += int(v)
		}
	}
	mean := (2*sum + n) / (2 * n)
	r.through(image, func(v int) byte { return blend(mean, v, f) })
}

func (r *recolourer) saturation(image []byte, f float32) {
	red, green, blue := r.plane(image, 0), r.plane(image, 1), r.plane(image, 2)
	for i := range red {
		g := grey(red[i], green[i], blue[i])
		red[i], green[i], blue[i] = blend(g, int(red[i]), f), blend(g, int(green[i]), f), blend(g, int(blue[i]), f)
	}
}

// hueTurn is a whole turn of the hue: six sectors of hueSector.
const (
	hueSector = 256
	hueTurn   = 6 * hueSector
)

// reciprocals are 2^32 over each width, rounded up: for n below 2^20 n times that of w, over 2^32, is n / w to the last whole number.
var reciprocals = func() (t [256]uint32) {
	for w := 2; w < len(t); w++ {
		t[w] = uint32((1<<32 + uint64(w) - 1) / uint64(w))
	}
	return t
}()

// hueOrder says for each sector which of the largest, the smallest, what rises and what falls, as shifts of 8 bits each, red,
// green and blue are.
var hueOrder = [8][3]uint8{{0, 16, 8}, {24, 0, 8}, {8, 0, 16}, {8, 24, 0}, {16, 8, 0}, {0, 8, 24}}

// hue turns that of each pixel by so many parts of hueTurn. It has neither branches nor divisions, since colours in a row have
// little in common.
func (r *recolourer) hue(image []byte, turn int) {
	turn = (turn%hueTurn + hueTurn) % hueTurn
	red, green, blue := r.plane(image, 0), r.plane(image, 1), r.plane(image, 2)
	for i := range red {
		a, b, c := int32(red[i]), int32(green[i]), int32(blue[i])
		most, least := max(a, b, c), min(a, b, c)
		width := most - least
		d, from := a-b, int32(hueTurn+4*hueSector) // the hue, from red by yellow to green and blue
		if most == b {
			d, from = c-a, hueTurn+2*hueSector
		}
		if most == a {
			d, from = b-c, hueTurn
		}
		n := uint32(hueSector*d + width/2 + from*width)
		at := uint32(uint64(n) * uint64(reciprocals[uint8(width)]) >> 32) // n / width, 0 for a grey
		if width == 1 {
			at = n
		}
		at = (at + uint32(turn)) % hueTurn
		part := (at%hueSector*uint32(width) + hueSector/2) / hueSector
		all := uint32(most) | uint32(least)<<8 | (uint32(least)+part)<<16 | (uint32(most)-part)<<24
		of := &hueOrder[at/hueSector%8]
		red[i], green[i], blue[i] = byte(all>>(of[0]%32)), byte(all>>(of[1]%32)), byte(all>>(of[2]%32))
	}
}

// sharpness blends with what a filter of weights 1, and 5 at the centre, makes of all but the border.
func (r *recolourer) sharpness(image []byte, f float32) {
	for c := range r.c {
		plane := r.plane(image, c)
		src := append(r.spare[:0], plane...)
		for y := 1; y < r.h-1; y++ {
			above, here, below := src[(y-1)*r.w:y*r.w], src[y*r.w:(y+1)*r.w], src[(y+1)*r.w:(y+2)*r.w]
			for x := 1; x < r.w-1; x++ {
				sum := 4*int(here[x]) + int(above[x-1]) + int(above[x]) + int(above[x+1]) + int(here[x-1]) + int(here[x]) + int(here[x+1]) +
					int(below[x-1]) + int(below[x]) + int(below[x+1])
				plane[y*r.w+x] = blend((2*sum+13)/26, int(here[x]), f)
			}
		}
		r.spare = src
	}
}

// autocontrast stretches each channel to all values.
func (r *recolourer) autocontrast(image []byte) {
	for c := range r.c {
		plane := r.plane(image, c)
		lo, hi := 255, 0
		for _, v := range plane {
			lo, hi = min(lo, int(v)), max(hi, int(v))
		}
		if hi <= lo {
			continue
		}
		scale := 255 / float64(hi-lo)
		offset := float64(-float64(lo) * scale)
		r.through(plane, func(v int) byte { return byte(min(max(int(float64(float64(v)*scale)+offset), 0), 255)) })
	}
}

// equalize makes the values of each channel about equally frequent.
func (r *recolourer) equalize(image []byte) {
	for c := range r.c {
		plane := r.plane(image, c)
		var count [256]int
		last := 0
		for _, v := range plane {
			count[v]++
			last = max(last, int(v))
		}
		step := (len(plane) - count[last]) / 255
		if step == 0 {
			continue
		}
		n := step / 2
		r.through(plane, func(v int) byte {
			out := min(n/step, 255)
			n += count[v]
			return byte(out)
		})
	}
}

// matrix is that of an affine map, in 1/65536.
type matrix struct{ a, b, c, d int }

func fixed(v float64) int { return int(math.Floor(float64(v*65536) + 0.5)) }

func affineOf(a, b, c, d float64) matrix { return matrix{fixed(a), fixed(b), fixed(c), fixed(d)} }

// affine takes each pixel from where m, round the centre, and then (dx, dy) lead, from the nearest one; what is outside is 0.
func (r *recolourer) affine(image []byte, m matrix, dx, dy float64) {
	// The centre of the first pixel, from that of the picture, in 1/131072.
	x0, y0 := 1-r.w, 1-r.h
	firstX := fixed(dx) + r.w<<15 + (m.a*x0+m.b*y0)>>1
	firstY := fixed(dy) + r.h<<15 + (m.c*x0+m.d*y0)>>1
	for c := range r.c {
		plane := r.plane(image, c)
		src := append(r.spare[:0], plane...)
		for y := range r.h {
			sx, sy := firstX+m.b*y, firstY+m.d*y
			out := plane[y*r.w : (y+1)*r.w]
			for x := range out {
				ix, iy := sx>>16, sy>>16
				if uint(ix) < uint(r.w) && uint(iy) < uint(r.h) {
					out[x] = src[iy*r.w+ix]
				} else {
					out[x] = 0
				}
				sx, sy = sx+m.a, sy+m.c
			}
		}
		r.spare = src
	}
}
