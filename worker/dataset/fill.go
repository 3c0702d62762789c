package dataset

import (
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// pad is how far augmentation moves an image in every direction.
const pad = 4

var augmentKey = rng.Key("augment")

// Fill puts the n samples at positions lo, lo+1, ... of order o into b,
// normalised to mean 0 and variance 1 over each channel of the training
// samples. Positions past the last sample begin anew. With augment, an image
// is moved by up to 4 pixels a direction (what comes in is 0) and, where its class
// allows, mirrored, by a stream keyed by the order's seed and index and the sample.
// It allocates nothing but an order's permutation, once.
func (s *Set) Fill(b *nn.Batch, o proto.Order, augment bool, lo, n int) {
	split := s.split(o.Split)
	ids := s.ids(o)
	b.N = n
	if n%tensor.Lanes != 0 || len(b.X) > tensor.Blocks(n)*s.shape.Len()*tensor.Lanes {
		clear(b.X)
	}
	clear(b.Targets)
	for j := range n {
		i := (lo + j) % len(split.labels)
		if ids != nil {
			i = int(ids[i])
		}
		var p pose
		if augment {
			p = s.pose(o, i)
		}
		at := (j/tensor.Lanes)*s.shape.Len()*tensor.Lanes + j%tensor.Lanes
		s.place(b.X[at:], split.image(i, s.shape.Len()), p)
		label := int32(split.labels[i])
		b.Labels[j] = label
		if len(b.Targets) > 0 {
			b.Targets[(j/tensor.Lanes*len(s.classes)+int(label))*tensor.Lanes+j%tensor.Lanes] = 1
		}
	}
}

// pose is how an image is augmented: output pixel (y, x) is input pixel
// (y+dy, x+dx), x counted from the right if mirrored.
type pose struct {
	dy, dx   int
	mirrored bool
}

func (s *Set) pose(o proto.Order, sample int) pose {
	r := rng.New(augmentKey, o.Seed, o.Index, uint64(sample))
	return pose{
		dy:       int(r.Uintn(0, 2*pad+1)) - pad,
		dx:       int(r.Uintn(1, 2*pad+1)) - pad,
		mirrored: s.flip && r.Uintn(2, 2) == 1,
	}
}

// place writes an image into one lane: value (y, x, c) goes to dst at
// ((y W + x) C + c) Lanes.
func (s *Set) place(dst []float32, img []byte, p pose) {
	h, w, c := s.shape.H, s.shape.W, s.shape.C
	pixel := c * tensor.Lanes
	for ch := range c {
		table := &s.table[ch]
		for y := range h {
			out := dst[y*w*pixel+ch*tensor.Lanes:]
			sy := y + p.dy
			if sy < 0 || sy >= h {
				for x := range w {
					out[x*pixel] = 0
				}
				continue
			}
			row := img[(ch*h+sy)*w : (ch*h+sy+1)*w]
			for x := range w {
				sx := x + p.dx
				if p.mirrored {
					sx = w - 1 - x + p.dx
				}
				var v float32
				if uint(sx) < uint(w) {
					v = table[row[sx]]
				}
				out[x*pixel] = v
			}
		}
	}
}
