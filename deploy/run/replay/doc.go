// Package replay makes logged steps of a run again, from a checkpoint or from
// the start, and compares what comes out with metrics, growth journal and later
// checkpoints. Trainer and kernels are those of a run, so that every number has
// to be the same but the times.
//
// Where it can, it says which thing was changed: a line of a log whose
// neighbours are right, a checkpoint that does not have its own digest, the
// part of the journal between two checkpoints. After a difference it goes on, as
// long as the log tells what the run did next. It reads the run directory and
// never writes in it.
package replay
