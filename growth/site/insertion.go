package site

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Empty returns an insertion of k neurons of zeros. At a stream normalisations give
// them size one, as in a network built that wide.
func (l Layout) Empty(k int) Insertion {
	in := Insertion{Site: l.ID, Count: k, Alpha: make([]float32, k*l.Inputs()), Omega: make([]float32, k*l.outgoing())}
	if norms, _ := l.Norms(); len(norms) > 0 {
		in.Mean, in.Var = make([]float64, len(norms)*k), make([]float64, len(norms)*k)
		if l.Stream {
			in.Gain, in.Shift = slices.Repeat([]float32{1}, len(norms)*k), make([]float32, len(norms)*k)
		}
	}
	in.Fixed = l.Stream
	return in
}

// AlphaOf returns the incoming weights (k, a) of an insertion at writer i.
func (l *Layout) AlphaOf(in Insertion, i int) []float32 {
	at := 0
	for _, w := range l.Writers[:i] {
		at += w.Incoming()
	}
	return in.Alpha[in.Count*at:][:in.Count*l.Writers[i].Incoming()]
}

// OmegaOf returns the outgoing weights (c, k, E) of an insertion at reader i.
func (l *Layout) OmegaOf(in Insertion, i int) []float32 {
	at := 0
	for _, r := range l.Readers[:i] {
		at += r.Outputs * r.Outgoing()
	}
	return in.Omega[in.Count*at:][:in.Count*l.Readers[i].Outputs*l.Readers[i].Outgoing()]
}

// UpdateOf returns the change (c, b) of the existing weights of reader i.
func (l *Layout) UpdateOf(in Insertion, i int) []float32 {
	at := 0
	for _, r := range l.Readers[:i] {
		at += r.Outputs * r.Rows()
	}
	return in.Update[at:][:l.Readers[i].Outputs*l.Readers[i].Rows()]
}

// Moments returns mean and variance of what is measured of a neuron.
type Moments func(At) (mean, variance float64)

// At is a place where a neuron is measured: Input 0 is its pre-activation, Input i
// what the i-th of the normalisations behind filters reads.
type At struct{ Neuron, Input int }

// Pick returns the insertion of some of in's neurons as they were measured,
// incoming weights multiplied by f.
func (l Layout) Pick(in Insertion, which []int, moments Moments, f float64) Insertion {
	out := l.Subset(in, which)
	out.Fixed = l.Stream
	norms, first := l.Norms()
	for i, v := range out.Alpha {
		out.Alpha[i] = float32(f * float64(v))
	}
	for i, r := range l.Readers {
		dst, src, area := l.OmegaOf(out, i), l.OmegaOf(in, i), r.Outgoing()
		for o := range r.Outputs {
			for j, from := range which {
				copy(dst[(o*len(which)+j)*area:][:area], src[(o*in.Count+from)*area:])
			}
		}
	}
	for j, from := range which {
		for i := range norms {
			mean, variance := moments(At{from, first + i})
			at := i*len(which) + j
			out.Mean[at], out.Var[at] = float64(f*mean), float64(f*f*variance)
		}
	}
	return out
}

// Subset returns the insertion of some neurons of one without outgoing weights.
func (l Layout) Subset(in Insertion, which []int) Insertion {
	out := l.Empty(len(which))
	out.Fixed = in.Fixed
	for i, w := range l.Writers {
		dst, src, a := l.AlphaOf(out, i), l.AlphaOf(in, i), w.Incoming()
		for j, from := range which {
			copy(dst[j*a:][:a], src[from*a:])
		}
	}
	for j, from := range which {
		for i := 0; i*in.Count < len(in.Mean); i++ {
			out.Mean[i*len(which)+j], out.Var[i*len(which)+j] = in.Mean[i*in.Count+from], in.Var[i*in.Count+from]
		}
	}
	out.Gain, out.Shift = nil, nil
	for i := 0; i*in.Count < len(in.Gain); i++ {
		for _, from := range which {
			out.Gain, out.Shift = append(out.Gain, in.Gain[i*in.Count+from]), append(out.Shift, in.Shift[i*in.Count+from])
		}
	}
	out.Filter = l.pickFilters(in, which)
	return out
}

// pickFilters returns the filters of some neurons, none where channels pass unchanged.
func (l Layout) pickFilters(in Insertion, which []int) (out []float32) {
	if len(in.Filter) == 0 {
		return nil
	}
	n := l.FilterLen()
	for _, from := range which {
		out = append(out, in.Filter[from*n:][:n]...)
	}
	return out
}

// Join returns the neurons of both insertions, first ones first.
func (l Layout) Join(first, second Insertion) Insertion {
	out := l.Empty(first.Count + second.Count)
	out.Fixed, out.Update = first.Fixed, first.Update
	for i := range l.Writers {
		dst := l.AlphaOf(out, i)
		copy(dst[copy(dst, l.AlphaOf(first, i)):], l.AlphaOf(second, i))
	}
	out.Mean, out.Var = nil, nil
	norms, _ := l.Norms()
	for i := range norms {
		a, b := i*first.Count, i*second.Count
		out.Mean = append(append(out.Mean, first.Mean[a:a+first.Count]...), second.Mean[b:b+second.Count]...)
		out.Var = append(append(out.Var, first.Var[a:a+first.Count]...), second.Var[b:b+second.Count]...)
		if l.Stream {
			copy(out.Gain[copy(out.Gain[a+b:], first.Gain[a:a+first.Count])+a+b:], second.Gain[b:b+second.Count])
			copy(out.Shift[copy(out.Shift[a+b:], first.Shift[a:a+first.Count])+a+b:], second.Shift[b:b+second.Count])
		}
	}
	if len(first.Filter)+len(second.Filter) > 0 {
		out.Filter = append(append(out.Filter, l.filters(first)...), l.filters(second)...)
	}
	for i, r := range l.Readers {
		dst, a, b := l.OmegaOf(out, i), l.OmegaOf(first, i), l.OmegaOf(second, i)
		m, n := first.Count*r.Outgoing(), second.Count*r.Outgoing()
		for range r.Outputs {
			dst = dst[copy(dst, a[:m]):]
			dst = dst[copy(dst, b[:n]):]
			a, b = a[m:], b[n:]
		}
	}
	return out
}

// UnitSize moves scale from the outgoing to the incoming weights, so that
// pre-activations have a mean square of one, whatever the amplitude. from are the
// places of the neurons when they were measured. Activations must be homogeneous.
func (l Layout) UnitSize(in *Insertion, from []int, moments Moments) {
	in.Fixed = true
	a, area := l.Incoming.Rows(), l.Outgoing.Area()
	for j, at := range from {
		mean, variance := moments(At{Neuron: at})
		size := math.Sqrt(float64(mean*mean) + variance)
		if !(size > 1e-12) || math.IsInf(size, 0) {
			continue
		}
		for i := range a {
			in.Alpha[j*a+i] = float32(float64(in.Alpha[j*a+i]) / size)
		}
		for o := range l.Outputs {
			row := in.Omega[(o*in.Count+j)*area:][:area]
			for e := range row {
				row[e] = float32(float64(row[e]) * size)
			}
		}
		for i := j; i < len(in.Mean); i += in.Count {
			in.Mean[i], in.Var[i] = in.Mean[i]/size, in.Var[i]/size/size
		}
	}
}

// Outgoing is what one output reads of one neuron: the address of a weight of omega.
type Outgoing struct{ Output, Neuron int }

// Spread spreads a weight of omega (c, k) or (c E, k), times f, over Second's kernel, dst (E).
func (l Layout) Spread(dst []float32, omega *mat.Dense, at Outgoing, f float64) {
	o, j := at.Output, at.Neuron
	rows, _ := omega.Dims()
	if rows == l.Outputs {
		dst[l.Outgoing.Centre()] = float32(f * omega.At(o, j))
		return
	}
	for e := range dst {
		dst[e] = float32(f * omega.At(o*len(dst)+e, j))
	}
}

// Homogeneous reports whether scale can move between the incoming and the outgoing
// weights of a neuron: whether all activations of a chain are homogeneous. It cannot
// at a stream, where what several layers write is added up.
func (l Layout) Homogeneous(g *nn.Graph) bool {
	if l.Stream {
		return false
	}
	for _, f := range l.Activations(g) {
		if !f.Homogeneous {
			return false
		}
	}
	return true
}

// Unit returns the plural of what the site gains.
func (l Layout) Unit(g *nn.Graph) string {
	switch {
	case l.Heads != "":
		return "heads"
	case g.Node(l.First).Kernel > 0:
		return "channels"
	}
	return "neurons"
}
