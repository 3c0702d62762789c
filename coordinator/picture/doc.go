// Package picture draws what runs and benchmarks measured: predicted against
// measured gains of growth events, accuracy over the course of training, what searches found, and
// throughput over workers.
package picture
