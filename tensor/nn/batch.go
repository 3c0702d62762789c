package nn

import "github.com/tinygrow/tinygrow/tensor"

// Batch is the samples of one micro-shard. Lanes past sample N-1 must be zero
// in X and Targets.
type Batch struct {
	N       int       // valid samples, at most the micro-shard size it was made for
	X       []float32 // inputs (B, H, W, C, 32)
	Labels  []int32   // one per sample of the micro-shard: the class, for cross entropy; also counts as correct under mse
	Targets []float32 // (B, C, 32), for mse
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
