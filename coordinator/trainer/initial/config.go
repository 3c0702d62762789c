package initial

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// The values of Config.Learn.
const (
	None     = "none"
	GradInit = "gradinit"
	NIO      = "nio"
)

// Methods are all of them.
var Methods = []string{None, GradInit, NIO}

// Config says how scales are learned.
type Config struct {
	// Learn is what they are learned by: none, gradinit or nio. Empty: none.
	Learn string `yaml:"learn" json:"learn,omitempty"`
	// Iterations is how many updates of the scales are made.
	Iterations int `yaml:"iterations" json:"iterations,omitempty"`
	// Gamma is the norm of the mean gradient above which it is made smaller before anything else;
	// of nio the mean norm of the gradients of the halves. 0: 1 by gradinit, 5 by nio.
	Gamma float64 `yaml:"gamma" json:"gamma,omitempty"`
	// Eta is the length of the step that gradinit tries out; of adamw that of each weight's.
	Eta float64 `yaml:"eta" json:"eta,omitempty"`
	// LR is the learning rate of the scales, by Adam.
	LR float64 `yaml:"lr" json:"lr,omitempty"`
	// MinScale is the smallest scale of a weight; that of a bias is 0.
	MinScale float64 `yaml:"min_scale" json:"min_scale,omitempty"`
}

// Default learns nothing; what it has else are the values of the authors' scripts.
func Default() Config {
	return Config{Learn: None, Iterations: 100, Eta: 0.1, LR: 0.01, MinScale: 0.01}
}

// On reports whether anything is learned.
func (c Config) On() bool { return c.Learn == GradInit || c.Learn == NIO }

// gamma returns Gamma or what stands for it.
func (c Config) gamma() float64 {
	switch {
	case c.Gamma > 0:
		return c.Gamma
	case c.Learn == NIO:
		return 5
	}
	return 1
}

// Check adds what is wrong with c to found.
func (c Config) Check(found *faults.List) {
	found.Check(c.Learn == "" || slices.Contains(Methods, c.Learn), "init.learn %.80q: must be none, gradinit or nio", c.Learn)
	if !c.On() {
		return
	}
	found.Check(c.Iterations >= 1 && c.Iterations <= 1e6, "init.iterations %d: must be 1 to 1000000", c.Iterations)
	found.Check(c.Gamma >= 0 && c.Gamma <= 1e30, "init.gamma %v: must be at least 0", c.Gamma)
	found.Check(c.Eta > 0 && c.Eta <= 1e6, "init.eta %v: must be above 0", c.Eta)
	found.Check(c.LR > 0 && c.LR <= 1, "init.lr %v: must be above 0 and at most 1", c.LR)
	found.Check(c.MinScale > 0 && c.MinScale <= 1, "init.min_scale %v: must be above 0 and at most 1", c.MinScale)
}
