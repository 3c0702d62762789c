// Package plausible looks at the sums over a block before they are added, and
// says what arithmetic knows of them without the samples.
//
// Some sums cannot be, whatever the weights: a wrong number of samples, more
// correct ones than there are. They prove that who sent them computes wrongly or
// lies. Others can be, when training diverges, but hardly ever are: numbers that
// are none, negative variances, a gradient a thousand times as large as any that
// other keys sent lately. They give rise to a doubt: such a block is computed
// once more by somebody else, and counts when both got the same. So an honest
// worker loses nothing by a doubt, and no bit of a result depends on one.
//
// The package blames nobody, and keeps no sums.
package plausible
