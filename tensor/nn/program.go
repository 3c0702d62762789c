package nn

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor"
)

// Options change what a program keeps and whether it can go backward.
type Options struct {
	// Keep names nodes whose Value stays readable after Forward and Backward
	// and whose Grad stays readable after Backward.
	Keep []NodeID
	// KeepValues names nodes whose Value alone stays readable.
	KeepValues []NodeID
	// KeepGrads names nodes whose Grad alone stays readable after Backward.
	KeepGrads []NodeID
	// Inference leaves out the backward pass and its buffers.
	Inference bool
	// Signals leaves out the gradients of parameters: Backward(nil) computes
	// the Grad of kept nodes and what they follow from, nothing else.
	Signals bool
}

// Program is a graph compiled for micro-shards of a fixed size: an immutable
// list of kernel calls over planned buffers, shared by all goroutines.
type Program struct {
	graph   *Graph
	samples int
	blocks  int
	input   Shape
	output  Shape

	steps   []step // forward steps, then backward steps
	forward int    // number of forward steps
	rows    []int  // lengths of buffers in rows of 32, for each block
	offsets []int  // places of buffers in the arena
	arena   int

	values, grads  map[NodeID]buf // buffers of kept nodes
	logits, dLoss  buf
	layers         []*layer
	packParts      []packPart
	vectors        []packedVector
	norms          []*norm
	panels, vector int // lengths of a Packed
	scratch, sums  int
	numParams      int
	numBuffers     int
	moments        int
	inference      bool
	signals        bool
}

// Compile plans the execution of g on micro-shards of at most the given number
// of samples (1 to 1024). Its errors are faults of the graph or of the options.
func Compile(g *Graph, samples int, o Options) (*Program, error) {
	if samples < 1 || samples > 1024 {
		return nil, fmt.Errorf("micro-shard of %d samples: must be 1 to 1024", samples)
	}
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	g = g.Clone()
	c := &compiler{
		Program: &Program{
			graph: g, samples: samples, blocks: tensor.Blocks(samples), input: g.Input, output: shapes[g.Output().ID],
			values: map[NodeID]buf{}, grads: map[NodeID]buf{}, inference: o.Inference, signals: o.Signals, dLoss: noBuf,
			numParams: g.NumParams(), numBuffers: g.NumBuffers(),
		},
		tape: newTape(g.Input), shapes: shapes, params: ByName(g.ParamEntries()), buffers: ByName(g.BufferEntries()),
		taken: map[NodeID]bool{}, value: map[NodeID]buf{}, contributions: map[NodeID][]buf{},
		keep: map[NodeID]bool{}, stored: map[NodeID]bool{}, wants: map[NodeID]bool{},
	}
	for i, id := range slices.Concat(o.KeepValues, o.Keep, o.KeepGrads) {
		if g.Node(id) == nil {
			return nil, fmt.Errorf("keep %q: the graph has no such node", id)
		}
		if i < len(o.KeepValues)+len(o.Keep) {
			c.stored[id] = true
		}
		if i >= len(o.KeepValues) {
			c.keep[id] = true
		}
	}
	c.compile()
	return c.Program, nil
}

// Graph returns the program's graph; it must not be changed.
func (p *Program) Graph() *Graph { return p.graph }

// Samples returns the micro-shard size it was compiled for.
func (p *Program) Samples() int { return p.samples }

// NewBatch returns an empty batch of the program's size.
func (p *Program) NewBatch() *Batch {
	classes := 0
	if p.graph.Loss.targets() {
		classes = p.output.C
	}
	return NewBatch(p.samples, p.input, classes)
}

// WorkspaceBytes returns the size of one workspace's buffers.
func (p *Program) WorkspaceBytes() int64 { return 4 * int64(p.arena+p.scratch+2*p.sums) }
