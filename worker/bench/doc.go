// Package bench measures how fast this machine computes training steps: weights
// packed, forward, loss and backward over micro-shards on a fixed number of
// threads, gradients added along the canonical tree, one update by SGD with
// momentum. Inputs are random and made beforehand. It measures no network, no
// data loading and no growth.
package bench
