// Package dataset reads image data sets and lays their samples out for
// training: CIFAR-10 and CIFAR-100 in the binary format, MNIST and its kin as
// IDX files, folders of PNG, JPEG, WebP, GIF, BMP and TIFF pictures, such pictures in WebDataset tar files and in
// Parquet files (shards.go), packed files, and the built-in
// set "shapes", which is drawn in memory. Each is a value in one table (readers.go)
// that says how its files are named, how large it is, and how it is read.
//
// Open reads a set, OpenTest its test samples alone, Verify reports on it, (*Set).Fill puts the samples at
// some positions of an order into a batch, Pack writes a set as one file (packed.go). Which sample stands where in an
// epoch and how it is augmented are pure functions of seeds and numbers, and
// normalisation comes from exact sums over the training samples, so every
// process makes the same bits of them. Sets are compared by Digest, which is of
// decoded pixels and labels, not of files: the binary files and a folder of
// lossless pictures of the same samples in the same order have one digest.
//
// What lies in a folder is read, or is a fault, or is noted as Unused with the
// reason; nothing is passed over in silence. Before memory is taken the sizes that
// headers claim are held against the files' own and the whole against
// Config.MemoryMB; pipes and devices are refused unread.
//
// Faults of files are errors with ErrData as cause that tell up to ten faults,
// a line each, and what to do about them; no file makes the package panic.
//
// A set is in memory as bytes, or is read from a packed file, sample by sample: then
// its labels are in memory, 2 bytes a sample, and the orders that are in use, up to four of 4 bytes a
// sample each. The package does not download, and knows labels of single classes only. It starts
// goroutines to decode, draw and count, and joins them before it returns.
package dataset
