// Package e2e tests coordinator and workers together, over the in-memory bus
// and over real NATS: the same configuration and data must give the same bits
// whatever the workers, and whatever happens to them. It holds tests only.
package e2e
