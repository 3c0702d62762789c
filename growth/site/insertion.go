package site

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Empty returns an insertion of k neurons of zeros.
func (l Layout) Empty(k int) Insertion {
	in := Insertion{Site: l.ID, Count: k, Alpha: make([]float32, k*l.Incoming.Rows()),
		Omega: make([]float32, l.Outputs*k*l.Outgoing.Area())}
	if norms, _ := l.Norms(); len(norms) > 0 {
		in.Mean, in.Var = make([]float64, len(norms)*k), make([]float64, len(norms)*k)
	}
	return in
}

// Moments returns mean and variance of what is measured of a neuron.
type Moments func(At) (mean, variance float64)

// At is a place where a neuron is measured: Input 0 is its pre-activation, Input i
// what the i-th of the normalisations behind filters reads.
type At struct{ Neuron, Input int }

// Pick returns the insertion of some of in's neurons as they were measured,
// incoming weights multiplied by f.
func (l Layout) Pick(in Insertion, which []int, moments Moments, f float64) Insertion {
	out, a, area := l.Empty(len(which)), l.Incoming.Rows(), l.Outgoing.Area()
	norms, first := l.Norms()
	for j, from := range which {
		for i := range a {
			out.Alpha[j*a+i] = float32(f * float64(in.Alpha[from*a+i]))
		}
		for o := range l.Outputs {
			copy(out.Omega[(o*len(which)+j)*area:][:area], in.Omega[(o*in.Count+from)*area:])
		}
		for i := range norms {
			mean, variance := moments(At{from, first + i})
			at := i*len(which) + j
			out.Mean[at], out.Var[at] = float64(f*mean), float64(f*f*variance)
		}
	}
	out.Filter = l.pickFilters(in, which)
	return out
}

// Subset returns the insertion of some neurons of one without outgoing weights.
func (l Layout) Subset(in Insertion, which []int) Insertion {
	out, a := l.Empty(len(which)), l.Incoming.Rows()
	out.Fixed = in.Fixed
	for j, from := range which {
		copy(out.Alpha[j*a:][:a], in.Alpha[from*a:])
		for i := 0; i*in.Count < len(in.Mean); i++ {
			out.Mean[i*len(which)+j], out.Var[i*len(which)+j] = in.Mean[i*in.Count+from], in.Var[i*in.Count+from]
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
	area := l.Outgoing.Area()
	out := l.Empty(first.Count + second.Count)
	out.Fixed, out.Update = first.Fixed, first.Update
	copy(out.Alpha[copy(out.Alpha, first.Alpha):], second.Alpha)
	out.Mean, out.Var = nil, nil
	norms, _ := l.Norms()
	for i := range norms {
		a, b := i*first.Count, i*second.Count
		out.Mean = append(append(out.Mean, first.Mean[a:a+first.Count]...), second.Mean[b:b+second.Count]...)
		out.Var = append(append(out.Var, first.Var[a:a+first.Count]...), second.Var[b:b+second.Count]...)
	}
	if len(first.Filter)+len(second.Filter) > 0 {
		out.Filter = append(append(out.Filter, l.filters(first)...), l.filters(second)...)
	}
	for o := range l.Outputs {
		dst := out.Omega[o*out.Count*area:]
		copy(dst, first.Omega[o*first.Count*area:][:first.Count*area])
		copy(dst[first.Count*area:], second.Omega[o*second.Count*area:][:second.Count*area])
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

// Spread spreads omega (c, k) or (c E, k) of neuron j over Second's kernel:
// dst (E) for output o.
func (l Layout) Spread(dst []float32, omega *mat.Dense, o, j int, f float64) {
	rows, _ := omega.Dims()
	if rows == l.Outputs {
		dst[l.Outgoing.Centre()] = float32(f * omega.At(o, j))
		return
	}
	for e := range dst {
		dst[e] = float32(f * omega.At(o*len(dst)+e, j))
	}
}

// Homogeneous reports whether all activations of the site are.
func (l Layout) Homogeneous(g *nn.Graph) bool {
	for _, f := range l.Activations(g) {
		if !f.Homogeneous {
			return false
		}
	}
	return true
}

// Unit returns the plural of what the site gains.
func (l Layout) Unit(g *nn.Graph) string {
	if g.Node(l.First).Kernel > 0 {
		return "channels"
	}
	return "neurons"
}
