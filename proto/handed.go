package proto

// Partial is the sums over a block, handed over inside one process: what
// PartialChunks say between two. The sums belong to the receiver from then on.
type Partial struct {
	Head
	Worker WorkerID
	Round  Round
	Block  Block
	Inputs Digest // digest of what the sums were made from
	Sums   Sums
	// Return takes other sums of the same lengths in exchange, whose contents
	// do not matter, so that memory does not pile up at the receiver.
	Return func(Sums)
}

// Weights is a version of the weights, handed over inside one process: what
// BlobChunks say between two.
type Weights struct {
	Head
	Key    string
	Digest Digest    // digest of Values, hashed when they were made
	Values []float32 // parameters, then buffers; read only, until Done
	Done   func()    // must be called once the values are not needed any more
}
