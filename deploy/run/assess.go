package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Assess looks at what the model says of every test sample of a set, which it reads
// as it was trained to. It returns nil where samples have no classes.
func (s *Saved) Assess(ctx context.Context, set *dataset.Set) (*view.Assessment, error) {
	n := set.Len(dataset.Test)
	if n == 0 {
		return nil, as(ErrData, fmt.Errorf("%s: the data set has no test samples", s.Settings.Data.Dir))
	}
	guesses, err := s.guesses(ctx, set, infer.Order, n)
	if err != nil {
		return nil, err
	}
	if !set.Labelled() {
		return nil, nil
	}
	var unread error
	a := view.Assess(set.ClassNames(), set.Shape(), guesses, func(i int) []byte {
		if set.Rows() {
			return nil
		}
		image, err := set.Image(dataset.Test, i)
		unread = errors.Join(unread, err)
		return image
	})
	if unread != nil {
		return nil, as(ErrData, unread)
	}
	a.ModelSHA256 = checkpoint.ModelSHA256(s.Model)
	if s.State != nil {
		a.Step = uint64(s.State.Step)
	}
	return a, nil
}

// guesses returns what the model says of the first n samples of an order. A model
// that does not tell its classes has those of the set.
func (s *Saved) guesses(ctx context.Context, set *dataset.Set, order proto.Order, n int) ([]view.Guess, error) {
	card := s.Card
	if card == nil {
		card = set.Card()
	}
	network, err := infer.New(s.Model, card, s.Settings.Worker.Threads)
	if err != nil {
		return nil, as(ErrRun, fmt.Errorf("%s: %w", s.Path, err))
	}
	if err := set.Fits(order, s.Model.Graph); err != nil {
		return nil, as(ErrRun, fmt.Errorf("%s: %w", s.Path, err))
	}
	outputs, err := network.Set(ctx, set, order, n)
	if err != nil {
		return nil, err
	}
	ids := set.Samples(order)
	guesses := make([]view.Guess, n)
	for i := range guesses {
		row := network.Row(outputs, i)
		best := infer.Best(row)
		guesses[i] = view.Guess{Truth: set.Label(order.Split, ids(i)), Predicted: best, Probability: network.Probabilities(row)[best]}
	}
	return guesses, nil
}
