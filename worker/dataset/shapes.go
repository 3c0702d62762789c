package dataset

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// shapesReader reads the built-in set.
var shapesReader = reader{
	name: "shapes", title: "shapes", about: "ten kinds of figures among clutter, 32 x 32 in colour, drawn from data.seed; needs no files",
	open: openShapes,
}

// openShapes has nothing to look at: how much is drawn is known.
func openShapes(c Config, what scope) (*source, error) {
	counts := splitSizes{test: what.limit.of(shapesTest)}
	if what.train {
		counts.train = what.limit.of(shapesTrain)
	}
	s := &source{set: new(Set), samples: int64(counts.train + counts.test), size: 3 * side * side}
	s.read = func() error { s.set = drawShapes(c.Seed, counts); return nil }
	return s, nil
}

// Sizes of the built-in set, and the side of its images.
const (
	shapesTrain = 10_000
	shapesTest  = 2_000
	side        = 32
)

// What decides how hard the set is. The four-layer cnn with batch norm, at
// batch 128 and a learning rate of 0.1 falling along a cosine, gets right of
// the test images
//
//	channels a layer   800 steps    2000 steps
//	       4           31 to 45 %      44 %
//	       8              57 %
//	      16              83 %         95 %
//	      32              96 % (1000 steps)
//
// Figures turned all the way round, more scraps or stronger noise hold wide
// networks back as much as narrow ones.
const (
	maxTurn          = turns / 12 // 30 degrees
	maxScraps        = 2
	minContrast      = 200   // least difference of figure and ground, summed over channels
	minSize, maxSize = 7, 13 // outer radius of a figure, pixels
	maxNoise         = 20
)

// shapesKeys tell the streams of the splits apart.
var shapesKeys = [2]uint64{rng.Key("shapes train"), rng.Key("shapes test")}

// splitSizes are the numbers of samples of both splits.
type splitSizes struct{ train, test int }

// drawShapes draws the built-in set: 32 x 32 colour images, each of one figure
// of ten kinds in random pose and colours among clutter. Sample i is of class
// i mod 10 and a pure function of seed, split and i, in integers alone, so it
// has the same bytes everywhere.
func drawShapes(seed uint64, counts splitSizes) *Set {
	s := &Set{shape: nn.Shape{C: 3, H: side, W: side}, flip: true, classes: figureNames[:]}
	for i, split := range []*samples{&s.train, &s.test} {
		n := []int{counts.train, counts.test}[i]
		split.images, split.labels = make([]byte, n*s.shape.Len()), make([]uint16, n)
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				c := new(canvas)
				for j := int(next.Add(1)) - 1; j < n; j = int(next.Add(1)) - 1 {
					split.labels[j] = uint16(j % len(figureNames))
					c.draw(rng.New(shapesKeys[i], seed, uint64(j)), figure(j%len(figureNames)))
					c.write(split.image(j))
				}
			})
		}
		wg.Wait()
	}
	return s
}

// dice draws one number after another from a stream.
type dice struct {
	stream rng.Stream
	next   uint64
}

// roll returns a number in [lo, hi].
func (d *dice) roll(lo, hi int) int {
	d.next++
	return lo + int(d.stream.Uintn(d.next-1, uint64(hi-lo+1)))
}

// n returns a number of 0 to n-1.
func (d *dice) n(n int) int { return d.roll(0, n-1) }

// unit returns a number in [0, 1).
func (d *dice) unit() float64 {
	d.next++
	return d.stream.Float64(d.next - 1)
}

// colour is red, green and blue, 0 to 255 each.
type colour [3]int

func (d *dice) colour() colour {
	return colour{d.roll(0, 255), d.roll(0, 255), d.roll(0, 255)}
}

// away returns a colour that differs from c by at least far in the sum over
// channels, if one of eight does.
func (d *dice) away(c colour, far int) colour {
	var f colour
	for range 8 {
		f = d.colour()
		sum := 0
		for i := range f {
			sum += abs(f[i] - c[i])
		}
		if sum >= far {
			break
		}
	}
	return f
}

func abs(x int) int { return max(x, -x) }

// canvas is one image in the making, in planes.
type canvas [3][side * side]int

// draw makes the image of a figure: a background, up to two scraps, the
// figure over them, noise.
func (c *canvas) draw(s rng.Stream, f figure) {
	d := &dice{stream: s}
	ground := d.colour()
	c.background(d, ground)
	for range d.roll(0, maxScraps) {
		c.scrap(d, ground)
	}
	size := d.roll(minSize*unit, maxSize*unit)
	reach := side*unit/2 - size*7/8
	c.paint(mark{
		inside: insides[f], size: size, turn: (turns + d.roll(-maxTurn, maxTurn)) % turns,
		x: side*unit/2 + d.roll(-reach, reach), y: side*unit/2 + d.roll(-reach, reach),
	}, d.away(ground, minContrast), d.roll(-60, 60))
	c.noise(d, d.roll(4, maxNoise))
}

// background paints a slope of colours from corner to corner and over it a
// coarse random relief.
func (c *canvas) background(d *dice, ground colour) {
	const cells = 4 // a side of the relief: their corners are drawn, the rest lies between
	var relief [cells + 1][cells + 1]int
	for ch := range c {
		slopeX, slopeY, height := d.roll(-30, 30), d.roll(-30, 30), d.roll(10, 30)
		for i := range relief {
			for j := range relief[i] {
				relief[i][j] = d.roll(-height, height)
			}
		}
		const cell = side / cells
		for y := range side {
			for x := range side {
				i, j, v, u := y/cell, x/cell, y%cell, x%cell
				r := (relief[i][j]*(cell-u)+relief[i][j+1]*u)*(cell-v) + (relief[i+1][j]*(cell-u)+relief[i+1][j+1]*u)*v
				c[ch][y*side+x] = ground[ch] + (slopeX*(2*x-side)+slopeY*(2*y-side))/side + r/(cell*cell)
			}
		}
	}
}

// scrap paints something that is no figure: a stroke, a speck or an arc.
func (c *canvas) scrap(d *dice, ground colour) {
	m := mark{inside: scraps[d.roll(0, len(scraps)-1)], size: d.roll(3*unit, 9*unit), turn: d.roll(0, turns-1),
		x: d.roll(0, side*unit), y: d.roll(0, side*unit)}
	c.paint(m, d.away(ground, 60), d.roll(-40, 40))
}

// noise adds to every value a number in [-height, height], small ones more often.
func (c *canvas) noise(d *dice, height int) {
	for ch := range c {
		for i := 0; i < side*side; i += 4 {
			word := d.stream.Uint64(1<<32 + uint64(ch*side*side+i)/4) // far from the dice's numbers
			for j := range 4 {
				two := int(word>>(16*j)&0xff) + int(word>>(16*j+8)&0xff) - 255
				c[ch][i+j] += two * height / 255
			}
		}
	}
}

// write puts the image, cut to bytes, into dst.
func (c *canvas) write(dst []byte) {
	for ch := range c {
		for i, v := range c[ch] {
			dst[ch*side*side+i] = byte(min(max(v, 0), 255))
		}
	}
}
