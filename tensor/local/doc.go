// Package local lets replicas of a network take optimizer steps of their own: a Plan is
// what all replicas of a round are told, a Replica takes the steps, from gradients that
// others compute, and says by how much the weights changed. How many replicas there are,
// who computes which, and what becomes of their mean change it does not know
// [diloco, arXiv 2311.08105; post-local SGD, arXiv 1808.07217].
package local
