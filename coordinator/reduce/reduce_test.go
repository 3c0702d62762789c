package reduce_test

import (
	"fmt"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Ranges are of about one size whatever is undivided, hulls cut nothing that is, each
// chunk is whole in some hull, and hulls reach no farther than they have to.
func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, owners := rapid.IntRange(1, 40*chunk).Draw(t, "n"), rapid.IntRange(1, 40).Draw(t, "owners")
		var undivided []kernel.Range
		longest := 0
		for at := 0; at < n && rapid.Bool().Draw(t, "more"); {
			lo := at + rapid.IntRange(0, 3*chunk).Draw(t, "gap")
			hi := min(n, lo+rapid.IntRange(1, 6*chunk).Draw(t, "length"))
			if at = hi; lo < hi {
				undivided, longest = append(undivided, kernel.Range{Lo: lo, Hi: hi}), max(longest, hi-lo)
			}
		}
		half := rapid.Bool().Draw(t, "half")
		r := reduce.Cut{Params: n, Owners: owners, Undivided: undivided, Half: half}.Ranges()
		span := chunk
		if half {
			span = 2 * chunk
		}
		if want := max(1, min(owners, n/(chunk/16))); len(r.Cuts) != want || r.Cuts[want-1] != n {
			t.Fatalf("%d owners: %d", want, r.Cuts)
		}
		reported, told := make([]bool, reduce.Chunk.Chunks(n)), make([]bool, (n+span-1)/span)
		for i := range r.Cuts {
			own, hull := r.Own(i), r.Hulls[i]
			if share := n/len(r.Cuts) + n/len(r.Cuts)/16 + chunk/1024; own.Lo >= own.Hi || own.Len() > share {
				t.Fatalf("range %d of %d has more than %d", i, r.Cuts, share)
			}
			if hull.Lo > own.Lo || hull.Hi < own.Hi || hull.Hi > n || own.Lo-hull.Lo > longest || hull.Hi-own.Hi > 2*span+longest {
				t.Fatalf("range %v has the hull %v", own, hull)
			}
			for _, u := range undivided {
				if u.Lo < hull.Lo && hull.Lo < u.Hi || u.Lo < hull.Hi && hull.Hi < u.Hi {
					t.Fatalf("hull %v cuts %v", hull, u)
				}
			}
			for k := r.Chunks(i).Lo; k < r.Chunks(i).Hi; k++ {
				if k*chunk < hull.Lo || min((k+1)*chunk, n) > hull.Hi {
					t.Fatalf("chunk %d is not within hull %v", k, hull)
				}
				reported[k] = true
			}
			for k := r.Spans(i, 0).Lo; k < r.Spans(i, 0).Hi; k++ {
				if k*span < hull.Lo || min((k+1)*span, n) > hull.Hi {
					t.Fatalf("span %d is not within hull %v", k, hull)
				}
				told[k] = true
			}
			for from := range r.Cuts {
				shared, other := r.Shared(from, i), r.Own(from)
				if there := min(other.Hi, hull.Hi) - max(other.Lo, hull.Lo); max(0, shared.Len()) != max(0, there) {
					t.Fatalf("hull %v needs %v of %v", hull, shared, other)
				}
			}
		}
		if slices.Contains(reported, false) || slices.Contains(told, false) {
			t.Fatalf("nobody reports a chunk or span: %v, %v", reported, told)
		}
	})
}

// layout has tensors of all kinds, filters across chunks among them, and weights of
// several births.
func layout() optim.Layout {
	born := &optim.Births{Outputs: []optim.Birth{{To: 100}, {To: 150, Event: 1}}, Inputs: []optim.Birth{{To: 200}, {To: 300, Event: 2}}}
	return optim.Layout{{Kind: optim.Weights, Len: 70_000}, {Kind: optim.Biases, Len: 100}, {Kind: optim.Filters, Len: 150 * 300,
		Rows: 150, Births: born}, {Kind: optim.NormScales, Len: 5}, {Kind: optim.NormBiases, Len: 5},
		{Kind: optim.Filters, Len: 64 * 90, Rows: 64, Normed: true}, {Kind: optim.Weights, Len: 90_001}}
}

const chunk = int(reduce.Chunk)

func values(n, seed int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32((i*7919+seed*104729)%1009)/1009 - 0.5
	}
	return v
}

// configs are optimizers of all kinds.
func configs() (list []optim.Config) {
	for _, name := range []string{optim.SGD, optim.AdamW, optim.Muon} {
		for _, births := range []string{optim.OneRate, optim.VarianceTransfer} {
			c := optim.Default()
			c.Name, c.Births, c.NormBiasFactor, c.WeightDecay, c.DecayBiases = name, births, 8, 0.01, false
			if c.Validate() == nil {
				list = append(list, c)
			}
		}
	}
	return list
}

// wholeOf returns the shard of all parameters of the layout.
func wholeOf(c optim.Config) *reduce.Shard {
	n := layout().Len()
	return &reduce.Shard{Params: values(n, 1), Average: values(n, 2), Opt: optim.New(c, layout()), Grain: reduce.Chunk}
}

// stateOf returns the state of the owner of a range, and the values of its hull.
func stateOf(whole *reduce.Shard, ranges reduce.Ranges, i int) (reduce.State, []float32) {
	return reduce.State{Optimizer: whole.Opt.Config(), Layout: layout().Part(ranges.Hulls[i]), Updates: whole.Opt.Count(), Averaged: true,
		Ranges: ranges, Share: i}, whole.Values(ranges.Hulls[i])
}

// cutOf shares the layout out between owners.
func cutOf(whole *reduce.Shard, owners int, wire string) reduce.Ranges {
	return reduce.Cut{Params: layout().Len(), Owners: owners, Undivided: whole.Opt.Undivided(), Half: wire != ""}.Ranges()
}

// Hulls that are updated by themselves, and hashed, are parts of the whole, for every
// optimizer, wherever ranges are cut, and the state travels as values.
func TestHullsAreThoseOfTheWhole(t *testing.T) {
	for _, c := range configs() {
		for _, owners := range []int{1, 2, 5, 23} {
			t.Run(fmt.Sprint(c.Name, c.Births, owners), func(t *testing.T) {
				whole := wholeOf(c)
				ranges := cutOf(whole, owners, "")
				if len(ranges.Cuts) != owners {
					t.Fatalf("cuts %d", ranges.Cuts)
				}
				var shards []*reduce.Shard
				for i := range ranges.Cuts {
					s, err := reduce.NewShard(stateOf(whole, ranges, i))
					if err != nil {
						t.Fatal(err)
					}
					shards = append(shards, s)
				}
				for k := range 3 {
					grad, step := values(layout().Len(), 3+k), reduce.Step{Scale: 0.3, LR: 0.05, Average: 0.25}
					want, squares := whole.Update(grad, step), whole.Look(grad).Squares
					if got := whole.Parts(); !slices.Equal(got.State, want.State) {
						t.Fatal("the digest of an update is not that of its result")
					}
					for i, s := range shards {
						hull, chunks := ranges.Hulls[i], ranges.Chunks(i)
						got := s.Update(grad[hull.Lo:hull.Hi], step)
						if !slices.Equal(got.State, want.State[chunks.Lo:chunks.Hi]) ||
							!slices.Equal(got.Params, want.Params[chunks.Lo:chunks.Hi]) ||
							!slices.Equal(s.Look(grad[hull.Lo:hull.Hi]).Squares, squares[chunks.Lo:chunks.Hi]) {
							t.Fatalf("update %d: hull %v is not that of the whole", k, hull)
						}
						if !slices.Equal(proto.Bytes32(s.Values(kernel.Range{Hi: hull.Len()})), proto.Bytes32(whole.Values(hull))) {
							t.Fatalf("update %d: hull %v has other values", k, hull)
						}
					}
				}
			})
		}
	}
}

// What does not fit is refused before it is used.
func TestNewShardRefuses(t *testing.T) {
	c := optim.Default()
	good := reduce.State{Optimizer: c, Layout: optim.Plain(10), Averaged: true, Ranges: reduce.Cut{Params: 10, Owners: 1, Grain: 4}.Ranges()}
	far := good
	far.Share = 1
	if _, err := reduce.NewShard(good, make([]float32, 30)); err != nil {
		t.Fatal(err)
	}
	bad := good
	bad.Optimizer.Momentum = -1
	for _, one := range []struct {
		p reduce.State
		n int
	}{{good, 29}, {good, 20}, {reduce.State{Optimizer: c, Ranges: good.Ranges}, 0}, {reduce.State{Optimizer: c, Layout: optim.Plain(10)}, 20},
		{bad, 30}, {far, 30}} {
		if _, err := reduce.NewShard(one.p, make([]float32, one.n)); err == nil {
			t.Errorf("%+v with %d values was taken", one.p, one.n)
		}
	}
}
