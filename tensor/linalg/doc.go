// Package linalg gives the float64 linear algebra that growing needs, over
// gonum: generalised inverses of covariance matrices with relative
// thresholds, truncated singular value decompositions with a fixed sign rule,
// and packed symmetric matrices.
//
// Results depend on the operands alone, never on the number of threads. Data
// that cannot be inverted lowers a rank; it is never an error. The package
// knows nothing of float32 tensors: those live in tensor/kernel.
package linalg
