// Package trainer is the sequence of a run's rounds and what follows from
// their sums: updates of weights and running statistics, learning rates,
// evaluations, growth events and the end of the run.
//
// A Trainer is a pure function of configuration, first model and the reduced
// sums that it is given: Next says which round to run, Apply takes its sums.
// Whoever computes the sums, in whatever pieces, the same configuration and
// data give the same bits. It has no clock, no network and no disk, and knows
// no workers. Its goroutines live within one Apply, over ranges of parameters.
package trainer
