package trainer

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The values of UpdateConfig.Rule.
const (
	Backprop = "backprop"
	RecLRA   = "rec_lra"
)

// UpdateRules are all of them.
var UpdateRules = []string{Backprop, RecLRA}

// The values of UpdateConfig.Synapses.
const (
	OwnSynapses    = "own"
	MirrorSynapses = "mirror"
)

// Synapses are all of them.
var Synapses = []string{OwnSynapses, MirrorSynapses}

// UpdateConfig says by which rule weights are updated. The zero value stands for backprop.
type UpdateConfig struct {
	// Rule is backprop, by gradients of the loss, or rec_lra, by recursive local representation alignment
	// (nn.LRA), which is an experiment: error synapses of their own carry errors down, for chains and residual
	// networks.
	Rule string `yaml:"rule" json:"rule,omitempty"`
	// Beta is how far targets move, Gamma how fast error synapses learn; 0: they stay as drawn.
	Beta  float64 `yaml:"beta" json:"beta,omitempty"`
	Gamma float64 `yaml:"gamma" json:"gamma,omitempty"`
	// Synapses is own, by the rule's own update of error synapses, or mirror, by Gamma times the update of the
	// weights.
	Synapses string `yaml:"synapses" json:"synapses,omitempty"`
}

// DefaultUpdate returns backprop, and what rec_lra begins with.
func DefaultUpdate() UpdateConfig {
	return UpdateConfig{Rule: Backprop, Beta: 1, Synapses: OwnSynapses}
}

// check says what is wrong.
func (u UpdateConfig) check(found *faults.List) {
	if u == (UpdateConfig{}) {
		return
	}
	found.Check(slices.Contains(UpdateRules, u.Rule), "update.rule %q: must be %q or %q", u.Rule, Backprop, RecLRA)
	found.Check(slices.Contains(Synapses, u.Synapses), "update.synapses %q: must be %q or %q", u.Synapses, OwnSynapses, MirrorSynapses)
	if u.Rule != RecLRA {
		d := DefaultUpdate()
		d.Rule = u.Rule
		found.Check(u == d, "update.beta %v, update.gamma %v, update.synapses %s: are rec_lra's: set update.rule to it, or leave them out",
			u.Beta, u.Gamma, u.Synapses)
		return
	}
	if err := u.lra(0).Validate(); err != nil {
		found.Check(false, "update.%w", err)
	}
}

// lra returns the rule for a network.
func (u UpdateConfig) lra(seed uint64) *nn.LRA {
	return &nn.LRA{Beta: u.Beta, Gamma: u.Gamma, Mirror: u.Synapses == MirrorSynapses, Seed: seed}
}

// Ruled returns m trained by the rule of the configuration. An error names a layer that the rule cannot train.
func (c Config) Ruled(m *nn.Model) (*nn.Model, error) {
	if c.Update.Rule != RecLRA {
		return m.WithoutLRA(), nil
	}
	m, err := m.WithLRA(*c.Update.lra(c.Seed))
	if err != nil {
		return nil, fmt.Errorf("train.update.rule %s: %w: set train.update.rule to %s, or choose another network", RecLRA, err, Backprop)
	}
	return m, nil
}
