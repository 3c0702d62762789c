// Package eventfile writes the event files that TensorBoard reads: records framed
// as TFRecord, with masked CRC-32C, of Event messages of protobuf.
//
// A Writer adds to a directory of such files. It begins a file of its own, cuts the
// others back to the step from which a run goes on, and never writes a value twice:
// a run that was killed and resumed leaves what an undisturbed one leaves, in more
// files. A record is written whole by one call, so that who reads along sees whole
// records, and after a kill at most the last one is cut; the next Writer mends it.
//
// The package knows scalars, histograms, texts and the start of a session. It reads
// no more of a file than it needs to mend it.
package eventfile
