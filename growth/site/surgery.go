package site

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Insertion is neurons to be added at one site, and optionally a change of
// Second's existing weights. All matrices are row-major and refer to the
// graph before the insertion.
type Insertion struct {
	Site  ID        `msgpack:"site"`
	Count int       `msgpack:"count"`           // k
	Alpha []float32 `msgpack:"alpha,omitempty"` // incoming weights (k, a), bias last if First has one
	Omega []float32 `msgpack:"omega,omitempty"` // outgoing weights (c, k, E), E Second's kernel offsets
	// Mean and Var (norms, k) are those of what the batch normalisations of the site
	// read of the new neurons, in order: the one right behind First, if there is one,
	// reads pre-activations. They are extended as the identity on that.
	Mean []float64 `msgpack:"mean,omitempty"`
	Var  []float64 `msgpack:"var,omitempty"`
	// Gain and Shift (norms, k) override the weights and biases of these normalisations,
	// for neurons that they shall not pass unchanged.
	Gain  []float32 `msgpack:"gain,omitempty"`
	Shift []float32 `msgpack:"shift,omitempty"`
	// Filter (k, weights of one channel in all filters between, see Layout.FilterLen) is
	// the new channels' own filters; empty where they pass channels on unchanged.
	Filter []float32 `msgpack:"filter,omitempty"`
	// Fixed leaves the incoming weights as they are at every amplitude, which
	// then multiplies the outgoing weights alone.
	Fixed bool `msgpack:"fixed,omitempty"`
	// Update (c, b) is added to Second's existing weights and bias; empty for none.
	Update []float32 `msgpack:"update,omitempty"`
}

// Scaled returns the insertion at amplitude g: incoming and outgoing weights
// times sqrt(g) (outgoing weights times g if the incoming are fixed), the
// update times g.
func (in Insertion) Scaled(g float64) Insertion {
	incoming, outgoing := math.Sqrt(g), math.Sqrt(g)
	if in.Fixed {
		incoming, outgoing = 1, g
	}
	out := in
	out.Alpha, out.Omega, out.Update = times(in.Alpha, incoming), times(in.Omega, outgoing), times(in.Update, g)
	out.Mean, out.Var = append([]float64(nil), in.Mean...), append([]float64(nil), in.Var...)
	for i := range out.Mean {
		out.Mean[i] = float64(out.Mean[i] * incoming)
		out.Var[i] = float64(out.Var[i] * (incoming * incoming))
	}
	return out
}

func times(x []float32, f float64) []float32 {
	if x == nil {
		return nil
	}
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(f * float64(v))
	}
	return out
}

// Layout is what surgery needs to know of a site in a graph.
type Layout struct {
	Site
	Incoming, Outgoing Window
	Outputs            int // c: of Second
	Norm               *nn.Node
	Later              []*nn.Node // normalisations behind filters, in order
	Filters            []Filter   // between First and Second, in order
}

// LayoutOf returns the layout of a site of a valid graph. Its errors are those of
// an invalid graph and of an id that is no site of it.
func LayoutOf(g *nn.Graph, id ID) (Layout, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return Layout{}, err
	}
	s, ok := Find(g, id)
	if !ok {
		return Layout{}, fmt.Errorf("%q is no site of the graph of generation %d", id, g.Generation)
	}
	first, second := g.Node(s.First), g.Node(s.Second)
	return Layout{Site: s, Incoming: windowOf(first, shapes[first.Inputs[0]]), Outgoing: windowOf(second, shapes[second.Inputs[0]]),
		Outputs: second.Out, Norm: s.Norm(g), Later: laterNorms(g, s), Filters: filtersOf(g, shapes, s)}, nil
}

// Check returns all faults of an insertion at its site.
func (l Layout) Check(in Insertion) error {
	var faults []error
	want := func(what string, got, length int) {
		if got != length {
			faults = append(faults, fmt.Errorf("insertion at %q: %s has %d values, want %d", in.Site, what, got, length))
		}
	}
	if in.Count < 0 || in.Count > 1<<20 {
		return fmt.Errorf("insertion at %q: %d neurons", in.Site, in.Count)
	}
	want("alpha", len(in.Alpha), in.Count*l.Incoming.Rows())
	want("omega", len(in.Omega), l.Outputs*in.Count*l.Outgoing.Area())
	norms, _ := l.Norms()
	normed := len(norms) * in.Count
	want("mean", len(in.Mean), normed)
	want("var", len(in.Var), normed)
	if len(in.Gain)+len(in.Shift) > 0 {
		want("gain", len(in.Gain), normed)
		want("shift", len(in.Shift), normed)
	}
	if len(in.Filter) > 0 {
		want("filter", len(in.Filter), in.Count*l.FilterLen())
	}
	if len(in.Update) > 0 {
		want("update", len(in.Update), l.Outputs*l.Outgoing.Rows())
	}
	return errors.Join(faults...)
}

// Widen returns m with the insertions made and the generation raised by one.
// Old weights, biases and running statistics stay bit for bit (plus updates);
// insertions at neighbouring sites do not see each other's neurons.
func Widen(m *nn.Model, ins []Insertion) (*nn.Model, error) {
	g := m.Graph.Clone()
	layouts := make([]Layout, len(ins))
	for i, in := range ins {
		l, err := LayoutOf(m.Graph, in.Site)
		if err != nil {
			return nil, err
		}
		if err := l.Check(in); err != nil {
			return nil, err
		}
		for j := range i {
			if ins[j].Site == in.Site {
				return nil, fmt.Errorf("two insertions at %q", in.Site)
			}
		}
		layouts[i] = l
		g.Node(l.First).Out += in.Count
	}
	g.Generation++
	if err := g.Validate(); err != nil {
		return nil, err
	}
	out := &nn.Model{Graph: g, Params: Carry(m.Graph, g, m.Params), Buffers: carry(m.Graph.BufferEntries(), g.BufferEntries(), m.Buffers)}
	for i, in := range ins {
		write(out, m.Graph, layouts[i], in)
	}
	return out, nil
}

// Carry returns a flat slice of new's parameters that holds flat, one of
// old's, where old has a value, and zeros elsewhere: how optimizer state
// outlives surgery.
func Carry(old, new *nn.Graph, flat []float32) []float32 {
	return carry(old.ParamEntries(), new.ParamEntries(), flat)
}

// carry copies every tensor into the leading corner of its successor.
func carry(old, new []nn.Entry, flat []float32) []float32 {
	length := 0
	for _, e := range new {
		length += e.Len()
	}
	out := make([]float32, length)
	before := make(map[string]nn.Entry, len(old))
	for _, e := range old {
		before[e.Name] = e
	}
	for _, e := range new {
		if b, ok := before[e.Name]; ok {
			corner(e.Of(out), e.Shape, b.Of(flat), b.Shape)
		}
	}
	return out
}

func corner(dst []float32, dstShape []int, src []float32, srcShape []int) {
	if len(dst) == len(src) {
		copy(dst, src)
		return
	}
	if len(dstShape) == 1 {
		copy(dst, src)
		return
	}
	d, s := len(dst)/max(dstShape[0], 1), len(src)/max(srcShape[0], 1)
	for i := range srcShape[0] {
		corner(dst[i*d:(i+1)*d], dstShape[1:], src[i*s:(i+1)*s], srcShape[1:])
	}
}

// write writes the new values; old is the graph before all insertions.
func write(m *nn.Model, old *nn.Graph, l Layout, in Insertion) {
	width := old.Node(l.First).Out
	params := nn.ByName(m.Graph.ParamEntries())
	param := func(id nn.NodeID, role string) (nn.Entry, []float32) {
		e := params[string(id)+"."+role]
		return e, e.Of(m.Params)
	}

	// incoming: rows [width, width+k) of First, old inputs are the leading ones
	e, w := param(l.First, nn.RoleWeight)
	perOutput, weights, rows := e.Len()/max(e.Shape[0], 1), l.Incoming.Weights(), l.Incoming.Rows()
	for k := range in.Count {
		copy(w[(width+k)*perOutput:], in.Alpha[k*rows:][:weights])
	}
	if l.Incoming.Bias {
		_, b := param(l.First, nn.RoleBias)
		for k := range in.Count {
			b[width+k] = in.Alpha[k*rows+weights]
		}
	}

	// outgoing: columns right of the old inputs of Second
	e, w = param(l.Second, nn.RoleWeight)
	perOutput, weights, rows = e.Len()/max(e.Shape[0], 1), l.Outgoing.Weights(), l.Outgoing.Rows()
	area := l.Outgoing.Area()
	for o := range l.Outputs {
		copy(w[o*perOutput+weights:], in.Omega[o*in.Count*area:][:in.Count*area])
	}
	if len(in.Update) > 0 {
		for o := range l.Outputs {
			addTo(w[o*perOutput:][:weights], in.Update[o*rows:])
		}
		if l.Outgoing.Bias {
			_, b := param(l.Second, nn.RoleBias)
			for o := range l.Outputs {
				b[o] += in.Update[o*rows+weights]
			}
		}
	}

	l.writeFilters(in, width, param)
	l.writeNorms(m, in, width)
}

// addTo adds the leading values of x to dst.
func addTo(dst, x []float32) {
	for i := range dst {
		dst[i] += x[i]
	}
}
