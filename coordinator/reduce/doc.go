// Package reduce makes the updates of ranges of a network's parameters: Ranges says where
// they are cut, a Shard is the state of a stretch of parameters and what updates and
// hashes it, and an Owner is who has one that is not the coordinator: it puts the pieces of
// partials together, adds those that the coordinator names in the order of the tree, and
// reports what came of it. The coordinator's own update is that of one shard over all
// parameters.
//
// Ranges are cut for links: each is of about one size, wherever tensors end, so that as many
// owners as hosts have about the same to receive and to tell. What an owner updates is cut for
// bits: its hull, the range and what of its neighbours' its matrices and chunks need. Owners send
// each other the sums of these parts (edges), and those who have a matrix in common update it
// alike, as one process would; each tells the weights of its own range. That costs a link twice
// the matrices that cuts lie in, once in and once out, and the time of their updates on
// each host that shares them, where a matrix with one owner would have cost that owner's link its
// weights once for each host. Digests of chunks that several owners have are compared.
//
// Who owns what, and which partials count, is not decided here.
package reduce
