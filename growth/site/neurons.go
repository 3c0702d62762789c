package site

import (
	"iter"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Writer is a layer that gives a site its channels: it gains an output for each new
// neuron.
type Writer struct {
	ID nn.NodeID
	Window
	Each         int // outputs of a neuron: one, or those of a head
	weight, bias nn.Entry
}

// Incoming returns the number of weights and biases by which a neuron reads here: for each of its outputs
// the weights, then their biases.
func (w Writer) Incoming() int { return w.Each * w.Rows() }

// RowsOf returns where the weights of neurons n lie in the flat parameters, in the
// order of an unfold of its window.
func (w Writer) RowsOf(n kernel.Range) kernel.Range { return leading(w.weight, w.Each*w.Weights(), n) }

// BiasesOf returns where the biases of neurons n lie, nowhere if it has none.
func (w Writer) BiasesOf(n kernel.Range) kernel.Range {
	if !w.Bias {
		return kernel.Range{}
	}
	return leading(w.bias, w.Each, n)
}

// Reader is a layer that reads the channels of a site: it gains an input for each new
// neuron.
type Reader struct {
	ID nn.NodeID
	Window
	Outputs int
	Each    int // inputs that are a neuron: one, or those of a head
	weight  nn.Entry
	bias    nn.Entry
}

// Outgoing returns the number of weights by which one of its outputs reads a neuron.
func (r Reader) Outgoing() int { return r.Each * r.Area() }

// RowOf returns where the weights of one of its outputs lie in the flat parameters.
func (r Reader) RowOf(output int) kernel.Range {
	return leading(r.weight, r.Weights(), kernel.Range{Lo: output, Hi: output + 1})
}

// ColumnsOf returns where the weights lie with which one of its outputs reads the
// neurons n: for each of them its kernel offsets.
func (r Reader) ColumnsOf(output int, n kernel.Range) kernel.Range {
	row, each := r.RowOf(output).Lo, r.Outgoing()
	return kernel.Range{Lo: row + n.Lo*each, Hi: row + n.Hi*each}
}

// biasAt returns where the bias of one output lies; there must be one.
func (r Reader) biasAt(output int) int { return r.bias.Offset + output }

// leading returns where slices n of an entry lie, each of that length.
func leading(e nn.Entry, length int, n kernel.Range) kernel.Range {
	return kernel.Range{Lo: e.Offset + n.Lo*length, Hi: e.Offset + n.Hi*length}
}

// Neurons is the address of some neurons of a site in a graph: where all that is
// theirs lies in the flat parameters and buffers of a model of that graph. Gradients,
// optimizer state and averages of parameters are in the order of parameters, so that
// the same places hold for them.
type Neurons struct {
	kernel.Range // the neurons, of [0, width of the site)
	layout       *Layout
}

// Neurons returns the address of neurons n, which must exist.
func (l *Layout) Neurons(n kernel.Range) Neurons {
	if n.Lo < 0 || n.Hi < n.Lo || n.Hi > l.width {
		panic("site: neurons that a site does not have")
	}
	return Neurons{n, l}
}

// AllNeurons returns the address of all neurons that the site has.
func (l *Layout) AllNeurons() Neurons { return l.Neurons(kernel.Range{Hi: l.width}) }

// Incoming yields the parameters by which the neurons read: for each writer of the
// site their rows of its weight, one behind the other, then their biases.
func (n Neurons) Incoming() iter.Seq[kernel.Range] {
	return func(yield func(kernel.Range) bool) {
		for _, w := range n.layout.Writers {
			if !yield(w.RowsOf(n.Range)) || w.Bias && !yield(w.BiasesOf(n.Range)) {
				return
			}
		}
	}
}

// Outgoing yields the parameters by which the neurons are read: for each reader of
// the site and each of its outputs their columns, which lie side by side.
func (n Neurons) Outgoing() iter.Seq[kernel.Range] {
	return func(yield func(kernel.Range) bool) {
		for _, r := range n.layout.Readers {
			for o := range r.Outputs {
				if !yield(r.ColumnsOf(o, n.Range)) {
					return
				}
			}
		}
	}
}

// Between yields the other parameters of the neurons: for each normalisation that
// they pass their weights, then their biases, then likewise for each filter.
func (n Neurons) Between() iter.Seq[kernel.Range] {
	return func(yield func(kernel.Range) bool) {
		for _, a := range n.Norms() {
			if !yield(a.Weight) || !yield(a.Bias) {
				return
			}
		}
		for _, f := range n.Filters() {
			if !yield(f.Weight) || f.Bias.Len() > 0 && !yield(f.Bias) {
				return
			}
		}
	}
}

// Params yields all parameters of the neurons: Incoming, Outgoing and Between.
func (n Neurons) Params() iter.Seq[kernel.Range] {
	return func(yield func(kernel.Range) bool) {
		for _, part := range []iter.Seq[kernel.Range]{n.Incoming(), n.Outgoing(), n.Between()} {
			for r := range part {
				if !yield(r) {
					return
				}
			}
		}
	}
}

// Buffers yields where the running means and variances of the neurons lie in the flat
// buffers, for each normalisation that they pass.
func (n Neurons) Buffers() iter.Seq[kernel.Range] {
	return func(yield func(kernel.Range) bool) {
		for _, a := range n.Norms() {
			if !yield(a.Mean) || !yield(a.Var) {
				return
			}
		}
	}
}

// Affine is where some channels of a normalisation lie: weights and biases in the
// flat parameters, running means and variances in the flat buffers.
type Affine struct{ Weight, Bias, Mean, Var kernel.Range }

// Norms returns where the neurons lie in the site's normalisations, in the order of
// Layout.Norms.
func (n Neurons) Norms() []Affine {
	norms, _ := n.layout.Norms()
	out := make([]Affine, len(norms))
	for i, norm := range norms {
		param := func(role string) kernel.Range {
			return leading(n.layout.at.params[string(norm.ID)+"."+role], 1, n.Range)
		}
		buffer := func(role string) kernel.Range {
			return leading(n.layout.at.buffers[string(norm.ID)+"."+role], 1, n.Range)
		}
		out[i] = Affine{param(nn.RoleWeight), param(nn.RoleBias), buffer(nn.RoleRunningMean), buffer(nn.RoleRunningVar)}
	}
	return out
}

// Own is where the weights and biases of some channels of a filter lie in the flat
// parameters; Bias is nowhere if it has none.
type Own struct{ Weight, Bias kernel.Range }

// Filters returns where the neurons lie in the site's filters, in the order of
// Layout.Filters.
func (n Neurons) Filters() []Own {
	out := make([]Own, len(n.layout.Filters))
	for i, f := range n.layout.Filters {
		out[i].Weight = leading(n.layout.at.params[string(f.ID)+"."+nn.RoleWeight], f.Area(), n.Range)
		if f.Bias {
			out[i].Bias = leading(n.layout.at.params[string(f.ID)+"."+nn.RoleBias], 1, n.Range)
		}
	}
	return out
}

// places is where the tensors of a graph lie, by name.
type places struct{ params, buffers map[string]nn.Entry }

func placesOf(g *nn.Graph) *places {
	return &places{nn.ByName(g.ParamEntries()), nn.ByName(g.BufferEntries())}
}
