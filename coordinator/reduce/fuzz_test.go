package reduce

import (
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Whatever is dealt as a range is refused, or can be updated.
func FuzzDealt(f *testing.F) {
	born := func(outputs int) *optim.Births {
		return &optim.Births{Outputs: []optim.Birth{{To: 1}, {To: outputs, Event: 1}}, Inputs: []optim.Birth{{To: 3}}}
	}
	for _, change := range []func(*State){
		func(*State) {},
		func(s *State) { s.Optimizer.Name = optim.Muon; s.Layout[0].Rows = 4 },
		func(s *State) { s.Optimizer.Births = optim.VarianceTransfer; s.Layout[0].Births = born(4) },
		func(s *State) { s.Optimizer.Births = optim.VarianceTransfer; s.Layout[0].Births = born(3) },
		func(s *State) { s.Layout[1].Kind = 200 },
		func(s *State) { s.Layout[1].Len = -1 },
		func(s *State) { s.Ranges.Cuts[1] = 40 },
		func(s *State) { s.Ranges.Hulls = s.Ranges.Hulls[:2] },
		func(s *State) { s.Share = 3 },
		func(s *State) { s.Wire, s.Ranges.Half = proto.BF16, true },
		func(s *State) { s.Wire = "fp8" },
	} {
		s := State{Optimizer: optim.Default(), Layout: optim.Layout{{Kind: optim.Filters, Len: 12}, {Kind: optim.Biases, Len: 4}},
			Ranges: Ranges{Params: 30, Grain: 8, Cuts: []int{10, 20, 30}, Hulls: []kernel.Range{{Hi: 16}, {Lo: 8, Hi: 24}, {Lo: 20, Hi: 30}}},
			Share:  1}
		change(&s)
		data, err := s.Encode(make([]float32, 32))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		state, values, err := decode(data)
		if err != nil {
			return
		}
		shard, err := NewShard(state, values)
		if err != nil {
			return
		}
		n := len(shard.Params)
		if n != state.Layout.Len() {
			t.Fatalf("%d parameters, the layout has %d", n, state.Layout.Len())
		}
		if parts := shard.Update(make([]float32, n), Step{Scale: 1, LR: 0.1, Average: 0.5}); len(parts.State) != state.Ranges.Chunks(state.Share).Len() {
			t.Fatalf("%d digests of %d parameters", len(parts.State), n)
		}
	})
}
