// Package checkpoint keeps a run on disk: the run directory with its resolved
// configuration, the growth journal, the metrics and the checkpoints.
//
//	config.yaml                           the resolved configuration
//	growth.jsonl                          the journal: free of clocks and of workers, so it can be hashed
//	metrics.jsonl                         one line a step and an evaluation
//	start.safetensors                     the model that the run started from, if not from fresh weights
//	.ended                                how the process that worked on it last ended, for lists of runs
//	checkpoints/step-N/model.safetensors      weights and buffers; in its metadata what else a user of the model needs
//	checkpoints/step-N/optimizer.safetensors  the optimizer's state
//	checkpoints/step-N/riding.f64             little-endian float64: sums of statistics that ride along, where some do (format 5)
//	checkpoints/step-N/best.safetensors       the network of the best evaluation, as complete as the other, where one is kept (format 6)
//	checkpoints/step-N/state.json             where the run stands, digests, lengths of the logs, the model's card
//
// A model.safetensors alone is complete. Its __metadata__ has, each as JSON,
//
//	graph          the architecture: nodes in the order of computation, their operations and inputs
//	preprocessing  input {c, h, w}, mean and std by channel: the network reads (byte - mean) / std of each channel's plane
//	classes        the names of the outputs in their order
//	data           name and digest of the data set that it was trained on
//
// and a tensor NODE.weight, NODE.bias, ... for each parameter and buffer of a node. The
// same card stands in state.json (format 4). Checkpoints of format 3 have none; they load without.
//
// A checkpoint appears whole or not at all: it is written under another name,
// synced, renamed, and the directory is synced. The logs may be ahead of the
// newest checkpoint after a crash; resuming cuts them back to the lengths that
// it records, and the steps that follow write the same lines again.
//
// state.json also says what decides the run's bits: its settings, the version of the
// numerics and the fingerprint of the arithmetic.
//
// Whatever lies in the directory is opened only if it is a regular file, links
// followed, of a bounded size; a header is bounded before it is decoded, and a
// file of tensors is read only if it has the size that its architecture asks for.
//
// The package does not decide when to save, and it does not train.
package checkpoint
