package dataset

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// figure is a class of the built-in set.
type figure int

var figureNames = [...]string{"circle", "ring", "square", "frame", "triangle", "pentagon", "star", "cross", "crescent", "tee"}

// Fixed-point units: a pixel is 256, a figure's outer radius 4096, a full turn
// 960 steps (so that thirds and fifths of it are whole), a sine of 1 is 16384.
const (
	unit   = 256
	radius = 4096
	turns  = 960
	one    = 16384
)

// cosines of a full turn.
var cosines = func() (t [turns]int) {
	for i := range t {
		t[i] = int(math.Round(one * portable.CosPi(float64(float64(min(i, turns-i))/(turns/2)))))
	}
	return t
}()

func cosine(turn int) int { return cosines[turn%turns] }
func sine(turn int) int   { return cosines[(turn+turns*3/4)%turns] }

// inside tells whether a point is within a figure about the origin of outer
// radius 4096.
type inside func(x, y int) bool

// insides are the figures: their areas are alike, so that none gives itself
// away by its size.
var insides = [...]inside{
	func(x, y int) bool { return within(x, y, 3300) },
	func(x, y int) bool { return within(x, y, 3750) && !within(x, y, 2200) },
	func(x, y int) bool { return max(abs(x), abs(y)) < 2900 },
	func(x, y int) bool { m := max(abs(x), abs(y)); return m < 3300 && m > 1900 },
	func(x, y int) bool { return beyond(x, y, 3, 2048) == 0 },
	func(x, y int) bool { return beyond(x, y, 5, 2990) == 0 },
	func(x, y int) bool { return beyond(x, y, 5, 1400) <= 1 },
	func(x, y int) bool { return min(abs(x), abs(y)) < 1150 && max(abs(x), abs(y)) < 3700 },
	func(x, y int) bool { return within(x, y, 3800) && !within(x-2000, y, 2900) },
	func(x, y int) bool {
		return abs(x) < 3300 && y > -3300 && y < -1200 || abs(x) < 1100 && y > -1300 && y < 3500
	},
}

// scraps are what clutters images: strokes thin and thick, specks, an arc, a corner.
var scraps = [...]inside{
	func(x, y int) bool { return abs(x) < 4096 && abs(y) < 420 },
	func(x, y int) bool { return abs(x) < 3000 && abs(y) < 900 },
	func(x, y int) bool { return within(x, y, 1500) },
	func(x, y int) bool { return max(abs(x), abs(y)) < 1300 },
	func(x, y int) bool { return within(x, y, 4000) && !within(x, y, 3000) && x > 500 },
	func(x, y int) bool { return x > -2000 && y > -2000 && x < 3000 && y < 3000 && min(x, y) < -1000 },
}

// within reports whether a point is less than r from the origin.
func within(x, y, r int) bool { return x*x+y*y < r*r }

// beyond counts the sides of a regular n-gon, at distance r from the origin,
// that a point is on the far side of.
func beyond(x, y, n, r int) int {
	count := 0
	for i := range n {
		t := i * (turns / n)
		if x*cosine(t)+y*sine(t) > r*one {
			count++
		}
	}
	return count
}

// mark is a shape in place: its centre and outer radius in units, and how far it is turned.
type mark struct {
	inside     inside
	x, y, size int
	turn       int
}

// paint lays the mark over the image, in a colour that brightens along the mark
// by shade from its centre to its rim. Each pixel is tried at four points.
func (c *canvas) paint(m mark, f colour, shade int) {
	cos, sin := cosine(m.turn), sine(m.turn)
	scale := radius * 1024 / m.size
	from := func(centre int) int { return max((centre-m.size)/unit-1, 0) }
	to := func(centre int) int { return min((centre+m.size)/unit+2, side) }
	for y := from(m.y); y < to(m.y); y++ {
		for x := from(m.x); x < to(m.x); x++ {
			hits, along := 0, 0
			for i := range 4 {
				dx, dy := x*unit+unit/4+i%2*unit/2-m.x, y*unit+unit/4+i/2*unit/2-m.y
				u := (dx*cos + dy*sin) / one * scale / 1024
				v := (dy*cos - dx*sin) / one * scale / 1024
				if m.inside(u, v) {
					hits++
					along = u
				}
			}
			if hits == 0 {
				continue
			}
			for ch := range c {
				p := &c[ch][y*side+x]
				*p = (*p*(4-hits) + (f[ch]+shade*along/radius)*hits) / 4
			}
		}
	}
}
