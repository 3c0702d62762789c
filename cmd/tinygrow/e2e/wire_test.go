package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/trainer/naive"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// wired is a job whose gradients travel in a format.
func wired(t testing.TB, format string) coordinator.Job {
	j := job(t, "")
	j.Config.Train.Wire, j.Config.Train.GradCosine = format, true
	return j
}

// What is rounded is defined by the tree: one process, which sends nothing, has the bits of
// any number of workers, that get values handed over or bytes.
func TestRoundingIsWhereverSumsAreMade(t *testing.T) {
	seen := map[hashes]string{of(reference(t)): "fp32"}
	for _, format := range []string{proto.FP16, proto.BF16} {
		want := of(shared().train(t, wired(t, format), 1, 1))
		if other, there := seen[want]; there {
			t.Errorf("%s gives the bits of %s", format, other)
		}
		seen[want] = format
		for name, s := range map[string]func() system{"memory": memory, "shared": shared, "mixed": mixed,
			"nats": func() system { return overNATS(t) }} {
			for _, workers := range []int{1, 3, 8} {
				t.Run(fmt.Sprintf("%s %s %d", format, name, workers), func(t *testing.T) {
					if got := of(s().train(t, wired(t, format), workers, 1+workers%2)); got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
				})
			}
		}
	}
}

// The sums of a round are those of the definition: weights are rounded, then the gradient of each
// micro-shard, then each node of the tree behind its addition, in float32.
func TestRoundingIsThatOfTheTree(t *testing.T) {
	model := config().Model
	model.Input, model.Classes = shape, classes
	graph, err := nn.Build(model)
	if err != nil {
		t.Fatal(err)
	}
	m := nn.Init(graph, 1)
	local := worker.Local{Samples: data, Threads: 2, MicroShard: 8}.Rounds()
	for _, w := range []proto.Wire{{}, {Format: proto.FP16, Exponent: 9}, {Format: proto.FP16, Exponent: -12}, {Format: proto.BF16}} {
		spec := proto.RoundSpec{Kind: proto.Gradient, Order: proto.Order{Split: "train", Stream: "epoch", Seed: 1}, Count: 52,
			MicroShard: 8, Augment: proto.Move, Wire: w}
		got, err := local.Sums(t.Context(), m, spec, worker.Beside{})
		if err != nil {
			t.Fatal(err)
		}
		rounded := *m
		rounded.Params = slices.Clone(m.Params)
		trainer.Rounding(proto.Wire{Format: w.Format}).Round(rounded.Params, m.Params)
		var node func(b proto.Block) proto.Sums
		node = func(b proto.Block) (s proto.Sums) {
			if b.IsLeaf() {
				lo, hi := spec.Range(b.Lo)
				leaf := naive.Leaf{Model: &rounded, Round: spec, Lengths: got.Lengths(), Shard: uint64(b.Lo)}
				s = leaf.Sums(func(batch *nn.Batch) { _ = data.Fill(batch, spec.Order, spec.Augment, int(lo), int(hi-lo)) })
			} else {
				left, right := b.Split()
				s = node(left)
				s.Add(node(right))
			}
			trainer.Rounding(w).Round(s.F32, s.F32)
			return s
		}
		told := len(got.F64) - nn.HalvesLen // what is told of the halves is no sum
		if want := node(proto.Root(spec.MicroShards())); !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64[:told], want.F64[:told]) {
			t.Errorf("%+v: the sums are others", w)
		}
		local.Release(got)
	}
}

// Workers that are killed, and a coordinator that is stopped and goes on from its checkpoint.
func TestRoundingSurvivesFailures(t *testing.T) {
	for _, format := range []string{proto.FP16, proto.BF16} {
		want := of(shared().train(t, wired(t, format), 1, 1))
		s := memory()
		slow := data
		slow.slow = 2 * time.Millisecond
		doomed := s.start(worker.Config{ID: "doomed", Threads: 1}, slow, nil)
		steady := s.start(worker.Config{ID: "steady", Threads: 2}, data, nil)
		go func() {
			time.Sleep(200 * time.Millisecond)
			doomed.Kill()
		}()
		if got := of(s.coordinate(t, t.Context(), wired(t, format))); got != want {
			t.Errorf("%s: got %+v, want %+v", format, got, want)
		}
		if err := <-steady.done; err != nil {
			t.Error(err)
		}
		<-time.After(300 * time.Millisecond) // the doomed one is gone
		steady.bus.Close()
	}
}
