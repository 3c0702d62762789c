//go:build !amd64 && !arm64

package kernel

func supported(isa ISA) bool { return isa == Generic }
