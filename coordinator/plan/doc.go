// Package plan decides who computes what in a round: which worker gets which
// block of the reduction tree, when an overdue block is given to a second
// worker, which partial counts, and when a silent worker is given up.
//
// It is a pure state machine: events with their time go in, commands with the
// reason of each come out. The same events always give the same commands. It
// has no clock, no network, no disk and no goroutine, never sees a number of
// the training, and nothing that it decides can change a bit of the result:
// every block it hands out is a node of the canonical tree.
package plan
