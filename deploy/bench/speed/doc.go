// Package speed measures how fast this machine computes: whole training steps
// (weights packed, forward, loss and backward over micro-shards on a fixed
// number of threads, gradients added along the canonical tree, one update by
// SGD with momentum), and the rounds and the solving of growth. Inputs are
// random and made beforehand. It measures no network and no data loading.
package speed
