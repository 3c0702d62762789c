// Package forecast says how fast a run would go on a cluster that is not there: the time
// of a step and its phases, what limits it, and what each link carries.
//
// It is a simulation of discrete events. Who computes what is decided by the program's own
// plan (coordinator/plan), sums are added by its own fold (proto.Fold), ranges are cut by
// its own rule (reduce.Cut); processors, links and servers are queues, whose times are
// measured costs. The same configuration gives the same forecast, to the nanosecond. It
// forecasts no accuracy.
package forecast
