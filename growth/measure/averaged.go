package measure

import (
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// averaged is what pooling and filters with a stride between First and Second do to
// First's input once they are linearised: an average of unfolds is the unfold of an
// averaged image.
// Along each axis, element m of that image is the sum of weights[i] times
// element m - pad + i*step of the input, 0 outside; First's window moves over it
// without padding, by the product of all strides.
type averaged struct {
	in    nn.Shape // shape of what First reads
	y, x  average
	out   nn.Shape    // the averaged image
	first site.Window // First's window on it
}

// average is the filter along one axis.
type average struct {
	weights   []float32
	step, pad int
}

// averagedOf returns nil where nothing is pooled, moved or read, or where padding is read.
func averagedOf(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, l site.Layout) *averaged {
	taps, stride := [2][]float32{{1}, {1}}, 1
	passings := site.Passings(g, shapes, l.Site)
	for _, w := range passings {
		if w.Pad != 0 || (w.OutH-1)*w.Stride+w.KernelH > w.In.H || (w.OutW-1)*w.Stride+w.KernelW > w.In.W {
			return nil
		}
		for i, size := range [2]int{w.KernelH, w.KernelW} {
			taps[i] = average{taps[i], stride, 0}.spread(size)
		}
		stride *= w.Stride
	}
	if len(passings) == 0 || l.Incoming.In.C == 0 {
		return nil
	}
	at := passings[len(passings)-1].Window
	f, step := l.Incoming, stride*l.Incoming.Stride
	p := &averaged{in: f.In, y: average{taps[0], f.Stride, f.Pad}, x: average{taps[1], f.Stride, f.Pad}}
	p.out = nn.Shape{C: f.In.C, H: (at.OutH-1)*step + f.KernelH, W: (at.OutW-1)*step + f.KernelW}
	p.first = site.Window{In: p.out, KernelH: f.KernelH, KernelW: f.KernelW, Stride: step, Bias: f.Bias, OutH: at.OutH, OutW: at.OutW}
	return p
}

// spread returns the weights of the average of k elements that lie step apart, each
// of which is the sum of the weights already.
func (a average) spread(k int) []float32 {
	out := make([]float32, len(a.weights)+(k-1)*a.step)
	for e := range k {
		for i, w := range a.weights {
			out[e*a.step+i] += w / float32(k)
		}
	}
	return out
}

// scratchLen returns the floats that apply needs.
func (p *averaged) scratchLen() int {
	return (p.in.H*p.out.W + p.out.H*p.out.W) * p.in.C * tensor.Lanes
}

// apply returns the averaged image of one block x (H, W, C, 32), in scratch.
func (p *averaged) apply(scratch, x []float32) []float32 {
	pixel := p.in.C * tensor.Lanes
	across := scratch[:p.in.H*p.out.W*pixel]
	out := scratch[len(across):][:p.out.H*p.out.W*pixel]
	clear(scratch[:len(across)+len(out)])
	for y := range p.in.H {
		p.x.add(across[y*p.out.W*pixel:][:p.out.W*pixel], x[y*p.in.W*pixel:][:p.in.W*pixel], pixel)
	}
	p.y.add(out, across, p.out.W*pixel)
	return out
}

// add adds the filtered elements of src to dst, elements of size floats.
func (a average) add(dst, src []float32, size int) {
	n := len(src) / size
	for m := range len(dst) / size {
		d := dst[m*size:][:size]
		for i, w := range a.weights {
			from := m - a.pad + i*a.step
			if w == 0 || from < 0 || from >= n {
				continue
			}
			for k, v := range src[from*size:][:size] {
				d[k] += float32(w * v)
			}
		}
	}
}

// even reports whether all weights are equal; factor is what a sum of all that they
// weigh is to be multiplied by.
func (p *averaged) even() (factor float64, ok bool) {
	for _, a := range []average{p.y, p.x} {
		for _, w := range a.weights {
			if w != a.weights[0] {
				return 1, false
			}
		}
	}
	return 1 / (float64(len(p.y.weights)) * float64(len(p.x.weights))), true
}

// sum returns some rows of the averaged image of one block times the inverse of
// even's factor, in the place that they have in the whole; other rows are arbitrary.
func (p *averaged) sum(scratch, x []float32, of rows) []float32 {
	lo, hi := of.lo, of.hi
	pixel := p.in.C * tensor.Lanes
	line := p.out.W * pixel
	across := scratch[:p.in.H*line]
	out := scratch[len(across):][:p.out.H*line]
	from := max(0, lo-p.y.pad)
	to := min(p.in.H, hi-p.y.pad+(len(p.y.weights)-1)*p.y.step)
	for y := from; y < to; y++ {
		row := across[y*line:][:line]
		clear(row)
		p.x.sum(row, x[y*p.in.W*pixel:][:p.in.W*pixel], pixel)
	}
	clear(out[lo*line : hi*line])
	for i := range p.y.weights {
		at := i*p.y.step - p.y.pad // row m reads row m + at
		first, last := max(lo, -at), min(hi, p.in.H-at)
		if first < last {
			d := out[first*line : last*line]
			kernel.Add(d, d, across[(first+at)*line:(last+at)*line])
		}
	}
	return out
}

// sum is add with all weights one.
func (a average) sum(dst, src []float32, size int) {
	for i := range a.weights {
		at := i*a.step - a.pad
		first, last := max(0, -at), min(len(dst)/size, len(src)/size-at)
		if first < last {
			d := dst[first*size : last*size]
			kernel.Add(d, d, src[(first+at)*size:(last+at)*size])
		}
	}
}
