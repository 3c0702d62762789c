package growth

import (
	"math"
	"strconv"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
)

// Number is a float64 that JSON can hold: what is not finite becomes null.
type Number float64

// MarshalJSON writes the shortest decimal that reads back to the same value.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
	return []byte("null"), nil
}

// Decisions of an event.
const (
	Grow   = "grow"
	Refuse = "refuse"
	Deepen = "deepen" // no site grew, but an empty block was appended
	Prune  = "prune"  // sites lost neurons
)

// RecLRA is what Record.Updates is under that rule.
const RecLRA = "rec_lra"

// Record is the journal entry of one growth event, or of one pruning: all that was considered,
// decided and why. It is free of clocks and of the number of workers.
type Record struct {
	Event      uint64 `json:"event"`
	Step       uint64 `json:"step"`
	Epoch      uint64 `json:"epoch"`
	Generation uint64 `json:"generation"` // before
	Policy     string `json:"policy"`
	// Updates is rec_lra where what the network is asked to change by is not the gradient
	// of the loss but the errors of that rule (nn.LRA): bottlenecks, directions and predicted gains are then those of
	// a proxy. What is measured by trying it, and the gate, are of the loss as ever.
	Updates string `json:"updates,omitempty"`

	Where string  `json:"where"`          // gain, or round_robin under the policy paper
	Turn  site.ID `json:"turn,omitempty"` // the site whose turn it was, if sites take turns

	// Ends says that growth is over with this event.
	Ends bool `json:"ends,omitempty"`
	// Target is the FLOPs of a sample's forward pass that the schedule of the policy
	// compute asked for.
	Target Number `json:"target,omitempty"`

	Samples Samples       `json:"samples"`          // samples that each part read
	Rounds  []RoundRecord `json:"rounds,omitempty"` // what it cost
	Loss    Number        `json:"loss"`             // mean over the statistics samples
	// Evidence is what statistics that rode along say.
	Evidence []EvidenceRecord `json:"evidence,omitempty"`

	Sites  []SiteRecord  `json:"sites"`
	Trials []TrialRecord `json:"trials,omitempty"`
	Joint  *TrialRecord  `json:"joint,omitempty"` // the sites chosen, tried together
	Grown  []GrownRecord `json:"grown,omitempty"`

	// Deepened is an empty block that was appended beside what grew.
	Deepened *DepthRecord `json:"deepened,omitempty"`
	// Pruned is what a pruning found; Grown then has the sites that lost neurons.
	Pruned []PrunedRecord `json:"pruned,omitempty"`

	Decision     string `json:"decision"` // grow, refuse, deepen or prune
	Why          string `json:"why"`
	DryRun       bool   `json:"dry_run,omitempty"`
	ParamsBefore int    `json:"params_before"`
	ParamsAfter  int    `json:"params_after"`
	FLOPsBefore  int64  `json:"flops_before"`
	FLOPsAfter   int64  `json:"flops_after"`
}

// RoundRecord is the cost of one round: samples that were computed, and values
// of 8 bytes in what every worker sends of them.
type RoundRecord struct {
	Kind    measure.Kind `json:"kind"`
	Samples int          `json:"samples"`
	Values  int          `json:"values"`
}

// EvidenceRecord is the Evidence of one site.
type EvidenceRecord struct {
	Site       site.ID  `json:"site"`
	Samples    int      `json:"samples"`
	Gains      []Number `json:"gains"`  // mean gains of the leading directions
	Errors     []Number `json:"errors"` // their standard errors
	Noise      []Number `json:"noise"`  // variances over samples of the gains by amplitude
	Total      Number   `json:"total"`  // the gain of all directions together
	TotalError Number   `json:"total_error"`
	Cost       Number   `json:"cost"` // FLOPs of training one neuron for one sample
}

// recordedDirections is how many directions of a site's evidence are journalled.
const recordedDirections = 16

// record journals the evidence.
func (e *Evidence) record() EvidenceRecord {
	r := EvidenceRecord{Site: e.Site, Samples: e.Samples, Total: Number(e.Total), TotalError: Number(e.TotalError),
		Cost: Number(e.CostPerNeuron), Gains: []Number{}, Errors: []Number{}, Noise: []Number{}}
	for _, d := range e.Directions[:min(len(e.Directions), recordedDirections)] {
		r.Gains, r.Errors, r.Noise = append(r.Gains, Number(d.Gain)), append(r.Errors, Number(d.Error)), append(r.Noise, Number(d.Noise))
	}
	return r
}

// SiteRecord is what an event learned about one site.
type SiteRecord struct {
	Site    site.ID `json:"site"`
	Second  string  `json:"second"`
	Width   int     `json:"width"`
	Inputs  int     `json:"inputs"`  // a, with the bias
	Outputs int     `json:"outputs"` // c
	Cap     int     `json:"cap"`     // how many neurons the limits allow

	Desired  Number   `json:"desired"`         // E|V|^2
	Psi2     Number   `json:"psi2"`            // the bottleneck
	Share    Number   `json:"share"`           // part of the desired update
	Spectrum []Number `json:"spectrum"`        // leading lambdas
	Total    Number   `json:"total"`           // sum of all lambda^2
	Chance   Number   `json:"chance"`          // what Total would be if V were noise
	Ridge    Number   `json:"ridge,omitempty"` // set if there were few samples for many inputs
	Rank     int      `json:"rank"`            // rank of the input covariance

	Significant int      `json:"significant"`           // lambdas above the edge of noise, at most Cap
	Derivatives []Number `json:"derivatives,omitempty"` // gain by amplitude of each neuron, better sign, fresh samples
	Errors      []Number `json:"errors,omitempty"`      // their standard errors
	Kept        int      `json:"kept"`                  // neurons with a positive derivative beyond its error
	Predicted   Number   `json:"predicted"`             // first-order gain at amplitude 1 of those
	Refit       Number   `json:"refit,omitempty"`       // first-order gain at amplitude 1 of the refit, with its change of existing weights
	Params      int      `json:"params"`                // parameters that they cost
	Gain        Number   `json:"gain,omitempty"`        // gain of the neurons that it got, off the loss, by statistics that rode along
	GainError   Number   `json:"gain_error,omitempty"`  // its standard error
	Cost        Number   `json:"cost,omitempty"`        // their cost, as a part of a sample's FLOPs before
	// Hypergradients are those of the policy hypergrad by gates of candidates, the most negative first.
	Hypergradients []Number `json:"hypergradients,omitempty"`
	Reason         string   `json:"reason,omitempty"`   // why the site was left out
	Waits          bool     `json:"waits,omitempty"`    // it was not refused: others came first
	Fallback       string   `json:"fallback,omitempty"` // why random neurons were tried
	Tried          int      `json:"tried,omitempty"`    // how many
}

// TrialRecord is one search for an amplitude.
type TrialRecord struct {
	Sites     []site.ID `json:"sites"`
	Params    int       `json:"params"`
	FLOPs     int64     `json:"flops"`          // more for one sample, forward
	Scan      []Point   `json:"scan,omitempty"` // on the first samples: where to measure
	Curve     []Point   `json:"curve"`          // on the others
	Amplitude Number    `json:"amplitude"`      // the best; 0 if none beats no change
	Gain      Number    `json:"gain"`           // decrease of the mean loss there
	Without   Number    `json:"without"`        // 0: what the existing weights gain is not set off
	Error     Number    `json:"error"`          // its standard error
	Passed    bool      `json:"passed"`         // the gate
	Reason    string    `json:"reason"`
}

// Point is one amplitude: the decrease of the mean loss and its standard error.
type Point struct {
	Amplitude Number `json:"amplitude"`
	Gain      Number `json:"gain"`
	Error     Number `json:"error"`
}

// GrownRecord is what happened at one site; by pruning To is less than From.
type GrownRecord struct {
	Site      site.ID `json:"site"`
	Unit      string  `json:"unit"` // channels or neurons
	From      int     `json:"from"`
	To        int     `json:"to"`
	Share     Number  `json:"share"`
	Predicted Number  `json:"predicted"` // first-order gain at the amplitude taken
	Measured  Number  `json:"measured"`  // gain of the site alone; that of several together is Joint's
	Amplitude Number  `json:"amplitude"`
	Params    int     `json:"params"`
	Sentence  string  `json:"sentence"`
}

// numbers converts at most limit values.
func numbers(x []float64, limit int) []Number {
	out := make([]Number, min(len(x), limit))
	for i := range out {
		out[i] = Number(x[i])
	}
	return out
}
