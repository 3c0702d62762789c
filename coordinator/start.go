package coordinator

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Start is a trained model that a run starts from in place of fresh weights.
type Start struct {
	Model *nn.Model
	Card  *nn.Card // nil: it is not known what its outputs are called
}

// ErrStart is returned where a run cannot start from a model.
var ErrStart = errors.New("the run cannot start from that model")

// Fit returns what the run begins with, the network of s with the weights of s, on data d, and
// sentences about what differs from s. Data of other classes get a new last layer with
// fresh weights of the seed; data of another size are read as they are, if the
// network's tensors stay what they are.
func (s *Start) Fit(d Data, seed uint64) (*nn.Model, []string, error) {
	g := s.Model.Graph.Clone()
	g.Generation = 0
	var notes []string
	if g.Input != d.Shape {
		notes = append(notes, fmt.Sprintf("it read images of %s and now reads %s", g.Input, d.Shape))
		g.Input = d.Shape
	}
	head := nn.NodeID("")
	if why := s.otherClasses(d); why != "" {
		last := g.Output()
		if last.Op.Role() != nn.Mixes {
			return nil, nil, fmt.Errorf("%w: %s, and its last node, %s, is no layer that could be replaced", ErrStart, why, last.ID)
		}
		head, last.Out = last.ID, d.Classes
		notes = append(notes, fmt.Sprintf("%s: the layer %s begins with fresh weights", why, head))
	}
	if err := g.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%w: on images of %s: %w", ErrStart, d.Shape, err)
	}
	m := nn.Init(g, seed)
	if err := s.copyInto(m, head); err != nil {
		return nil, nil, err
	}
	if c := s.Card; c != nil && d.Card != nil && (!slices.Equal(c.Mean, d.Card.Mean) || !slices.Equal(c.Std, d.Card.Std)) {
		notes = append(notes, fmt.Sprintf("inputs are normalised by the new data, mean %.4g and deviation %.4g instead of %.4g and %.4g",
			d.Card.Mean, d.Card.Std, c.Mean, c.Std))
	}
	return m, notes, nil
}

// otherClasses says how the classes of d are not those of s; empty: they are.
func (s *Start) otherClasses(d Data) string {
	shapes, err := s.Model.Graph.Shapes()
	if err != nil {
		return err.Error()
	}
	if n := shapes[s.Model.Graph.Output().ID].Len(); n != d.Classes {
		return fmt.Sprintf("it tells %d classes apart, the data set has %d", n, d.Classes)
	}
	if s.Card == nil || d.Card == nil {
		return ""
	}
	if err := s.Card.SameClasses(d.Card.Data, d.Card.Classes); err != nil {
		return err.Error()
	}
	return ""
}

// copyInto copies all tensors but those of head into m, which has a network like that of s.
func (s *Start) copyInto(m *nn.Model, head nn.NodeID) error {
	for _, part := range []struct {
		from, to             []nn.Entry
		fromValues, toValues []float32
	}{
		{s.Model.Graph.ParamEntries(), m.Graph.ParamEntries(), s.Model.Params, m.Params},
		{s.Model.Graph.BufferEntries(), m.Graph.BufferEntries(), s.Model.Buffers, m.Buffers},
	} {
		var odd []string
		for i, e := range part.to { // same nodes, same order
			was := part.from[i]
			if e.Node == head {
				continue
			}
			if !slices.Equal(e.Shape, was.Shape) {
				odd = append(odd, fmt.Sprintf("%s would have the shape %d instead of %d", e.Name, e.Shape, was.Shape))
				continue
			}
			copy(e.Of(part.toValues), was.Of(part.fromValues))
		}
		if odd != nil {
			return fmt.Errorf("%w: it reads images of %s, the data set has %s, for which %s: give it images of the size it read", ErrStart,
				s.Model.Graph.Input, m.Graph.Input, strings.Join(odd, ", "))
		}
	}
	return nil
}

// ReadStart returns the model that the run in dir started from, nil for fresh weights,
// and holds it against the digest in the configuration.
func (c Config) ReadStart(dir string) (*Start, error) {
	if c.Train.From == "" {
		return nil, nil
	}
	m, card, err := checkpoint.ReadStart(dir)
	if err != nil {
		return nil, err
	}
	return &Start{m, card}, c.isStart(m, dir)
}

// isStart refuses another model than the one that the configuration names.
func (c Config) isStart(m *nn.Model, path string) error {
	if sum := checkpoint.ModelSHA256(m); sum != c.Train.From {
		return fmt.Errorf("%w: train.from is %.16s, the model of %s has the SHA-256 %.16s", ErrStart, c.Train.From, path, sum)
	}
	return nil
}
