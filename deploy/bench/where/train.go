package main

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// train makes a run of the network as it is, at a constant learning rate, with some
// settings changed.
func (s *scorer) train(ctx context.Context, name string, change map[string]string) (*stat.Run, error) {
	set := maps.Clone(s.Network.set)
	maps.Copy(set, map[string]string{"train.max_flops": "0", "train.seed": "1", "optim.schedule": "constant"})
	maps.Copy(set, change)
	r, err := s.runs.Train(ctx, name, s.given(set))
	if err == nil && !r.Whole {
		err = trainer.ErrDiverged
	}
	return r, err
}

// lastLoss returns the mean training loss of the last steps of a run with a fork.
func (s *scorer) lastLoss(r *stat.Run) float64 { return r.Last(max(s.Fork/2, 1), stat.Loss) }

// forks scores by how much less training loss the network has some steps after a
// layer has grown to twice its width by random neurons, which change nothing at
// first, on the same batches as the network that has not grown.
func (s *scorer) forks(ctx context.Context, _ string) error {
	steps := map[string]string{"train.steps": strconv.Itoa(s.Steps + s.Fork)}
	as, err := s.train(ctx, "as-it-is", steps)
	if err != nil {
		return err
	}
	for i, at := range s.Sites {
		change := map[string]string{"growth.policy": "random", "growth.every_steps": strconv.Itoa(s.Steps), "growth.until": "1",
			"growth.max_neurons": "1024", "growth.gate": "false",
			"growth.widths": fmt.Sprintf("{%s}", s.targets(at.Layer))}
		if i == 0 { // up to the event all forks are the same
			change["growth.riding"] = "1"
		}
		maps.Copy(change, steps)
		wide, err := s.train(ctx, "fork", change)
		if err != nil {
			return fmt.Errorf("%s: %w", at.Layer, err)
		}
		saved, err := run.Open(wide.Dir)
		if err != nil {
			return err
		}
		if got := saved.Model.Graph.Widths()[at.Layer]; got != 2*at.Width {
			return fmt.Errorf("%s: the fork has a width of %d, not %d", at.Layer, got, 2*at.Width)
		}
		s.give(nn.NodeID(at.Layer), ruleFork, s.lastLoss(as)-s.lastLoss(wide))
		if i == 0 {
			s.riding(wide.Result.GrowthEvents)
		}
	}
	return nil
}

// riding scores by the statistics that rode along with the steps before an event.
func (s *scorer) riding(events []*growth.Record) {
	for _, e := range events[0].Evidence {
		s.give(nn.NodeID(e.Site), ruleRiding, float64(e.Total))
		sum := 0.0
		for i, gain := range e.Gains {
			sum += max(0, growth.Direction{Gain: float64(gain), Noise: float64(e.Noise[i])}.Decrease())
		}
		s.give(nn.NodeID(e.Site), ruleStep, sum)
	}
}

// targets are widths that let one layer alone grow, to twice its width.
func (s *scorer) targets(layer string) string {
	var list []string
	for _, at := range site.All(s.model.Graph) {
		width := at.Width(s.model.Graph)
		if string(at.ID) == layer {
			width *= 2
		}
		list = append(list, fmt.Sprintf("%s: %d", at.ID, width))
	}
	return strings.Join(list, ", ")
}

// fisher scores by the importance of the channels that a layer has.
func (s *scorer) fisher(ctx context.Context, dir string) error {
	saved, err := run.Open(dir)
	if err != nil {
		return err
	}
	if err := saved.Give(run.Given{Assignments: []string{"data.dir=" + s.dataDir}}, run.Sections("data.")); err != nil {
		return err
	}
	set, err := saved.Data()
	if err != nil {
		return err
	}
	r := newShards(saved.Settings, set)
	if s.Samples/4 < r.size {
		return fmt.Errorf("%d samples: give -samples %d or more, four micro-shards", s.Samples, 4*r.size)
	}
	for at := 0; at+r.size <= min(s.Samples/4, set.Len(dataset.Train)); at += r.size {
		grads, err := r.gradient(ctx, s.model, at)
		if err != nil {
			return err
		}
		for i := range s.Sites {
			norms, err := s.norms(s.Sites[i].Layer)
			if err != nil {
				return err
			}
			for _, norm := range norms {
				s.Sites[i].Scores[ruleFisher] += importance(s.model, norm, grads)
			}
		}
	}
	for _, at := range s.Sites {
		s.give(nn.NodeID(at.Layer), ruleFisher, at.Scores[ruleFisher])
	}
	return nil
}

// importance returns the sum over the channels of a batch normalisation of the
// squared derivative of the loss by the size of the channel's output, which is scale
// x gradient of the scale + bias x gradient of the bias. grads is the gradient of
// all parameters over one micro-shard.
func importance(m *nn.Model, norm string, grads []float32) (sum float64) {
	entries := nn.ByName(m.Graph.ParamEntries())
	scale, bias := entries[norm+"."+nn.RoleWeight], entries[norm+"."+nn.RoleBias]
	for c := range scale.Len() {
		part := float64(float64(scale.Of(m.Params)[c])*float64(scale.Of(grads)[c])) +
			float64(float64(bias.Of(m.Params)[c])*float64(bias.Of(grads)[c]))
		sum += float64(part * part)
	}
	return sum
}

// shards computes gradients of single micro-shards.
type shards struct {
	rounds  *worker.Rounds
	augment proto.Augmentation
	size    int // samples of a micro-shard
}

func newShards(c run.Settings, set *dataset.Set) *shards {
	l := worker.Local{Samples: set, Threads: c.Worker.Threads, MicroShard: c.Train.MicroShard, Augment: c.Train.Augmentation()}
	return &shards{l.Rounds(), l.Augment, l.MicroShard}
}

// gradient returns that of the training samples from place first on, in a fixed
// order that is not the order of training.
func (r *shards) gradient(ctx context.Context, m *nn.Model, first int) ([]float32, error) {
	sums, err := r.rounds.Sums(ctx, m, proto.RoundSpec{Kind: proto.Gradient, MicroShard: uint32(r.size), Offset: uint64(first),
		Count: uint64(r.size), Order: proto.Order{Split: "train", Stream: "growth", Seed: 1}, Augment: r.augment}, worker.Beside{})
	return sums.F32, err
}

// norms returns the batch normalisations that the channels of a layer pass, those of
// all layers that write the stream if it writes one.
func (s *scorer) norms(layer string) (norms []string, err error) {
	at, ok := site.Find(s.model.Graph, site.ID(layer))
	if !ok {
		return nil, fmt.Errorf("%s: neurons cannot be added there", layer)
	}
	for _, id := range at.Between {
		if s.model.Graph.Node(id).Op == nn.OpBatchNorm {
			norms = append(norms, string(id))
		}
	}
	if len(norms) == 0 {
		return nil, fmt.Errorf("%s: no batch normalisation follows it", layer)
	}
	return norms, nil
}
