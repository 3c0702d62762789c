package dataset

import (
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// shiftPart is the shorter side of an image over how far augmentation moves it in
// every direction: 2 pixels of 32. With 4 a network of the size that ten to fifteen
// epochs pay for has 80.3 % instead of 81.7 (deploy/bench/results/recipe.jsonl).
const shiftPart = 16

// shift returns how many pixels augmentation moves an image of the set at most.
func (s *Set) shift() int { return max(min(s.shape.H, s.shape.W)/shiftPart, 1) }

var augmentKey = rng.Key("augment")

// Fill puts the n samples at positions lo, lo+1, ... of order o into b,
// normalised to mean 0 and variance 1 over each channel of the training
// samples. Positions past the last sample begin anew. As augment says, an image
// is moved by up to a sixteenth of its side in each direction (what comes in is 0)
// and, where its class allows, mirrored, and a square of it set to 0, by a stream
// keyed by the order's seed and index and the sample. Mirroring that alternates is keyed by the sample and the
// parity of the index. What changes the bytes of a picture before that is in recolour.go, what mixes samples in mix.go.
// It allocates nothing but an order's permutation, once. Its error is that of the file
// that the samples are in; a set in memory has none.
func (s *Set) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	split, size, block := s.split(o.Split), s.shape.Len(), s.shape.Len()*tensor.Lanes
	ids, count := s.ids(o), s.size(o)
	at := func(position int) int {
		if position %= count; ids != nil {
			return int(ids[position])
		}
		return position
	}
	b.N, b.Shares, b.Others = n, b.Shares[:0], b.Others[:0]
	clear(b.Targets)
	clear(b.X[tensor.Blocks(n)*block:])
	if s.tabular != nil {
		return s.fillRows(b, split, func(i int) int { return at(lo + i) })
	}
	f := filling{set: s, split: split, order: o, augment: augment, with: augment.Strengths()}
	if split.store != nil || augment.Recolours() || augment.Mixes() {
		f.desk = s.desk(augment)
		defer s.desks.Put(f.desk)
	}
	var chosen, others [tensor.Lanes]int
	var how [tensor.Lanes]mixing
	for first := 0; first < n; first += tensor.Lanes {
		valid := min(n-first, tensor.Lanes)
		for l := range valid {
			chosen[l] = at(lo + first + l)
			b.Labels[first+l] = int32(split.labels[chosen[l]])
		}
		x := b.X[first*size : first*size+block]
		if err := f.place(x, chosen[:valid]); err != nil {
			return faulty(s.name, err)
		}
		if augment.Mixes() {
			how = [tensor.Lanes]mixing{}
			for l := range valid {
				var position int
				position, how[l] = s.partner(o, f.with, chosen[l], count)
				others[l] = at(position)
				b.Shares, b.Others = append(b.Shares, how[l].share), append(b.Others, int32(split.labels[others[l]]))
			}
			if err := f.place(f.desk.block, others[:valid]); err != nil {
				return faulty(s.name, err)
			}
			s.blendLanes(x, f.desk.block, &how)
		}
	}
	s.targets(b)
	return nil
}

// targets sets those of a batch, if it has any.
func (s *Set) targets(b *nn.Batch) {
	if len(b.Targets) == 0 {
		return
	}
	for j := range b.N {
		own := b.Targets[j/tensor.Lanes*len(s.classes)*tensor.Lanes+j%tensor.Lanes:]
		if own[int(b.Labels[j])*tensor.Lanes] = 1; len(b.Shares) > 0 {
			own[int(b.Labels[j])*tensor.Lanes] -= b.Shares[j]
			own[int(b.Others[j])*tensor.Lanes] += b.Shares[j]
		}
	}
}

// desk is memory for a block of samples.
type desk struct {
	images []byte    // room for the picture of each lane, with slack
	block  []float32 // a block that is mixed with another one; nil: none is
	recolourer
}

// desk returns memory for the pictures of a block.
func (s *Set) desk(augment proto.Augmentation) *desk {
	d, ok := s.desks.Get().(*desk)
	if !ok {
		d = &desk{images: make([]byte, tensor.Lanes*(s.shape.Len()+slack)),
			recolourer: recolourer{h: s.shape.H, w: s.shape.W, c: s.shape.C}}
	}
	if d.block == nil && augment.Mixes() {
		d.block = make([]float32, tensor.Lanes*s.shape.Len())
	}
	return d
}

// filling is how samples of an order are put into blocks.
type filling struct {
	set     *Set
	split   *samples
	order   proto.Order
	augment proto.Augmentation
	with    proto.Strengths
	desk    *desk // nil: none is needed
}

// place writes samples, one for each lane from the first on, to a block.
func (f *filling) place(dst []float32, chosen []int) error {
	var lanes [tensor.Lanes]view
	if f.split.store != nil {
		if err := f.split.readLanes(&lanes, chosen, f.desk.images); err != nil {
			return err
		}
	}
	for l, i := range chosen {
		v := &lanes[l]
		if f.split.store == nil {
			v.image = f.split.image(i)
		}
		if f.augment != 0 {
			v.pose = f.set.pose(f.order, f.augment, i)
		}
		if f.augment.Recolours() {
			each := len(f.desk.images) / tensor.Lanes
			own := f.desk.images[l*each : (l+1)*each-slack]
			copy(own, v.image)
			f.desk.recolour(own, f.order, f.with, i)
			v.image = own
		}
	}
	f.set.place(dst, &lanes)
	return nil
}

// readLanes reads the chosen samples of a store into buffer. All are announced before the first
// is read, so that a disk looks for them at once.
func (s *samples) readLanes(lanes *[tensor.Lanes]view, chosen []int, buffer []byte) error {
	each := len(buffer) / tensor.Lanes
	for _, i := range chosen {
		s.store.ahead(s.at(i))
	}
	for l, i := range chosen {
		buf := buffer[l*each : (l+1)*each]
		if err := s.store.read(buf, s.at(i)); err != nil {
			return err
		}
		lanes[l].image = buf[:each-slack]
	}
	return nil
}

// view is the image of a lane, nil for an unused one, and how it is augmented.
type view struct {
	image []byte
	pose
}

// pose is how an image is augmented: output pixel (y, x) is input pixel
// (y+dy, x+dx), x counted from the right if mirrored. Output pixels of the square
// of side cut whose first is (cy, cx) are 0.
type pose struct {
	dy, dx      int
	mirrored    bool
	cut, cy, cx int
}

func (s *Set) pose(o proto.Order, augment proto.Augmentation, sample int) pose {
	r := rng.New(augmentKey, o.Seed, o.Index, uint64(sample))
	p := pose{mirrored: s.flip && augment&proto.Mirror != 0 && r.Uintn(2, 2) == 1}
	if augment&proto.Move != 0 {
		most := s.shift()
		p.dy, p.dx = int(r.Uintn(0, uint64(2*most+1)))-most, int(r.Uintn(1, uint64(2*most+1)))-most
	}
	if augment&proto.Alternate != 0 && s.flip && augment&proto.Mirror != 0 {
		first := rng.New(augmentKey, o.Seed, 0, uint64(sample)).Uintn(2, 2) == 1
		p.mirrored = first != (o.Index%2 == 1)
	}
	if augment&proto.Mirrored != 0 {
		p.mirrored = s.flip
	}
	if augment&proto.Cutout != 0 {
		p.cut = min(s.shape.H, s.shape.W) / cutoutPart
		p.cy, p.cx = int(r.Uintn(3, uint64(s.shape.H-p.cut+1))), int(r.Uintn(4, uint64(s.shape.W-p.cut+1)))
	}
	return p
}

// cutoutPart is the shorter side of an image over that of the square that is cut out.
const cutoutPart = 4

// place writes the images of a block: value (y, x, c) of lane l goes to dst at
// ((y W + x) C + c) Lanes + l. It goes row by row through all lanes, so that
// what it writes to stays in the first cache.
func (s *Set) place(dst []float32, lanes *[tensor.Lanes]view) {
	h, w, c := s.shape.H, s.shape.W, s.shape.C
	pixel := c * tensor.Lanes
	for y := range h {
		for ch := range c {
			table := &s.table[ch]
			out := dst[(y*w*c+ch)*tensor.Lanes:]
			for l := range lanes {
				v := &lanes[l]
				sy := y + v.dy
				if v.image == nil || sy < 0 || sy >= h {
					for x := range w {
						out[x*pixel+l] = 0
					}
					continue
				}
				v.row(out[l:], v.image[(ch*h+sy)*w:(ch*h+sy+1)*w], table, pixel)
				if y >= v.cy && y < v.cy+v.cut {
					for x := v.cx; x < v.cx+v.cut; x++ {
						out[x*pixel+l] = 0
					}
				}
			}
		}
	}
}

// row writes one row of one channel to every pixel-th element of dst.
func (p pose) row(dst []float32, src []byte, table *[256]float32, pixel int) {
	w := len(src)
	dx := min(max(p.dx, -w), w)
	before, after := max(-dx, 0), max(dx, 0) // outputs that are outside the input
	if p.mirrored {
		before, after = after, before
	}
	at := 0
	for range before {
		dst[at] = 0
		at += pixel
	}
	if src = src[max(dx, 0) : w+min(dx, 0)]; p.mirrored {
		for i := len(src) - 1; i >= 0; i-- {
			dst[at] = table[src[i]]
			at += pixel
		}
	} else {
		for _, v := range src {
			dst[at] = table[v]
			at += pixel
		}
	}
	for range after {
		dst[at] = 0
		at += pixel
	}
}
