package trainer

// Numerics is the version of all that decides the bits of a run beside its
// settings, its data and the arithmetic of the processor: what the network and the
// optimizer compute, in which order, and how growth is decided. Whoever changes a bit
// of that raises it: runs that were begun before are then refused, not continued to
// other bits.
const Numerics = 3
