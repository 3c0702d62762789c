package trainer

import (
	"math"
	"reflect"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

func growingBatches() Settings {
	set := toySettings()
	set.Train.GrowBatch, set.Train.Epochs, set.Train.MicroShard = true, 5, 8
	set.Growth.Policy, set.Growth.Until, set.Growth.WarmUp = growth.PolicyRandom, 1, 2
	set.Growth.MinNeurons, set.Growth.MaxNeurons = 2, 2
	return set
}

// With batches that grow every epoch still goes through the samples once, in
// whole batches of the size that the network had asked for at its start, and
// learning rate and evaluations follow the epochs.
func TestBatchesGrow(t *testing.T) {
	set := growingBatches()
	tr := newToyOf(t, set)
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	start := float64(len(tr.Model().Params))
	var batches, evals []int
	lr := math.Inf(1)
	want, used, epoch := set.Train.Batch, 0, uint64(0)
	for {
		r, ok := tr.Next()
		if !ok {
			break
		}
		params := float64(len(tr.Model().Params))
		if r.Kind == proto.Gradient {
			if r.Order.Index != epoch {
				if left := set.Data.Train - used; left < 0 || left >= batches[len(batches)-1] {
					t.Errorf("epoch %d used %d samples of %d", epoch, used, set.Data.Train)
				}
				epoch, used = r.Order.Index, 0
			}
			if int(r.Count) != want || int(r.Offset) != used {
				t.Errorf("epoch %d: samples %d to %d, want %d from %d on", epoch, r.Offset, r.Offset+r.Count, want, used)
			}
			used += int(r.Count)
			batches = append(batches, int(r.Count))
		}
		a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
		if err != nil {
			t.Fatal(err)
		}
		if a.Step != nil {
			if a.Step.LR > lr {
				t.Errorf("step %d: the learning rate rises from %g to %g", a.Step.Step, lr, a.Step.LR)
			}
			lr = a.Step.LR
			if a.Step.Epoch == math.Trunc(a.Step.Epoch) { // the next epoch begins
				want = max(50, 8*int(math.Round(50*math.Sqrt(params/start)/8)))
			}
		}
		if a.Eval != nil {
			evals = append(evals, int(a.Eval.Epoch))
		}
	}
	if batches[len(batches)-1] <= set.Train.Batch {
		t.Errorf("batches %v", batches)
	}
	if !reflect.DeepEqual(evals, []int{1, 2, 3, 4, 5}) || tr.Epochs() != 5 || tr.Steps() != uint64(len(batches)) {
		t.Errorf("evaluated after epochs %v; %g epochs, %d steps", evals, tr.Epochs(), tr.Steps())
	}
	if lr > 0.2*set.Optimizer.LR {
		t.Errorf("the learning rate ends at %g", lr)
	}
	set.Train.MaxBatch = 56
	tr = newToyOf(t, set)
	run(t, tr, never)
	if tr.Batch() != 56 {
		t.Errorf("batch %d: the limit is 56", tr.Batch())
	}
}

func TestGrowingBatchesAreRestored(t *testing.T) {
	set := growingBatches()
	whole, _ := restoreAnywhere(t, set)
	for _, l := range []Lap{{}, {Batch: -1}, {Batch: 1 << 40}, {Batch: 50, Began: 9}, {Batch: 50, Epoch: 1 << 63}} {
		at := whole.Progress()
		at.Step, at.Lap = 4, l
		if tr, err := Restore(set, whole.Model(), whole.Optimizer().Slots(), whole.Optimizer().Count(), at); err == nil {
			t.Errorf("an epoch %+v at step 4 was accepted", tr.Progress().Lap)
		}
	}
}
