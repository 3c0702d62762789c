package coordinator

import (
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// Result is how a run stands when Run returns.
type Result struct {
	Run    proto.RunID `json:"run"`
	RunDir string      `json:"run_dir"`
	// Done is false for a run that was stopped and can be resumed.
	Done bool `json:"done"`
	// Paused says that a run which is not done ended where it was to (Job.PauseAt).
	Paused bool `json:"paused,omitempty"`
	// Stopped says why a run that is done ended before its last step.
	Stopped      string           `json:"stopped,omitempty"`
	StandIn      bool             `json:"stand_in,omitempty"` // workers computed nothing, so nothing is trained
	Steps        proto.Step       `json:"steps"`
	FLOPs        float64          `json:"flops"` // spent on gradients and growth events
	Generation   proto.Generation `json:"generation"`
	ParamsStart  int              `json:"params_start"`
	ParamsEnd    int              `json:"params_end"`
	Widths       map[string]int   `json:"widths"` // outputs by layer, all but the last
	GrowthEvents []*growth.Record `json:"growth_events"`
	// TrainLoss is the mean over TrainSamples samples of epoch TrainEpoch, the
	// last one; nil if no step was made.
	TrainLoss    *float64 `json:"train_loss"`
	TrainSamples int      `json:"train_samples,omitempty"`
	TrainEpoch   uint64   `json:"train_epoch,omitempty"`
	// The last evaluation on the test samples, with the weights of TestStep; nil
	// if there was none.
	TestLoss     *float64 `json:"test_loss"`
	TestAccuracy *float64 `json:"test_accuracy"`
	// Metric says what accuracies are where samples have no classes (nn.Task.Metric).
	Metric   string     `json:"metric,omitempty"`
	TestStep proto.Step `json:"test_step,omitempty"`
	// TestFlips is by the mean of the outputs for a picture and its mirror image, if train.test_flips is on.
	TestFlips *trainer.Flips `json:"test_flips,omitempty"`
	// Validation is the last evaluation on samples held out, nil if there was none.
	Validation *Evaluation `json:"validation,omitempty"`
	// Best is the best evaluation by what callbacks monitor, and whether the network
	// that the run ended with is that one; nil if nothing is monitored.
	Best *trainer.Monitored `json:"best,omitempty"`

	ModelSHA256     string `json:"model_sha256"`
	OptimizerSHA256 string `json:"optimizer_sha256"`
	JournalSHA256   string `json:"journal_sha256"`

	StepsHere   int     `json:"steps_here"` // made by this process
	WallS       float64 `json:"wall_s"`     // seconds that this process ran
	CPUS        float64 `json:"cpu_s"`
	SamplesPerS float64 `json:"samples_per_s"` // training samples over wall time
	Timing      Timing  `json:"timing"`
	Dropped     Dropped `json:"dropped"`
	// Quarantined are the workers that computed wrongly.
	Quarantined []Quarantined `json:"quarantined,omitempty"`
}

// Evaluation is how well a network does on some samples.
type Evaluation struct {
	Step     proto.Step `json:"step"` // step after which the weights were taken
	Samples  int        `json:"samples"`
	Loss     float64    `json:"loss"`
	Accuracy float64    `json:"accuracy"`
}

// measured puts into r what was measured last; what never was stays nil.
func (r *Result) measured(t *trainer.Trainer) {
	at := t.Progress()
	r.Best = at.Monitored
	if !t.Task().Labelled() {
		r.Metric = t.Task().Metric()
	}
	if sums, epoch := t.Trained(); sums.Samples > 0 {
		loss := sums.MeanLoss()
		r.TrainLoss, r.TrainSamples, r.TrainEpoch = &loss, int(sums.Samples), epoch
	}
	if at.Test.Samples > 0 {
		loss, accuracy := at.Test.MeanLoss(), at.Test.Accuracy()
		r.TestLoss, r.TestAccuracy, r.TestStep = &loss, &accuracy, proto.Step(at.TestStep)
		r.TestFlips = at.TestFlips
	}
	if v := at.Validation; v.Samples > 0 {
		r.Validation = &Evaluation{proto.Step(at.ValidationStep), int(v.Samples), v.MeanLoss(), v.Accuracy()}
	}
}

// Quarantined is a worker that gets no more blocks of this run.
type Quarantined struct {
	Worker proto.WorkerID `json:"worker"`
	Host   string         `json:"host"`
	Step   proto.Step     `json:"step"` // step after which the weights were taken
	Why    string         `json:"why"`
}
