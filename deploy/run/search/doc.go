// Package search decides what a search over settings tries next: at random, by
// simplified swarm optimisation, by asynchronous successive halving, or by
// evolution of lists of seeds.
//
// A Space says which settings are searched, and each trial has a Point in it. A
// Searcher is a pure function: what it tries next follows from the seed, from the
// jobs given out so far, and from the results heard so far. Which results are heard
// when is decided by a Clock, which plays a number of slots that work side by side in
// a time of its own: a job lasts as long as its part of a run, and whatever really ends
// first, results are heard in the order of that time. So a search makes the same jobs
// however many processes work on it, however fast they are, and whenever they are
// killed; what there is to keep of it are the results.
//
// The package runs nothing and keeps nothing: see deploy/run/sweep.
package search
