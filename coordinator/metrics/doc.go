// Package metrics says how lines of metrics.jsonl are written short and read whole.
//
// A run has a line for each step, and most of what stands there is as in the line
// before. So the line of a step leaves that out: what it lacks is as in the step's
// line before it. Every 256th step, and the first that a process makes, has all.
// Numbers have six significant digits; the pace is told again once it differs by 2 %.
// Lines of other kinds have all they have. In files of earlier versions every line is
// whole, which reads the same.
//
// The package does not know what lines of other kinds mean.
package metrics
