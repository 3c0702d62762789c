// Package kernel computes the arithmetic of training on one core: convolutions
// and linear layers forward and backward, matrix products, and the
// element-wise passes between them, in float32 with bits that do not depend on
// the instruction set.
//
// # Accumulation
//
// Every element of a product is one chain of fused multiply-adds in an order
// that depends on the geometry alone, so tile shape, blocking and vector width
// cannot change a bit:
//
//   - Conv.Forward: starts at the bias (or +0), then runs over the taps inside
//     the image in (kh, kw) order, for each tap over the input channels.
//   - Conv.BackwardData: starts at +0, then runs over the output pixels that
//     read the input pixel in (oh, ow) order, for each over the output channels.
//   - Conv.BackwardWeights: starts at +0, then runs over (block, oh, lane, ow).
//     Rows oh whose tap lies above or below the image are left out; columns
//     whose tap lies left or right of it take part with x = 0.
//   - Depthwise: like Conv forward and backward-data, of one channel. A weight's
//     gradient is 32 such sums, one for each lane, over (block, oh, ow) where the
//     tap lies inside the image; their lanes are then added as said below.
//   - Gemm, Syrk, Gemm64: starts at C (accumulate) or +0, then runs over k.
//   - Covariance: chains of a few thousand links over (strip of rows, row,
//     lane, column), added in float64 in order.
//
// Sums over lanes are 16 partial sums, lane l going to partial l mod 16,
// lanes 0 to 15 of a row before lanes 16 to 31, rows in memory order; the partials are
// combined by halves: p[j] += p[j+8], then j+4, j+2, j+1.
//
// Generic Go, AVX2, AVX-512 and NEON bodies give the same bits, except for the sign and
// payload of a NaN.
//
// # Use
//
// Activations have the layout of package tensor, (B, H, W, C, 32). Destinations
// come first and are overwritten unless said otherwise; they must not overlap
// the inputs. Slices that are too short, or a scratch that is too small, panic.
// Nothing allocates once a plan exists.
//
// The package starts no goroutine, and knows no graphs and no optimizers.
package kernel

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg kernel
