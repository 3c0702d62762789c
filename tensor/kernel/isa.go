package kernel

import (
	"fmt"
	"os"
	"sync/atomic"
)

// ISA is an instruction set that the kernels have bodies for.
type ISA int

// The instruction sets, from the slowest to the fastest.
const (
	Generic ISA = iota // plain Go
	AVX2               // AVX2, FMA and F16C
	AVX512             // AVX-512 F, BW, DQ and VL
	NEON               // arm64, which has bodies for convolutions and matrix products alone
)

// ISAEnv names the environment variable that forces an instruction set:
// avx512, avx2, neon or generic.
const ISAEnv = "TINYGROW_ISA"

var (
	active atomic.Int32
	envErr error
)

func init() {
	active.Store(int32(best()))
	name := os.Getenv(ISAEnv)
	if name == "" {
		return
	}
	isa, err := ParseISA(name)
	if err == nil {
		err = SetISA(isa)
	}
	if err != nil {
		envErr = fmt.Errorf("%s: %w", ISAEnv, err)
	}
}

// EnvError returns why the instruction set asked for by ISAEnv is not the
// active one, or nil. Programs should refuse to start on it.
func EnvError() error { return envErr }

// Active returns the instruction set in use. Plans made by NewConv keep the
// one that was active when they were made.
func Active() ISA { return ISA(active.Load()) }

// SetISA makes isa the active instruction set, or says that this machine lacks it.
func SetISA(isa ISA) error {
	if !supported(isa) {
		return fmt.Errorf("instruction set %v is not supported by this machine: use %v", isa, best())
	}
	active.Store(int32(isa))
	return nil
}

// Supported returns the instruction sets of this machine, the slowest first.
func Supported() []ISA {
	var list []ISA
	for isa := Generic; isa <= NEON; isa++ {
		if supported(isa) {
			list = append(list, isa)
		}
	}
	return list
}

// ParseISA returns the instruction set called name.
func ParseISA(name string) (ISA, error) {
	for isa := Generic; isa <= NEON; isa++ {
		if isa.String() == name {
			return isa, nil
		}
	}
	return Generic, fmt.Errorf("unknown instruction set %q: use avx512, avx2, neon or generic", name)
}

// String returns the name that ParseISA knows.
func (i ISA) String() string {
	switch i {
	case Generic:
		return "generic"
	case AVX2:
		return "avx2"
	case AVX512:
		return "avx512"
	case NEON:
		return "neon"
	}
	return fmt.Sprintf("ISA(%d)", int(i))
}

func best() ISA {
	for _, isa := range []ISA{AVX512, AVX2, NEON} {
		if supported(isa) {
			return isa
		}
	}
	return Generic
}
