// Package chaos trains on a cluster of processes on the loopback interface
// while a seeded script kills, pauses and restarts them, and compares what
// comes out with a run that nobody disturbed. Processes that end are started again, as
// an orchestrator would; nothing else helps them.
package chaos
