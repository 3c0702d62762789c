// Package worker does the computing of a run: it joins, pulls blocks of a
// round's reduction tree, loads their samples, runs micro-shards on all its
// threads, adds their sums in the order of the tree, and publishes them.
//
// A worker decides nothing and writes nothing: it never changes weights, and
// its results depend on the round and the samples alone. It keeps trying for
// as long as its context lives: a lost connection or coordinator only makes
// it join again.
package worker
