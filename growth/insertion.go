package growth

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// empty returns an insertion of k neurons of zeros.
func (l layout) empty(k int) Insertion {
	in := Insertion{Site: l.ID, Count: k, Alpha: make([]float32, k*l.first.rows()), Omega: make([]float32, l.outputs*k*l.second.area())}
	if l.norm != nil {
		in.Mean, in.Var = make([]float64, k), make([]float64, k)
	}
	return in
}

// Moments returns mean and variance of the pre-activation of neuron j, as measured.
type Moments func(j int) (mean, variance float64)

// pick returns the insertion of some of in's neurons as they were measured,
// incoming weights multiplied by f.
func (l layout) pick(in Insertion, which []int, moments Moments, f float64) Insertion {
	out, a, area := l.empty(len(which)), l.first.rows(), l.second.area()
	for j, from := range which {
		for i := range a {
			out.Alpha[j*a+i] = float32(f * float64(in.Alpha[from*a+i]))
		}
		for o := range l.outputs {
			copy(out.Omega[(o*len(which)+j)*area:][:area], in.Omega[(o*in.Count+from)*area:])
		}
		if l.norm != nil {
			mean, variance := moments(from)
			out.Mean[j], out.Var[j] = float64(f*mean), float64(f*f*variance)
		}
	}
	return out
}

// subset returns the insertion of some neurons of one without outgoing weights.
func (l layout) subset(in Insertion, which []int) Insertion {
	out, a := l.empty(len(which)), l.first.rows()
	out.Fixed = in.Fixed
	for j, from := range which {
		copy(out.Alpha[j*a:][:a], in.Alpha[from*a:])
		if l.norm != nil {
			out.Mean[j], out.Var[j] = in.Mean[from], in.Var[from]
		}
	}
	return out
}

// join returns the neurons of both insertions, first ones first.
func (l layout) join(first, second Insertion) Insertion {
	area := l.second.area()
	out := l.empty(first.Count + second.Count)
	out.Fixed, out.Update = first.Fixed, first.Update
	copy(out.Alpha[copy(out.Alpha, first.Alpha):], second.Alpha)
	copy(out.Mean[copy(out.Mean, first.Mean):], second.Mean)
	copy(out.Var[copy(out.Var, first.Var):], second.Var)
	for o := range l.outputs {
		dst := out.Omega[o*out.Count*area:]
		copy(dst, first.Omega[o*first.Count*area:][:first.Count*area])
		copy(dst[first.Count*area:], second.Omega[o*second.Count*area:][:second.Count*area])
	}
	return out
}

// unitSize moves scale from the outgoing to the incoming weights, so that
// pre-activations have a mean square of one, whatever the amplitude. from are the
// places of the neurons when they were measured. Activations must be homogeneous.
func (l layout) unitSize(in *Insertion, from []int, moments Moments) {
	in.Fixed = true
	a, area := l.first.rows(), l.second.area()
	for j, at := range from {
		mean, variance := moments(at)
		size := math.Sqrt(float64(mean*mean) + variance)
		if !(size > 1e-12) || math.IsInf(size, 0) {
			continue
		}
		for i := range a {
			in.Alpha[j*a+i] = float32(float64(in.Alpha[j*a+i]) / size)
		}
		for o := range l.outputs {
			row := in.Omega[(o*in.Count+j)*area:][:area]
			for e := range row {
				row[e] = float32(float64(row[e]) * size)
			}
		}
		if l.norm != nil {
			in.Mean[j], in.Var[j] = in.Mean[j]/size, in.Var[j]/size/size
		}
	}
}

// upTo returns 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for j := range all {
		all[j] = j
	}
	return all
}

// spread spreads omega (c, k) or (c E, k) of neuron j over Second's kernel:
// dst (E) for output o.
func (l layout) spread(dst []float32, omega *mat.Dense, o, j int, f float64) {
	rows, _ := omega.Dims()
	if rows == l.outputs {
		dst[l.second.centre()] = float32(f * omega.At(o, j))
		return
	}
	for e := range dst {
		dst[e] = float32(f * omega.At(o*len(dst)+e, j))
	}
}

// homogeneous reports whether all activations of the site are.
func (l layout) homogeneous(g *nn.Graph) bool {
	for _, f := range l.activations(g) {
		if !f.Homogeneous {
			return false
		}
	}
	return true
}

// unit returns the plural of what the site gains.
func (l layout) unit(g *nn.Graph) string {
	if g.Node(l.First).Kernel > 0 {
		return "channels"
	}
	return "neurons"
}
