package view

import (
	"fmt"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// MaxFilters is how many filters Filters returns, the newest channels last.
const MaxFilters = 256

// Filters are the weights of the layer that reads the pictures, as pictures.
type Filters struct {
	Step     proto.Step `json:"step"` // step of the checkpoint that they come from
	Layer    nn.NodeID  `json:"layer"`
	Channels int        `json:"channels"` // 1: grey, 3: red, green and blue
	Height   int        `json:"height"`
	Width    int        `json:"width"`
	All      int        `json:"all"` // outputs of the layer, of which the first MaxFilters are here
	// Pixels has for each filter (channels, height, width) bytes: 128 is a weight
	// of zero, 1 and 255 are the largest weights of that filter, of either sign.
	Pixels [][]byte `json:"pixels"`
}

// Filters reads the first layer's weights from the newest checkpoint. It returns
// nil without an error where that layer does not read pictures of one or three
// channels, and checkpoint.ErrNoCheckpoint where there is none yet.
func (r *Run) Filters() (*Filters, error) {
	step, err := r.newest()
	if err != nil {
		return nil, err
	}
	m, _, err := checkpoint.LoadModel(filepath.Join(checkpoint.StepDir(r.dir, step), checkpoint.ModelFile))
	if err != nil {
		return nil, err
	}
	f := filters(m)
	if f != nil {
		f.Step = step
	}
	return f, nil
}

// filters returns the pictures of a model's first layer, or nil.
func filters(m *nn.Model) *Filters {
	g := m.Graph
	first := firstLayer(g)
	if first == nil {
		return nil
	}
	f := &Filters{Layer: first.ID, Channels: g.Input.C, Height: first.Kernel, Width: first.Kernel, All: first.Out, Pixels: [][]byte{}}
	if first.Kernel == 0 { // a linear layer reads whole pictures
		f.Height, f.Width = g.Input.H, g.Input.W
	}
	if f.Channels != 1 && f.Channels != 3 || f.Height < 2 && f.Width < 2 {
		return nil
	}
	size := f.Channels * f.Height * f.Width
	for _, e := range g.ParamEntries() {
		if e.Name != string(first.ID)+"."+nn.RoleWeight {
			continue
		}
		w := e.Of(m.Params)
		if len(w) != size*first.Out {
			return nil // channels in groups, or none of ours
		}
		for i := range min(first.Out, MaxFilters) {
			f.Pixels = append(f.Pixels, pixels(w[i*size:(i+1)*size]))
		}
		return f
	}
	return nil
}

// firstLayer returns the first layer with weights that reads the input, or what
// hands the input on as it is.
func firstLayer(g *nn.Graph) *nn.Node {
	same := map[nn.NodeID]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch {
		case n.Op.Role() == nn.Begins, n.Op.Role() == nn.Passes && same[n.Inputs[0]]:
			same[n.ID] = true
		case n.Op.Role() == nn.Mixes && same[n.Inputs[0]]:
			return n
		}
	}
	return nil
}

// pixels maps weights to bytes, zero to 128.
func pixels(w []float32) []byte {
	largest := float32(0)
	for _, v := range w {
		largest = max(largest, v, -v)
	}
	out := make([]byte, len(w))
	for i, v := range w {
		out[i] = 128
		if largest > 0 {
			scaled := float64(float64(v/largest) * 127)
			out[i] = byte(min(max(128.5+scaled, 0), 255))
		}
	}
	return out
}

// newest returns the step of the newest checkpoint.
func (r *Run) newest() (proto.Step, error) {
	steps, err := checkpoint.Steps(r.dir)
	if err != nil {
		return 0, err
	}
	if len(steps) == 0 {
		return 0, fmt.Errorf("%s: %w", r.dir, checkpoint.ErrNoCheckpoint)
	}
	return steps[len(steps)-1], nil
}
