// Package initial learns a scale for each tensor of fresh weights, before the first step: by
// GradInit [gradinit, arXiv 2102.08098], so that a first step lowers the loss as much as it can, or by
// NIO [nio, arXiv 2210.05956], so that the gradients of two halves of a batch point the same way.
//
// A Learner says which weights it wants the gradient of, over which part of a batch, and is fed it;
// who computes gradients it does not know. What it has to know from one iteration to the
// next is its State; an iteration that is broken off begins anew, to the same State.
// Products of the Hessian are differences of gradients, so that nothing is differentiated twice.
package initial
