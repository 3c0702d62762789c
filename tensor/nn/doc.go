// Package nn describes networks as data and runs them: graphs of layers,
// their parameters, forward and backward passes over one micro-shard, losses
// and the model zoo.
//
// Activations use the batch-innermost layout of package tensor. Parameters of
// a graph are one flat []float32, tensor after tensor in node order, each in
// PyTorch's shape and order: conv2d weight (Out, In, Kernel, Kernel), linear
// weight (Out, In) with In in channel, row, column order, biases (Out).
// Gradients have the same layout and are SUMS over samples of per-sample loss
// gradients, never means.
//
// The package knows nothing of growth or of networks of machines.
package nn
