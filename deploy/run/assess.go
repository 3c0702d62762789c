package run

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Assess looks at what the model says of every test sample of a set, which it reads
// as it was trained to.
func (s *Saved) Assess(ctx context.Context, set *dataset.Set) (*view.Assessment, error) {
	n := set.Len(dataset.Test)
	if n == 0 {
		return nil, as(ErrData, fmt.Errorf("%s: the data set has no test samples", s.Settings.Data.Dir))
	}
	order := proto.Order{Split: dataset.Test, Stream: "sequential"}
	if err := set.Fits(order, s.Model.Graph); err != nil {
		return nil, as(ErrRun, fmt.Errorf("%s: %w", s.Path, err))
	}
	guesses, err := s.guess(ctx, set, order)
	if err != nil {
		return nil, err
	}
	a := view.Assess(set.ClassNames(), set.Shape(), guesses, func(i int) []byte { return set.Image(dataset.Test, i) })
	a.ModelSHA256 = checkpoint.ModelSHA256(s.Model)
	if s.State != nil {
		a.Step = uint64(s.State.Step)
	}
	return a, nil
}

// guess returns what the model says of all samples of the order, a micro-shard at a
// time on each thread. A sample's outputs do not depend on the others.
func (s *Saved) guess(ctx context.Context, set *dataset.Set, order proto.Order) ([]view.Guess, error) {
	const shard = 32
	p, err := nn.Compile(s.Model.Graph, shard, nn.Options{Inference: true})
	if err != nil {
		return nil, as(ErrRun, err)
	}
	packed := p.Pack(nil, s.Model.Params)
	guesses := make([]view.Guess, set.Len(order.Split))
	threads := s.Settings.Worker.Threads
	if threads == 0 {
		threads = quota.CPUs()
	}
	group, ctx := errgroup.WithContext(ctx)
	for t := range threads {
		group.Go(func() error {
			w, b := p.NewWorkspace(), p.NewBatch()
			for lo := t * shard; lo < len(guesses) && ctx.Err() == nil; lo += threads * shard {
				n := min(shard, len(guesses)-lo)
				set.Fill(b, order, 0, lo, n)
				w.Forward(packed, s.Model.Buffers, b, nn.Eval)
				outputs := w.Value(s.Model.Graph.Output().ID)
				for i := range n {
					guesses[lo+i] = guessOf(s.Model.Graph.Loss, outputs, i, set.Classes())
					guesses[lo+i].Truth = int(b.Labels[i])
				}
			}
			return ctx.Err()
		})
	}
	return guesses, group.Wait()
}

// guessOf reads the outputs of sample i of a batch: (B, C, 32). Under cross entropy the
// probability is that of softmax; under other losses an output is taken for one.
func guessOf(loss nn.Loss, outputs []float32, i, classes int) view.Guess {
	at := func(c int) float64 {
		return float64(outputs[(i/tensor.Lanes*classes+c)*tensor.Lanes+i%tensor.Lanes])
	}
	best := 0
	for c := range classes {
		if at(c) > at(best) {
			best = c
		}
	}
	if loss != nn.CrossEntropy {
		return view.Guess{Predicted: best, Probability: min(max(at(best), 0), 1)}
	}
	sum := 0.0
	for c := range classes {
		sum += portable.Exp(at(c) - at(best))
	}
	return view.Guess{Predicted: best, Probability: 1 / sum}
}
