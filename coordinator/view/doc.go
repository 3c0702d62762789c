// Package view reads a run directory, finished or still growing, into a bounded
// account for people: what the run is, its course thinned to some hundred
// points, its evaluations, its growth events, and the network with the widths
// that its layers had before and after every event.
//
// A Run is opened on a directory and refreshed as often as one likes; each
// refresh reads only what was added since. It reads the files that
// [github.com/tinygrow/tinygrow/coordinator/checkpoint] describes and writes
// none. What stands in them may come from elsewhere: a line that cannot be read
// is counted and told, and never ends the reading. The memory of a Run does not
// grow with the steps, only with the growth events, of which the newest
// MaxEvents are kept.
//
// The package does not draw and serves nobody: see coordinator/ui.
package view
