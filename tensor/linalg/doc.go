// Package linalg gives the float64 linear algebra that growing needs, over
// gonum: generalised inverses of covariance matrices with relative
// thresholds, truncated singular value decompositions with a fixed sign rule,
// and packed symmetric matrices.
//
// Results depend on the operands alone, never on the number of threads. Data
// that cannot be inverted lowers a rank; it is never an error. Large products
// are those of tensor/kernel in float64; the package knows nothing of float32
// tensors, which live there.
package linalg
