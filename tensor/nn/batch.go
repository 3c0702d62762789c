package nn

import "github.com/tinygrow/tinygrow/tensor"

// Batch is the samples of one micro-shard. Lanes past sample N-1 must be zero
// in X and Targets.
type Batch struct {
	Drop    Drop      // what dropout drops in Train mode
	N       int       // valid samples, at most the micro-shard size it was made for
	X       []float32 // inputs (B, H, W, C, 32)
	Labels  []int32   // one per sample of the micro-shard: the class, or NoLabel where Targets alone count
	Targets []float32 // (B, C, 32), for all losses but CrossEntropy
	// Shares, if there are any, are for CrossEntropy the part of each sample's target that is of class Others and not of its label;
	// both have one of each sample.
	Shares []float32
	Others []int32
}

// Drop is the key of what dropout drops: the same values on every machine. Its zero
// value drops nothing.
type Drop struct {
	On    bool
	Seed  uint64 // seed of the run
	Step  uint64 // number of the update
	Shard uint64 // number of the micro-shard in its round
}

// NewBatch returns an empty batch for micro-shards of the given number of
// samples of inputs of shape in; classes is the width of the targets, 0 for none.
func NewBatch(samples int, in Shape, classes int) *Batch {
	b := tensor.Blocks(samples)
	return &Batch{
		X:       make([]float32, b*in.Len()*tensor.Lanes),
		Labels:  make([]int32, samples),
		Targets: make([]float32, b*classes*tensor.Lanes),
	}
}
