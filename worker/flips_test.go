package worker

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// sided is noise whose mirror image has its four channels in the other order.
type sided struct{ noise }

func (s sided) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, count int) error {
	_ = s.noise.Fill(b, o, 0, lo, count)
	if augment != proto.Mirrored {
		return nil
	}
	for i := range count {
		for c := range 2 {
			b.X[c*32+i], b.X[(3-c)*32+i] = b.X[(3-c)*32+i], b.X[c*32+i]
		}
	}
	return nil
}

// The second evaluation is by the mean of the outputs for both sides, the first as without it.
func TestFlipsAreOfTheMeanOfBothSides(t *testing.T) {
	const n, shard = 29, 8
	j := testJob(t, proto.Evaluate, 4)
	m := &nn.Model{Graph: j.version.network.graph, Params: j.version.params, Buffers: j.version.buffers}
	l := Local{Samples: sided{}, MicroShard: shard, Threads: 2}
	plain, flips, err := l.EvaluateFlips(t.Context(), m, n)
	if err != nil {
		t.Fatal(err)
	}
	if alone, err := l.Evaluate(t.Context(), m, n); err != nil || alone != plain {
		t.Errorf("%+v, alone %+v, %v", plain, alone, err)
	}
	p, err := nn.Compile(m.Graph, shard, nn.Options{Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	w, b := p.NewWorkspace(), p.NewBatch()
	var want nn.Metrics
	for lo := 0; lo < n; lo += shard {
		count := min(shard, n-lo)
		var y [shard][3]float64
		for _, side := range []proto.Augmentation{0, proto.Mirrored} {
			sided{}.Fill(b, proto.Order{Split: "test", Stream: "sequential"}, side, lo, count)
			w.Forward(p.Pack(nil, m.Params), m.Buffers, b, nn.Eval)
			for i := range count {
				for c := range 3 {
					y[i][c] += float64(w.Value(m.Graph.Output().ID)[c*32+i]) / 2
				}
			}
		}
		for i := range count {
			sum, best := 0.0, 0
			for c, v := range y[i] {
				sum += math.Exp(v)
				if v > y[i][best] {
					best = c
				}
			}
			want.N++
			want.Loss += math.Log(sum) - y[i][b.Labels[i]]
			if best == int(b.Labels[i]) {
				want.Correct++
			}
		}
	}
	if flips.N != want.N || flips.Correct != want.Correct || math.Abs(flips.Loss/want.Loss-1) > 1e-6 {
		t.Errorf("%+v, want %+v", flips, want)
	}
	if flips.Loss == plain.Loss {
		t.Error("the mirror images were not read")
	}
}
