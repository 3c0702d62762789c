package dataset

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// The set shapes: 32 x 32 images of one of ten figures, turned, moved and
// scaled at random, in a random colour on a gradient with strokes of other
// colours behind and before it, under noise. Image i is a pure function of
// (seed, split, i), with the same bytes on every platform: only +, -, *, / and
// square roots, every product rounded by itself.
const (
	shapesTrain, shapesTest = 10_000, 2_000
	shapesSide              = 32
)

var shapeNames = []string{"disc", "ring", "square", "frame", "triangle", "star", "cross", "crescent", "bar", "arrow"}

type point struct{ x, y float64 }

// outlines are the figures with straight sides, in a circle of radius 1.
var outlines = map[int][]point{
	2: {{-.75, -.75}, {.75, -.75}, {.75, .75}, {-.75, .75}},
	4: {{0, -1}, {.87, .6}, {-.87, .6}},
	5: {{0, -1}, {.235, -.324}, {.951, -.309}, {.38, .124}, {.588, .809}, {0, .4}, {-.588, .809}, {-.38, .124}, {-.951, -.309}, {-.235, -.324}},
	6: {{-.3, -.95}, {.3, -.95}, {.3, -.3}, {.95, -.3}, {.95, .3}, {.3, .3}, {.3, .95}, {-.3, .95}, {-.3, .3}, {-.95, .3}, {-.95, -.3}, {-.3, -.3}},
	8: {{-1, -.32}, {1, -.32}, {1, .32}, {-1, .32}},
	9: {{-1, -.25}, {.1, -.25}, {.1, -.75}, {1, 0}, {.1, .75}, {.1, .25}, {-1, .25}},
}

// inside reports whether a point lies in the figure of a class.
func inside(class int, p point) bool {
	r2 := float64(p.x*p.x) + float64(p.y*p.y)
	switch class {
	case 0:
		return r2 < .72
	case 1:
		return r2 < .85 && r2 > .3
	case 3:
		m := math.Max(math.Abs(p.x), math.Abs(p.y))
		return m < .78 && m > .42
	case 7:
		dx := p.x - .45
		return r2 < .9 && float64(dx*dx)+float64(p.y*p.y) > .62
	}
	in := false
	line := outlines[class]
	a := line[len(line)-1]
	for _, b := range line {
		if (a.y > p.y) != (b.y > p.y) {
			if at := a.x + float64((b.x-a.x)*(p.y-a.y))/(b.y-a.y); p.x < at {
				in = !in
			}
		}
		a = b
	}
	return in
}

// draws are the random numbers of one image, taken in order.
type draws struct {
	s rng.Stream
	i uint64
}

// in returns a number in [lo, hi).
func (d *draws) in(lo, hi float64) float64 {
	d.i++
	return lo + float64((hi-lo)*d.s.Float64(d.i-1))
}

// colour is red, green and blue from 0 to 255.
type colour [3]float64

func (d *draws) colour() colour { return colour{d.in(0, 255), d.in(0, 255), d.in(0, 255)} }

// away returns a colour that differs from c by at least 70 in one channel.
func (d *draws) away(c colour) colour {
	for {
		n := d.colour()
		for ch := range n {
			if math.Abs(n[ch]-c[ch]) >= 70 {
				return n
			}
		}
	}
}

// turn returns the cosine and the sine of a random angle.
func (d *draws) turn() (c, s float64) {
	t := d.in(-1, 1)
	n := 1 + float64(t*t)
	c, s = (1-float64(t*t))/n, 2*t/n
	if d.in(0, 1) < .5 {
		c, s = -c, -s
	}
	return c, s
}

type canvas [shapesSide * shapesSide]colour

// mix puts colour c over a pixel, covering the part a of it.
func (v *canvas) mix(i int, c colour, a float64) {
	for ch := range c {
		v[i][ch] += float64(a * (c[ch] - v[i][ch]))
	}
}

// figure draws one figure.
func (v *canvas) figure(class int, centre point, scale, cos, sin float64, c colour) {
	lo := func(x float64) int { return max(0, int(x-scale-1)) }
	hi := func(x float64) int { return min(shapesSide, int(x+scale+2)) }
	for y := lo(centre.y); y < hi(centre.y); y++ {
		for x := lo(centre.x); x < hi(centre.x); x++ {
			hits := 0.0
			for _, sub := range [...]point{{.25, .25}, {.75, .25}, {.25, .75}, {.75, .75}} {
				px, py := (float64(x)+sub.x-centre.x)/scale, (float64(y)+sub.y-centre.y)/scale
				if inside(class, point{float64(cos*px) + float64(sin*py), float64(cos*py) - float64(sin*px)}) {
					hits++
				}
			}
			if hits > 0 {
				v.mix(y*shapesSide+x, c, hits/4)
			}
		}
	}
}

// stroke draws a straight line of random place, length and colour.
func (v *canvas) stroke(d *draws) {
	cos, sin := d.turn()
	p := point{d.in(0, shapesSide), d.in(0, shapesSide)}
	length, half, c := d.in(4, 16), d.in(.5, 1.1), d.colour()
	reach := length/2 + half
	for y := max(0, int(p.y-reach)); y < min(shapesSide, int(p.y+reach+1)); y++ {
		for x := max(0, int(p.x-reach)); x < min(shapesSide, int(p.x+reach+1)); x++ {
			dx, dy := float64(x)+.5-p.x, float64(y)+.5-p.y
			along, across := float64(cos*dx)+float64(sin*dy), float64(cos*dy)-float64(sin*dx)
			if math.Abs(along) < length/2 && math.Abs(across) < half {
				v.mix(y*shapesSide+x, c, .9)
			}
		}
	}
}

// drawShape writes the planes of one image of a class.
func drawShape(dst []byte, class int, s rng.Stream) {
	d := &draws{s: s}
	var v canvas
	from, to := d.colour(), d.colour()
	gx, gy := d.in(-1, 1), d.in(-1, 1)
	for i := range v {
		x, y := float64(i%shapesSide)/shapesSide-.5, float64(i/shapesSide)/shapesSide-.5
		a := math.Min(math.Max(.5+float64(gx*x)+float64(gy*y), 0), 1)
		v[i] = from
		v.mix(i, to, a)
	}
	for range int(d.in(2, 6)) {
		v.stroke(d)
	}
	// A fragment of another figure, too small to be the one that is meant.
	cos, sin := d.turn()
	v.figure(int(d.in(0, float64(len(shapeNames)))), point{d.in(3, 29), d.in(3, 29)}, d.in(2, 4), cos, sin, d.colour())
	cos, sin = d.turn()
	scale := d.in(7, 12)
	margin := float64(scale * .8)
	centre := point{d.in(margin, shapesSide-margin), d.in(margin, shapesSide-margin)}
	v.figure(class, centre, scale, cos, sin, d.away(v[int(centre.y)*shapesSide+int(centre.x)]))
	for range int(d.in(0, 3)) {
		v.stroke(d)
	}
	noise := d.in(8, 40)
	area := shapesSide * shapesSide
	for i, c := range v {
		r := s.Uint64(1<<32 + uint64(i))
		for ch := range c {
			bits := r>>(16*ch)&0xff + r>>(16*ch+8)&0xff
			n := (float64(bits) - 255) / 104.5 // two bytes less their mean: of variance 1
			dst[ch*area+i] = byte(math.Min(math.Max(c[ch]+float64(noise*n)+.5, 0), 255))
		}
	}
}

// drawShapes makes the set; classes take turns.
func drawShapes(seed uint64, train, test int) *Set {
	s := &Set{shape: nn.Shape{C: 3, H: shapesSide, W: shapesSide}, classes: shapeNames, flip: true}
	size := s.shape.Len()
	for key, n := range map[string]int{Train: train, Test: test} {
		split := s.split(key)
		split.images, split.labels = make([]byte, n*size), make([]uint16, n)
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
					class := i % len(shapeNames)
					split.labels[i] = uint16(class)
					drawShape(split.image(i, size), class, rng.New(rng.Key("shapes"), rng.Key(key), seed, uint64(i)))
				}
			})
		}
		wg.Wait()
	}
	return s
}
