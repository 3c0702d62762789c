package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Plan is what all replicas of a round are told beside their samples. Its optimizer begins
// anew with each round: it has no state that would have to travel.
type Plan struct {
	Optimizer optim.Config `json:"optimizer"`
	Rates     []float64    `json:"rates"` // the learning rate of each step
	// Births, where weights have rates by their birth, are of each tensor of the
	// parameters in order, nil for those of one age.
	Births []*optim.Births `json:"births,omitempty"`
}

// MaxPlan bounds the bytes of a plan.
const MaxPlan = 16 << 20

// JSON returns the plan as it travels.
func (p *Plan) JSON() []byte {
	data, err := json.Marshal(p)
	if err != nil {
		panic("local: a plan of numbers that are none")
	}
	return data
}

// Parse reads what JSON wrote. Check tells whether it can be followed.
func Parse(data []byte) (*Plan, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	p := new(Plan)
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("plan of local steps: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("plan of local steps: something follows it")
	}
	return p, nil
}

// Check returns what is wrong with the plan for that many steps of a network, or nil.
func (p *Plan) Check(g *nn.Graph, steps int) error {
	found := faults.List{p.Optimizer.Validate()}
	found.Check(len(p.Rates) == steps, "%d rates for %d steps", len(p.Rates), steps)
	for i, rate := range p.Rates {
		if !(rate >= 0 && rate <= 1e6) {
			found.Check(false, "rate %v of step %d: must be 0 to 1e6", rate, i)
			break
		}
	}
	if len(p.Births) > 0 {
		entries := g.ParamEntries()
		found.Check(len(p.Births) == len(entries), "births of %d tensors: the network has %d", len(p.Births), len(entries))
		for i := range min(len(p.Births), len(entries)) {
			if b := p.Births[i]; b != nil && !b.Cover(entries[i].Len()) {
				found.Check(false, "births of %s are not of its %d weights", entries[i].Name, entries[i].Len())
				break
			}
		}
	}
	if err := found.Err(); err != nil {
		return fmt.Errorf("plan of local steps: %w", err)
	}
	return nil
}

// layout tells the optimizer what the parameters of a network are.
func (p *Plan) layout(g *nn.Graph) optim.Layout {
	l := LayoutOf(g)
	for i, b := range p.Births {
		l[i].Births = b
	}
	return l
}
