package dataset

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The rule by which a picture of any size becomes one that a network reads: it is
// scaled, with its proportions, to the smallest size that covers the network's, and
// what hangs over is cut off, the same on both sides. Scaling weighs the pixels
// round a position by a triangle as wide as the pixels of the smaller of both sizes
// (Pillow's BILINEAR), along rows, then along columns, each rounded to a byte. It is computed in
// whole numbers. A picture of the right size stays as it is.

// pictureRule says in words how any picture becomes an input of a shape; models carry it.
func pictureRule(to nn.Shape) string {
	rule := fmt.Sprintf("turned upright by its EXIF orientation; 16 bits a channel rounded to 8; what is transparent laid over black; "+
		"inks as the light that they leave; red, green and blue without regard to colour profiles; scaled with its proportions to the "+
		"smallest size that covers %d x %d, by a triangle as wide as the larger of both pixels (Pillow's BILINEAR), "+
		"rows first, then columns, each rounded; "+
		"cut at the centre", to.W, to.H)
	if to.C == 1 {
		rule += "; grey by ITU-R 601 (0.299, 0.587, 0.114)"
	}
	return rule
}

// taps are the input positions that an output position is made of, from the first
// on, and how much each weighs.
type taps struct {
	first   int
	weights []int64
	sum     int64
}

// of returns the weighted mean of values that lie step apart, rounded.
func (t *taps) of(values []byte, step int) byte {
	var sum int64
	at := t.first * step
	for _, w := range t.weights {
		sum += w * int64(values[at])
		at += step
	}
	return byte((sum + t.sum/2) / t.sum)
}

// triangle returns the taps of output positions from to from+n-1, where out positions
// are made of in positions. Distances are counted in parts of 1/(2 out) of an input
// position, which are whole numbers.
func triangle(in, out, from, n int) []taps {
	list := make([]taps, n)
	radius := 2 * max(in, out)
	for x := range list {
		centre := (2*(from+x) + 1) * in
		first := max((centre-radius-out)/(2*out), 0)
		t := taps{first: first}
		for i := first; i < in; i++ {
			distance := (2*i+1)*out - centre
			if distance >= radius {
				break
			}
			if w := int64(radius - max(distance, -distance)); w > 0 {
				t.weights, t.sum = append(t.weights, w), t.sum+w
			} else {
				t.first = i + 1
			}
		}
		list[x] = t
	}
	return list
}

// covering returns the smallest size of the proportions of from, rounded, that covers to.
func covering(from, to pictureSize) pictureSize {
	if from.w*to.h <= from.h*to.w {
		return pictureSize{to.w, max((2*from.h*to.w+from.w)/(2*from.w), to.h)}
	}
	return pictureSize{max((2*from.w*to.h+from.h)/(2*from.h), to.w), to.h}
}

// cover writes a plane of size from into dst, of size to, by the rule above.
func cover(dst, src []byte, from, to pictureSize) {
	if from == to {
		copy(dst, src)
		return
	}
	scaled := covering(from, to)
	columns := triangle(from.w, scaled.w, (scaled.w-to.w)/2, to.w)
	rows := triangle(from.h, scaled.h, (scaled.h-to.h)/2, to.h)
	narrow := make([]byte, from.h*to.w)
	for y := range from.h {
		for x := range columns {
			narrow[y*to.w+x] = columns[x].of(src[y*from.w:(y+1)*from.w], 1)
		}
	}
	for y := range rows {
		for x := range to.w {
			dst[y*to.w+x] = rows[y].of(narrow[x:], to.w)
		}
	}
}
