// Package linalg gives the float64 linear algebra that growing needs:
// products, Cholesky factors, symmetric eigenproblems, generalised inverses of
// covariance matrices with relative thresholds, truncated singular value
// decompositions with a fixed sign rule, and packed symmetric matrices.
//
// Results depend on the operands alone: every product is rounded by itself or
// fused on purpose, every sum has one order, so that all processors, builds
// and numbers of threads give the same bits. Matrices are gonum's types; its
// arithmetic, which sums in an order of the processor's, is used by tests only.
// Data that cannot be inverted lowers a rank; it is never an error. Large
// products are those of tensor/kernel in float64; the package knows nothing of
// float32 tensors, which live there.
package linalg
