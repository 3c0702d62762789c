// Package tensor holds the names that every numerical package shares: the
// number of lanes of a block and the layout of activations.
//
// An activation of a micro-shard is one flat []float32 in batch-innermost
// order (B, H, W, C, Lanes): element (b, y, x, c, lane) lies at
//
//	(((b*H + y)*W + x)*C + c)*Lanes + lane
//
// and belongs to sample b*Lanes + lane of the micro-shard. Lanes past the last
// sample are unused: inputs and loss gradients are zero there, and every sum
// over samples leaves them out.
//
// The package does not compute: kernels live in tensor/kernel, layers in
// tensor/nn, optimizers in tensor/optim, float64 linear algebra in
// tensor/linalg.
package tensor

// Lanes is the number of samples that lie side by side in memory.
const Lanes = 32

// Blocks returns how many blocks of Lanes samples hold a micro-shard of n samples.
func Blocks(n int) int { return (n + Lanes - 1) / Lanes }

// Block returns block i of x, which holds that many blocks of equal length.
func Block(i int, x []float32, blocks int) []float32 {
	n := len(x) / blocks
	return x[i*n : (i+1)*n]
}
