// Package sweep searches for settings: it makes trials, which are ordinary runs, each in a
// directory of its own below that of the sweep and with the bits of a run of its own, and
// tells which are best.
//
// What is tried is decided by [github.com/tinygrow/tinygrow/deploy/run/search]
// from the sweep's settings and the results so far, in an order that does not depend on
// which trial ends first. A sweep keeps nothing but its settings (sweep.yaml, base.yaml) and the
// results (trials.jsonl, a line each, synced), so that one that was killed at any moment goes on
// with what was missing, trials from their checkpoints, to the same table. Promised are
// the settings, accuracies, FLOPs, hashes and order of the trials, for any number of
// processes; processor seconds are measured, and a budget of them ends a sweep at a
// trial that the clock decides.
//
// Each trial is a process, `tinygrow train` or `tinygrow resume`: it needs no protocol of its
// own, may be killed without harm to others, and its processor time is its own. On a cluster
// the processes of the trials are their coordinators, with a worker each, and more
// workers go from trial to trial (run.WorkRuns). A trial whose sweep was killed goes
// on to where it was told to end, and the next process of the sweep waits for that.
//
// Threads: Run has one goroutine for each trial that is being made, and waits for all of them.
// The package does not draw: see coordinator/picture.
package sweep
