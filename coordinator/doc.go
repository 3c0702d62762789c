// Package coordinator runs a training job: it admits workers, hands out the
// blocks of each round, folds their partials into the reduction tree, updates
// the weights, drives growth events, broadcasts the result and keeps the run
// on disk.
//
// What is decided lies in packages that know no network, clock or disk: plan
// (who computes what), trainer (which round comes next and what its sums lead
// to), proto.Fold (the order of sums). This package joins them to a bus and a
// directory. It never sees a sample and computes no gradient.
package coordinator
