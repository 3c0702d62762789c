// Package proto is what coordinator and workers say to each other: ids,
// rounds, blocks of the reduction tree, messages and how they are cut into
// chunks. It imports nothing of the project, computes no gradients, and talks
// to no network; package proto/bus carries the messages.
package proto

// RunID names one training job.
type RunID string

// WorkerID names one worker of a run.
type WorkerID string

// Term counts coordinators of a run; a message of an older term is stale.
type Term uint64

// Generation is the version of the architecture.
type Generation uint64

// Step counts optimizer updates; Step n is the state after n updates.
type Step uint64

// Round counts distributed computations of a run, of every kind.
type Round uint64
