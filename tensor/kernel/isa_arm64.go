package kernel

// supported: every arm64 processor that Go runs on has NEON.
func supported(isa ISA) bool { return isa == Generic || isa == NEON }
