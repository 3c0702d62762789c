package site

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Insertion is neurons to be added at one site, and optionally a change of the
// existing weights of what reads it. All matrices are row-major and refer to the graph
// before the insertion. At a stream Alpha holds one matrix for each writer, Omega and
// Update one for each reader, in their order (see Layout.AlphaOf and its like).
type Insertion struct {
	Site  ID        `msgpack:"site"`
	Count int       `msgpack:"count"`           // k
	Alpha []float32 `msgpack:"alpha,omitempty"` // incoming weights (k, a), then biases if the writer has some
	Omega []float32 `msgpack:"omega,omitempty"` // outgoing weights (c, k, E), E the reader's kernel offsets
	// Mean and Var (norms, k) are those of what the batch normalisations of the site
	// read of the new neurons, in order: the one right behind First, if there is one,
	// reads pre-activations. They are extended as the identity on that.
	Mean []float64 `msgpack:"mean,omitempty"`
	Var  []float64 `msgpack:"var,omitempty"`
	// Gain and Shift (norms, k) override the weights and biases of these normalisations,
	// for neurons that they shall not pass unchanged; at a stream, where new channels
	// pass one behind the other, there must be some.
	Gain  []float32 `msgpack:"gain,omitempty"`
	Shift []float32 `msgpack:"shift,omitempty"`
	// Filter (k, weights of one channel in all filters between, see Layout.FilterLen) is
	// the new channels' own filters; empty where they pass channels on unchanged.
	Filter []float32 `msgpack:"filter,omitempty"`
	// Fixed leaves the incoming weights as they are at every amplitude, which
	// then multiplies the outgoing weights alone.
	Fixed bool `msgpack:"fixed,omitempty"`
	// Update (c, b) is added to the reader's existing weights and bias; empty for none.
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
	if float64(l.outgoing()) > 1<<40 { // more than any graph has weights
		return fmt.Errorf("insertion at %q: the site has too many readers", in.Site)
	}
	want("alpha", len(in.Alpha), in.Count*l.Inputs())
	want("omega", len(in.Omega), in.Count*l.outgoing())
	norms, _ := l.Norms()
	normed := len(norms) * in.Count
	want("mean", len(in.Mean), normed)
	want("var", len(in.Var), normed)
	if len(in.Gain)+len(in.Shift) > 0 || l.Stream {
		want("gain", len(in.Gain), normed)
		want("shift", len(in.Shift), normed)
	}
	if len(in.Filter) > 0 {
		want("filter", len(in.Filter), in.Count*l.FilterLen())
	}
	if len(in.Update) > 0 {
		want("update", len(in.Update), l.UpdateLen())
	}
	return errors.Join(faults...)
}

// Widen returns m with the insertions made and the generation raised by one.
// Old weights, biases and running statistics stay bit for bit (plus updates);
// insertions at neighbouring sites do not see each other's neurons. Error synapses to and from
// new neurons, where the graph has such, are drawn (nn.Graph.DrawFeedback).
func Widen(m *nn.Model, ins []Insertion) (*nn.Model, error) {
	g := m.Graph.Clone()
	sites, err := Layouts(m.Graph)
	if err != nil {
		return nil, err
	}
	layouts := make([]Layout, len(ins))
	for i, in := range ins {
		l, ok := sites.Find(in.Site)
		if !ok {
			return nil, noSite(m.Graph, in.Site)
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
		l.Gain(g, in.Count)
	}
	g.Generation++
	if err := g.Validate(); err != nil {
		return nil, err
	}
	params := make([]float32, g.NumParams())
	g.DrawFeedback(params)
	carry(params, g.ParamEntries(), m.Params, m.Graph.ParamEntries())
	out := &nn.Model{Graph: g, Params: params, Buffers: CarryBuffers(m.Graph, g, m.Buffers)}
	wide, err := Layouts(g)
	if err != nil {
		return nil, err
	}
	for i, in := range ins {
		to, _ := wide.Find(in.Site) // more channels make it no less a site
		write(out, layouts[i], to, in)
	}
	return out, nil
}

// Carry returns a flat slice of new's parameters that holds flat, one of
// old's, where old has a value, and zeros elsewhere: how optimizer state
// outlives surgery.
func Carry(old, new *nn.Graph, flat []float32) []float32 {
	return carry(make([]float32, new.NumParams()), new.ParamEntries(), flat, old.ParamEntries())
}

// CarryBuffers is Carry for slices of buffers.
func CarryBuffers(old, new *nn.Graph, flat []float32) []float32 {
	return carry(make([]float32, new.NumBuffers()), new.BufferEntries(), flat, old.BufferEntries())
}

// Lasting returns where the parameters of old lie among those of new, a graph that it
// grew to: they keep their order.
func Lasting(old, new *nn.Graph) []kernel.Range {
	marks := make([]float32, old.NumParams())
	for i := range marks {
		marks[i] = 1
	}
	fresh := make([]bool, new.NumParams())
	for i, mark := range Carry(old, new, marks) {
		fresh[i] = mark == 0
	}
	return unmarked(fresh)
}

// carry copies every tensor of src that dst has too into the leading corner of its
// successor, and returns dst.
func carry(dst []float32, new []nn.Entry, src []float32, old []nn.Entry) []float32 {
	before := nn.ByName(old)
	for _, e := range new {
		if b, ok := before[e.Name]; ok {
			corner(e.Of(dst), e.Shape, b.Of(src), b.Shape)
		}
	}
	return dst
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
	for i := range min(srcShape[0], dstShape[0]) {
		corner(dst[i*d:(i+1)*d], dstShape[1:], src[i*s:(i+1)*s], srcShape[1:])
	}
}

// write writes the values of an insertion to a model whose graph is widened already;
// l is the layout before all insertions, wide that behind them. Existing neurons lead in
// every tensor.
func write(m *nn.Model, l, wide Layout, in Insertion) {
	fresh := wide.Neurons(kernel.Range{Lo: l.width, Hi: l.width + in.Count})
	alpha, omega, update := in.Alpha, in.Omega, in.Update
	for i, w := range l.Writers {
		to, weights := wide.Writers[i], w.Weights()
		for k := range in.Count {
			one := kernel.Range{Lo: l.width + k, Hi: l.width + k + 1}
			rows := to.RowsOf(one).Of(m.Params)
			for range w.Each {
				copy(rows, alpha[:weights]) // inputs that are new too stay zero
				rows, alpha = rows[to.Weights():], alpha[weights:]
			}
			alpha = alpha[copy(to.BiasesOf(one).Of(m.Params), alpha):]
		}
	}
	for i, r := range l.Readers {
		to := wide.Readers[i]
		for o := range r.Outputs {
			omega = omega[copy(to.ColumnsOf(o, fresh.Range).Of(m.Params), omega):]
		}
		if len(in.Update) == 0 {
			continue
		}
		for o := range r.Outputs {
			addTo(to.RowOf(o).Of(m.Params)[:r.Weights()], update)
			if update = update[r.Weights():]; r.Bias {
				m.Params[to.biasAt(o)] += update[0]
				update = update[1:]
			}
		}
	}
	wide.writeFilters(m, in, fresh)
	wide.writeNorms(m, in, fresh)
}

// addTo adds the leading values of x to dst.
func addTo(dst, x []float32) {
	for i := range dst {
		dst[i] += x[i]
	}
}
