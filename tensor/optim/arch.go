package optim

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// The values of ArchConfig.Rule.
const (
	ArchNone = "none"
	PathSum  = "path_sum"
	MinPath  = "min_path"
)

// ArchConfig lets the learning rate follow the architecture: LR is then the rate that is
// best for a network of one way of BaseDepth activations with kernels of 3.
type ArchConfig struct {
	// Rule is none; path_sum, [arch-aware], arXiv 2402.17440, eq. 8 and 9: the rate falls with
	// the root of the sum over all ways through the network of their depths cubed; or min_path: with
	// the depth of the shortest way, of layers and additions, to the power 3/2 (arXiv 2602.07494, of which only
	// the abstract could be read). Both fall with the side of the largest kernel.
	Rule      string  `json:"rule,omitempty" yaml:"rule"`
	BaseDepth float64 `json:"base_depth,omitempty" yaml:"base_depth"`
}

// baseKernel is the side of the kernels of the network that a rate is transferred from,
// that of the authors' code.
const baseKernel = 3

// Depths are what a rate by architecture needs to know of a network.
type Depths struct {
	Cubes    float64 // sum over the ways from input to output of their activations cubed
	Shortest int     // fewest layers and additions on a way
	Kernel   int     // largest side of a kernel; 0: there is none
}

// Factor returns the factor on the learning rate of a network. It is 1 for one through
// which no way with an activation leads, as while a layer has no channel yet.
func (c ArchConfig) Factor(d Depths) float64 {
	cubes := d.Cubes
	switch c.Rule {
	case PathSum:
	case MinPath:
		cubes = cube(float64(d.Shortest))
	default:
		return 1
	}
	if cubes == 0 {
		return 1
	}
	factor := math.Sqrt(cube(c.BaseDepth) / cubes)
	if d.Kernel > 0 {
		factor = float64(factor*baseKernel) / float64(d.Kernel)
	}
	return factor
}

func cube(x float64) float64 { return float64(float64(x*x) * x) }

// check adds what is wrong with c to found.
func (c ArchConfig) check(found *faults.List, optimizer string) {
	switch c.Rule {
	case "", ArchNone:
		return
	case PathSum, MinPath:
	default:
		found.Check(false, "arch.rule %q: must be %q, %q or %q", c.Rule, ArchNone, PathSum, MinPath)
	}
	found.Check(optimizer == SGD, "arch.rule %s: was derived for the optimizer %s, not for %s: set name to %[2]s", c.Rule, SGD, optimizer)
	found.Check(c.BaseDepth > 0 && c.BaseDepth <= 1e6, "arch.base_depth %v: must be above 0", c.BaseDepth)
}
