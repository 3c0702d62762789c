// Package infer evaluates trained networks on pictures, with the kernels that they
// were trained with: what a network says of a picture has the same bits wherever it
// is asked, alone or among others, in `tinygrow eval`, predict and serve.
//
// It does not train, and it knows nothing of files and of HTTP.
package infer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Network is a trained network that is ready to be asked. Its methods may be called
// concurrently.
type Network struct {
	Card    *nn.Card
	graph   *nn.Graph
	buffers []float32
	program *nn.Program
	packed  *nn.Packed
	threads int
	idle    sync.Pool // holds *seat
}

// seat is what one goroutine needs.
type seat struct {
	work  *nn.Workspace
	batch *nn.Batch
}

// New prepares a model that reads pictures as the card says, to be evaluated by so
// many threads; 0: all processors that quota and affinity allow. It keeps m and c.
func New(m *nn.Model, c *nn.Card, threads int) (*Network, error) {
	if c == nil {
		return nil, errors.New("the model is of an earlier version and does not tell how it reads pictures and what its classes are " +
			"called: tinygrow resume of its run writes a checkpoint that does")
	}
	p, err := nn.Compile(m.Graph, tensor.Lanes, nn.Options{Inference: true})
	if err != nil {
		return nil, err
	}
	if err := c.Fits(m.Graph); err != nil {
		return nil, err
	}
	if threads == 0 {
		threads = quota.CPUs()
	}
	n := &Network{Card: c, graph: m.Graph, buffers: m.Buffers, program: p, packed: p.Pack(nil, m.Params), threads: threads}
	n.idle.New = func() any { return &seat{p.NewWorkspace(), p.NewBatch()} }
	return n, nil
}

// Order is the order of test samples.
var Order = proto.Order{Split: dataset.Test, Stream: "sequential"}

// Set returns the outputs of the network for n samples of a set in order o, none of
// them augmented: (n, classes), row by row.
func (n *Network) Set(ctx context.Context, set *dataset.Set, o proto.Order, samples int) ([]float32, error) {
	if err := set.Fits(o, n.graph); err != nil {
		return nil, err
	}
	classes := len(n.Card.Classes)
	out := make([]float32, samples*classes)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n.threads, tensor.Blocks(samples)) {
		wg.Go(func() {
			s := n.idle.Get().(*seat)
			defer n.idle.Put(s)
			for ctx.Err() == nil {
				lo := int(next.Add(1)-1) * tensor.Lanes
				if lo >= samples {
					return
				}
				valid := min(tensor.Lanes, samples-lo)
				if err := set.Fill(s.batch, o, 0, lo, valid); err != nil {
					stop(err)
					return
				}
				s.work.Forward(n.packed, n.buffers, s.batch, nn.Eval)
				values := s.work.Value(n.graph.Output().ID)
				for i := range valid {
					for c := range classes {
						out[(lo+i)*classes+c] = values[c*tensor.Lanes+i]
					}
				}
			}
		})
	}
	wg.Wait()
	return out, context.Cause(ctx)
}

// Pictures returns the outputs of the network for pictures as dataset.DecodeLoose
// returns them, or for rows as dataset.EachRow gives them: (len(images), classes), row by row.
func (n *Network) Pictures(ctx context.Context, images [][]byte) ([]float32, error) {
	size := dataset.SampleSize(n.Card)
	for i, image := range images {
		if len(image) != size {
			return nil, fmt.Errorf("picture %d has %d bytes, the network reads %d", i, len(image), size)
		}
	}
	if len(images) == 0 {
		return nil, ctx.Err()
	}
	set := dataset.Loose(n.Card, slices.Concat(images...), make([]uint16, len(images)))
	return n.Set(ctx, set, Order, len(images))
}

// Row returns the outputs of sample i.
func (n *Network) Row(outputs []float32, i int) []float32 {
	classes := len(n.Card.Classes)
	return outputs[i*classes : (i+1)*classes]
}

// Probabilities returns what the outputs of one sample say: their softmax for a
// network trained by cross entropy; the logistic function of each for one of labels; else each
// output, held between 0 and 1.
func (n *Network) Probabilities(outputs []float32) []float64 {
	p := make([]float64, len(outputs))
	if n.graph.Loss == nn.BinaryCrossEntropy {
		for c, y := range outputs {
			p[c] = 1 / (1 + portable.Exp(-float64(y)))
		}
		return p
	}
	if n.graph.Loss != nn.CrossEntropy {
		for c, y := range outputs {
			p[c] = min(max(float64(y), 0), 1)
		}
		return p
	}
	top := float64(outputs[Best(outputs)])
	var sum float64
	for c, y := range outputs {
		p[c] = portable.Exp(float64(y) - top)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

// Numbers returns what the outputs of one sample are in the units of the targets, of a network for
// regression.
func (n *Network) Numbers(outputs []float32) []float64 {
	v := make([]float64, len(outputs))
	for c, y := range outputs {
		s := n.Card.Table.Scale[c]
		v[c] = s.Mean + float64(s.Std*float64(y))
	}
	return v
}

// Best returns the first class of the largest output.
func Best(outputs []float32) int {
	best := 0
	for c, y := range outputs {
		if y > outputs[best] {
			best = c
		}
	}
	return best
}

// Choice is a class that a picture may be of.
type Choice struct {
	Class       string  `json:"class"`
	Index       int     `json:"index"`
	Probability float64 `json:"probability"`
}

// Top returns the k classes with the largest outputs of one sample, the first the
// one that is predicted; of equal ones the first.
func (n *Network) Top(outputs []float32, k int) []Choice {
	p := n.Probabilities(outputs)
	all := make([]int, len(outputs))
	for c := range all {
		all[c] = c
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(outputs[b], outputs[a]) })
	top := make([]Choice, min(k, len(all)))
	for i := range top {
		top[i] = Choice{n.Card.Classes[all[i]], all[i], p[all[i]]}
	}
	return top
}
