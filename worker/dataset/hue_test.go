package dataset

import (
	"bytes"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// plainHue is hue by its definition, sector by sector.
func (r *recolourer) plainHue(image []byte, turn int) {
	turn = (turn%hueTurn + hueTurn) % hueTurn
	red, green, blue := r.plane(image, 0), r.plane(image, 1), r.plane(image, 2)
	for i := range red {
		a, b, c := int(red[i]), int(green[i]), int(blue[i])
		most, least := max(a, b, c), min(a, b, c)
		width := most - least
		if width == 0 {
			continue
		}
		var at int // the hue, from red by yellow to green and blue
		half := width / 2
		switch most {
		case a:
			at = (hueSector*(b-c) + half + hueTurn*width) / width
		case b:
			at = (hueSector*(c-a) + half + (hueTurn+2*hueSector)*width) / width
		default:
			at = (hueSector*(a-b) + half + (hueTurn+4*hueSector)*width) / width
		}
		at = (at + turn) % hueTurn
		part := (at%hueSector*width + hueSector/2) / hueSector
		up, down := byte(least+part), byte(most-part)
		m, l := byte(most), byte(least)
		switch at / hueSector {
		case 0:
			red[i], green[i], blue[i] = m, up, l
		case 1:
			red[i], green[i], blue[i] = down, m, l
		case 2:
			red[i], green[i], blue[i] = l, m, up
		case 3:
			red[i], green[i], blue[i] = l, down, m
		case 4:
			red[i], green[i], blue[i] = up, l, m
		default:
			red[i], green[i], blue[i] = m, l, down
		}
	}
}

// The hue without branches is the plain one, to the byte.
func TestHueIsThePlainOne(t *testing.T) {
	r := &recolourer{h: 1, w: 256, c: 3}
	got, want := make([]byte, 3*256), make([]byte, 3*256)
	for a := 0; a < 256; a += 3 {
		for b := 0; b < 256; b += 5 {
			for c := range 256 {
				want[c], want[256+c], want[512+c] = byte(a), byte(b), byte(c)
			}
			copy(got, want)
			turn := (7*a+13*b)%(2*hueTurn) - hueTurn
			r.hue(got, turn)
			r.plainHue(want, turn)
			if !bytes.Equal(got, want) {
				t.Fatalf("colours with %d, %d differ by a turn of %d", a, b, turn)
			}
		}
	}
}

// BenchmarkHue turns pictures of 32 x 32 whose colours are like those of photographs: near one another, and noisy.
func BenchmarkHue(b *testing.B) {
	r, noise := &recolourer{h: 32, w: 32, c: 3}, rng.New(1)
	pictures, image := make([][]byte, 64), make([]byte, 3*32*32)
	for p := range pictures {
		pictures[p] = make([]byte, len(image))
		for i := range image {
			base := noise.Uintn(uint64(p*3+i/1024), 200)
			pictures[p][i] = byte(base + noise.Uintn(uint64(1000+p*len(image)+i), 56))
		}
	}
	for name, turn := range map[string]func([]byte, int){"plain": r.plainHue, "branchless": r.hue} {
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				copy(image, pictures[i%len(pictures)])
				turn(image, i%300-150)
			}
		})
	}
}
