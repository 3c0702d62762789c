// Package predictor foretells the accuracies that runs end with from their networks, their settings and the first part
// of their curves.
//
// It is a reading of ours of the semi-supervised assessor of architectures [assessor, arXiv 2005.06821], of which the
// abstract alone could be read. An auto-encoder makes a code of each network, labelled (its run is over) or
// not; the linear one is taken, whose optimum is known: the principal components (Encode). The accuracy is read out
// of the code and of what was seen of the curve by weights that minimise
//
//	sum over labelled i of (y_i - f_i)^2 + lambda sum over i, j of s_ij (f_i - f_j)^2 + ridge |w|^2
//
// in which the similarities s_ij = exp(-|c_i - c_j|^2 / t) of all pairs of codes let networks without a label take part. That is a
// linear system, which is solved exactly (Predict). The plain extrapolation of the curve has a
// weight of its own outside the ridge, so that with a ridge that is large it alone is left.
//
// Results are the same bits everywhere. The package reads no files and knows nothing of runs: see deploy/run/record for what
// becomes of one.
package predictor
