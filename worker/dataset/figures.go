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

// A point is a place relative to a figure's middle.
type point struct{ x, y int }

// inside tells whether a point is within a figure about the origin of outer
// radius 4096.
type inside func(p point) bool

// insides are the figures: their areas are alike, so that none gives itself
// away by its size.
var insides = [...]inside{
	func(p point) bool { return p.within(3300) },
	func(p point) bool { return p.within(3750) && !p.within(2200) },
	func(p point) bool { return max(abs(p.x), abs(p.y)) < 2900 },
	func(p point) bool { m := max(abs(p.x), abs(p.y)); return m < 3300 && m > 1900 },
	func(p point) bool { return polygon{3, 2048}.beyond(p) == 0 },
	func(p point) bool { return polygon{5, 2990}.beyond(p) == 0 },
	func(p point) bool { return polygon{5, 1400}.beyond(p) <= 1 },
	func(p point) bool { return min(abs(p.x), abs(p.y)) < 1150 && max(abs(p.x), abs(p.y)) < 3700 },
	func(p point) bool { return p.within(3800) && !point{p.x - 2000, p.y}.within(2900) },
	func(p point) bool {
		return abs(p.x) < 3300 && p.y > -3300 && p.y < -1200 || abs(p.x) < 1100 && p.y > -1300 && p.y < 3500
	},
}

// scraps are what clutters images: strokes thin and thick, specks, an arc, a corner.
var scraps = [...]inside{
	func(p point) bool { return abs(p.x) < 4096 && abs(p.y) < 420 },
	func(p point) bool { return abs(p.x) < 3000 && abs(p.y) < 900 },
	func(p point) bool { return p.within(1500) },
	func(p point) bool { return max(abs(p.x), abs(p.y)) < 1300 },
	func(p point) bool { return p.within(4000) && !p.within(3000) && p.x > 500 },
	func(p point) bool {
		return p.x > -2000 && p.y > -2000 && p.x < 3000 && p.y < 3000 && min(p.x, p.y) < -1000
	},
}

// within reports whether p is less than r from the origin.
func (p point) within(r int) bool { return p.x*p.x+p.y*p.y < r*r }

// polygon is a regular one about the origin, its sides at the distance reach.
type polygon struct{ sides, reach int }

// beyond counts the sides that p is on the far side of.
func (g polygon) beyond(p point) int {
	count := 0
	for i := range g.sides {
		t := i * (turns / g.sides)
		if p.x*cosine(t)+p.y*sine(t) > g.reach*one {
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
				if m.inside(point{u, v}) {
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
