// Package prune takes channels and neurons out of a network that has grown: which ones, by the size of their weights
// or by gates that learn to open and close, and how the gates are trained. It changes no network and knows no run;
// site.Shrink does the surgery.
package prune

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The values of Config.Policy.
const (
	None      = "none"
	Magnitude = "magnitude" // those with the smallest weights go (Magnitudes)
	DNAL      = "dnal"      // those whose gates close go (Gates)
)

// Policies are all of them.
var Policies = []string{None, Magnitude, DNAL}

// The values of Config.Of.
const (
	FLOPs  = "flops"
	Params = "params"
)

// Measures are all of them.
var Measures = []string{FLOPs, Params}

// Config says whether, when and how much to prune. The zero value never does, and is
// what runs of earlier versions had; else start from Default.
type Config struct {
	Policy string `json:"policy" yaml:"policy"` // one of Policies
	// Keep is the part of the network that stays, of the FLOPs of a sample's forward pass or of the
	// parameters, as Of says. Those go that rank last, until it is reached. 0, of DNAL: whatever has a gate
	// below OpenGate goes, and Lambda decides how much that is.
	Keep float64 `json:"keep" yaml:"keep"`
	Of   string  `json:"of" yaml:"of"` // one of Measures
	// At is the part of the run at which pruning begins, Every after how much more of the run it
	// begins again; 0: never.
	At    float64 `json:"at" yaml:"at"`
	Every float64 `json:"every" yaml:"every"`
	// Gates is the part of the run in which gates learn, of DNAL; weights stand still meanwhile, and nothing grows.
	Gates float64 `json:"gates" yaml:"gates"`
	// LR is the rate of plain SGD on the scores of gates, Lambda the price of an open gate in the loss, Delta
	// what scores are multiplied by at the end.
	LR     float64 `json:"lr" yaml:"lr"`
	Lambda float64 `json:"lambda" yaml:"lambda"`
	Delta  float64 `json:"delta" yaml:"delta"`
}

// OpenGate is above what a gate counts as open [dnal].
const OpenGate = 0.9

// Default never prunes. With a policy half of the computation stays, once half of the run is done.
func Default() Config {
	return Config{Policy: None, Keep: 0.5, Of: FLOPs, At: 0.5, Gates: 0.1, LR: 0.01, Lambda: 1e-4, Delta: 1e4}
}

// Prunes reports whether c ever prunes.
func (c Config) Prunes() bool { return c.Policy == Magnitude || c.Policy == DNAL }

// stage returns the part of the run that one pruning takes.
func (c Config) stage() float64 {
	if c.Policy == DNAL {
		return c.Gates
	}
	return 0
}

// Begins returns the part of the run at which the pruning behind so many earlier ones begins, and ends, which is the
// same but with gates; ok is false if none follows, as one whose end the run does not reach.
func (c Config) Begins(earlier int) (from, to float64, ok bool) {
	from = c.At + float64(float64(earlier)*c.Every)
	to = from + c.stage()
	return from, to, c.Prunes() && (earlier == 0 || c.Every > 0) && to < 1
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	if c == (Config{}) {
		return nil
	}
	var found faults.List
	found.Check(slices.Contains(Policies, c.Policy), "prune.policy %.40q: must be one of %s", c.Policy, strings.Join(Policies, ", "))
	found.Check(slices.Contains(Measures, c.Of), "prune.of %.40q: must be one of %s", c.Of, strings.Join(Measures, ", "))
	found.Check(c.Keep >= 0 && c.Keep <= 1, "prune.keep %v: must be 0 to 1", c.Keep)
	found.Check(c.At > 0 && c.At < 1, "prune.at %v: must be above 0 and below 1", c.At)
	found.Check(c.Every >= 0 && c.Every < 1, "prune.every %v: must be 0 to below 1", c.Every)
	found.Check(c.Gates > 0 && c.Gates < 1, "prune.gates %v: must be above 0 and below 1", c.Gates)
	found.Check(c.LR > 0 && c.LR <= 1e6, "prune.lr %v: must be above 0 and at most 1e6", c.LR)
	found.Check(c.Lambda >= 0 && c.Lambda <= 1e6, "prune.lambda %v: must be 0 to 1e6", c.Lambda)
	found.Check(c.Delta >= 1 && c.Delta <= 1e9, "prune.delta %v: must be 1 to 1e9", c.Delta)
	found.Check(c.Policy != Magnitude || c.Keep > 0, "prune.keep 0: weights alone do not say how many go: set the part that stays, as "+
		"prune.keep: 0.5, or prune.policy: dnal")
	found.Check(c.Policy != DNAL || c.At+c.Gates < 1, "prune.at %v and prune.gates %v: gates must be cut before the run ends: let both "+
		"be less than 1 together", c.At, c.Gates)
	found.Check(c.Policy != DNAL || c.Every == 0 || c.Every > c.Gates, "prune.every %v: must be above prune.gates %v, or 0", c.Every,
		c.Gates)
	return found.Err()
}

// Asked says what decides how much goes.
func (c Config) Asked() string {
	if c.Keep == 0 {
		return fmt.Sprintf("%s keeps gates above %g", c.Policy, OpenGate)
	}
	unit := map[string]string{FLOPs: "FLOPs", Params: "parameters"}[c.Of]
	return fmt.Sprintf("%s keeps %g of the %s", c.Policy, c.Keep, unit)
}

// CheckGraph returns why a network cannot be pruned as c says, or nil.
func (c Config) CheckGraph(g *nn.Graph) error {
	if !c.Prunes() || len(site.All(g)) > 0 {
		return nil
	}
	why := "it has no hidden layer"
	if fixed := site.FixedWidths(g); len(fixed) > 0 {
		why = fmt.Sprintf("%s: %s", fixed[0].Writers[0], fixed[0].Why)
	}
	return fmt.Errorf("policy %s: no width of this network can change (%s): set prune.policy to none", c.Policy, why)
}
