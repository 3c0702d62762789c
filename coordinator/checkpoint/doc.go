// Package checkpoint keeps a run on disk: the run directory with its resolved
// configuration, the growth journal, the metrics and the checkpoints.
//
//	config.yaml                           the resolved configuration
//	growth.jsonl                          the journal: free of clocks and of workers, so it can be hashed
//	metrics.jsonl                         one line a step and an evaluation
//	checkpoints/step-N/model.safetensors      weights and buffers, the graph in its metadata
//	checkpoints/step-N/optimizer.safetensors  the optimizer's state
//	checkpoints/step-N/state.json             where the run stands, digests, lengths of the logs
//
// A checkpoint appears whole or not at all: it is written under another name,
// synced, renamed, and the directory is synced. The logs may be ahead of the
// newest checkpoint after a crash; resuming cuts them back to the lengths that
// it records, and the steps that follow write the same lines again.
//
// The package does not decide when to save, and it does not train.
package checkpoint
