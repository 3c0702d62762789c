package trainer

import (
	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Progress is where a trainer stands, apart from model and optimizer. It is
// written into checkpoints.
type Progress struct {
	Step uint64 `json:"step"`
	// Made is how many steps the last update stands for, 0 for one.
	Made uint64 `json:"made,omitempty"`
	// EvalStep is the step of the last evaluation.
	EvalStep uint64 `json:"eval_step"`
	// Evaluated says that the weights of this step were evaluated, Validated that
	// they were on the validation samples, Considered that growth was, if due.
	Evaluated  bool           `json:"evaluated"`
	Validated  bool           `json:"validated,omitempty"`
	Considered bool           `json:"considered"`
	Growth     growth.History `json:"growth"`
	// Noise is what the gradients of the halves of batches said so far.
	Noise Noise `json:"noise,omitzero"`
	// Learning is where learning the scales of first weights stands, nil once it is over.
	Learning *initial.State `json:"learning,omitempty"`
	// FLOPs have been spent on gradients and growth events.
	FLOPs float64 `json:"flops"`
	// Averaged says that the run is over and the model the average of its weights.
	Averaged bool `json:"averaged,omitempty"`
	// Stopped says why the run ended before its last step, if it did.
	Stopped string `json:"stopped,omitempty"`
	// Epoch sums the steps of the epoch at hand, LastEpoch is the one before.
	Epoch     Tally `json:"epoch"`
	LastEpoch Tally `json:"last_epoch"`
	// Test and Validation are the last evaluations, TestStep and ValidationStep
	// those of the weights that they were made with.
	Test           Tally  `json:"test"`
	TestStep       uint64 `json:"test_step,omitempty"`
	TestFlips      *Flips `json:"test_flips,omitempty"` // set together with Test
	Validation     Tally  `json:"validation"`
	ValidationStep uint64 `json:"validation_step,omitempty"`
	StartParams    int    `json:"start_params"`
	// Prunings have begun. Gates are those of one that is not over, whose parameters without them are not in the
	// JSON, see Trainer.Slots.
	Prunings int          `json:"prunings,omitempty"`
	Gates    *prune.Gates `json:"gates,omitempty"`
	// Ages tells when neurons were born, if the optimizer asks.
	Ages growth.Ages `json:"ages,omitempty"`
	// Newborn follows the neurons of the last event, nil if it grew none or
	// they were followed long enough.
	Newborn *growth.Watch `json:"newborn,omitempty"`
	// Riding is what rode along with gradient rounds since the last event, nil if
	// nothing does. Its sums are not in the JSON, see Values.
	Riding *growth.Window `json:"riding,omitempty"`
	// Monitored is what callbacks know of the evaluations, nil if none was looked at. The
	// best network is not in the JSON, see Best.
	Monitored *Monitored `json:"monitored,omitempty"`
	// WireExponent is that of the scale of the next gradient in fp16.
	WireExponent int `json:"wire_exponent,omitempty"`
	// Masked says that the masks of the run are found, and that weights are trained under them.
	Masked bool `json:"masked,omitempty"`
	// Extensions are the later ends that the run got, in their order.
	Extensions []Extension `json:"extensions,omitempty"`
}

// Tally is a sum of metrics over samples.
type Tally struct {
	Samples float64 `json:"samples"`
	Loss    float64 `json:"loss"`
	Correct float64 `json:"correct"`
}

func tally(f64 []float64) Tally {
	m := nn.MetricsOf(f64)
	return Tally{m.N, m.Loss, m.Correct}
}

func (t *Tally) add(u Tally) {
	t.Samples += u.Samples
	t.Loss += u.Loss
	t.Correct += u.Correct
}

// MeanLoss returns the loss of a sample, 0 for no samples.
func (t Tally) MeanLoss() float64 { return t.Loss / max(t.Samples, 1) }

// Accuracy returns the part of samples that are right, or their mean score where they have no label
// (nn.NoLabel), as nn.Task.Metric names it; 0 for no samples.
func (t Tally) Accuracy() float64 { return t.Correct / max(t.Samples, 1) }
