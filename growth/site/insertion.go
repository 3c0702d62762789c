package site

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Empty returns an insertion of k neurons of zeros.
func (l Layout) Empty(k int) Insertion {
	in := Insertion{Site: l.ID, Count: k, Alpha: make([]float32, k*l.Incoming.Rows()), Omega: make([]float32, l.Outputs*k*l.Outgoing.Area())}
	if l.Norm != nil {
		in.Mean, in.Var = make([]float64, k), make([]float64, k)
	}
	return in
}

// Moments returns mean and variance of the pre-activation of neuron j, as measured.
type Moments func(j int) (mean, variance float64)

// Pick returns the insertion of some of in's neurons as they were measured,
// incoming weights multiplied by f.
func (l Layout) Pick(in Insertion, which []int, moments Moments, f float64) Insertion {
	out, a, area := l.Empty(len(which)), l.Incoming.Rows(), l.Outgoing.Area()
	for j, from := range which {
		for i := range a {
			out.Alpha[j*a+i] = float32(f * float64(in.Alpha[from*a+i]))
		}
		for o := range l.Outputs {
			copy(out.Omega[(o*len(which)+j)*area:][:area], in.Omega[(o*in.Count+from)*area:])
		}
		if l.Norm != nil {
			mean, variance := moments(from)
			out.Mean[j], out.Var[j] = float64(f*mean), float64(f*f*variance)
		}
	}
	return out
}

// Subset returns the insertion of some neurons of one without outgoing weights.
func (l Layout) Subset(in Insertion, which []int) Insertion {
	out, a := l.Empty(len(which)), l.Incoming.Rows()
	out.Fixed = in.Fixed
	for j, from := range which {
		copy(out.Alpha[j*a:][:a], in.Alpha[from*a:])
		if l.Norm != nil {
			out.Mean[j], out.Var[j] = in.Mean[from], in.Var[from]
		}
	}
	return out
}

// Join returns the neurons of both insertions, first ones first.
func (l Layout) Join(first, second Insertion) Insertion {
	area := l.Outgoing.Area()
	out := l.Empty(first.Count + second.Count)
	out.Fixed, out.Update = first.Fixed, first.Update
	copy(out.Alpha[copy(out.Alpha, first.Alpha):], second.Alpha)
	copy(out.Mean[copy(out.Mean, first.Mean):], second.Mean)
	copy(out.Var[copy(out.Var, first.Var):], second.Var)
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
		mean, variance := moments(at)
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
		if l.Norm != nil {
			in.Mean[j], in.Var[j] = in.Mean[j]/size, in.Var[j]/size/size
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
