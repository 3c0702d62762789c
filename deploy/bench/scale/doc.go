// Package scale measures how training scales with the number of workers, with
// real processes: a NATS server, a coordinator and workers, all of one binary,
// on the loopback interface of this machine. It trains nothing itself.
package scale
