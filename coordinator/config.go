package coordinator

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/hook"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Config is all that a coordinator can be told. Model, Train, Optimizer, Growth, Prune, Sync and
// the callbacks that look at evaluations decide the result; the rest does not change a bit of it.
type Config struct {
	Model      nn.ModelConfig `yaml:"model"`
	Train      trainer.Config `yaml:"train"`
	Optimizer  optim.Config   `yaml:"optim"`
	Growth     growth.Config  `yaml:"growth"`
	Prune      prune.Config   `yaml:"prune"`
	Sync       trainer.Sync   `yaml:"sync"`
	Cluster    Cluster        `yaml:"cluster"`
	Checkpoint Checkpoint     `yaml:"checkpoint"`
	Callbacks  Callbacks      `yaml:"callbacks"`
}

// Callbacks are what is done at evaluations and other events of a run.
type Callbacks struct {
	trainer.Callbacks `yaml:",inline"`
	// Hooks are commands and addresses that are told of events. They change no bit.
	Hooks []hook.Hook `yaml:"hooks"`
}

// Cluster says how workers are dealt with.
type Cluster struct {
	// MinWorkers is the number of workers below which the run stands still.
	MinWorkers int `yaml:"min_workers"`
	// MaxWorkers is the number above which no more are admitted.
	MaxWorkers int `yaml:"max_workers"`
	// IDsPerKey is the number of workers that may join with one key of the NATS
	// server. Where that tells keys not apart there is no such bound.
	IDsPerKey int `yaml:"ids_per_key"`
	// Reducers is the number of ranges that the parameters are cut into at most, each
	// owned by one of the reducers that join; 0: none may join, the coordinator owns all.
	Reducers int `yaml:"reducers"`
	// LostAfter is the silence after which a worker or reducer is given up; they give
	// a sign of life four times as often.
	LostAfter time.Duration `yaml:"lost_after"`
	// Overdue is how many times the usual duration a block may take, on top of
	// Grace, before an idle worker gets a copy of it.
	Overdue float64       `yaml:"overdue"`
	Grace   time.Duration `yaml:"grace"`
	// Audit is the fraction of blocks that two workers compute, to find those
	// that compute wrongly without knowing it; 0: none.
	Audit float64 `yaml:"audit"`
	// StopGrace is how long a run that is told to stop waits for the end of
	// the step at hand.
	StopGrace time.Duration `yaml:"stop_grace"`
	// Log says whether commits go to a log on the NATS server, from which a
	// standby takes over: auto (if the server has JetStream), on or off.
	Log string `yaml:"log"`
	// Lease is the silence after which a standby takes over from a coordinator.
	Lease time.Duration `yaml:"lease"`
	// Replicas is on how many servers of a NATS cluster the log lies.
	Replicas int `yaml:"replicas"`
}

// Values of Cluster.Log.
const (
	LogAuto = "auto"
	LogOn   = "on"
	LogOff  = "off"
)

// Checkpoint says when the run is saved besides at its start and its end.
type Checkpoint struct {
	// Every is the longest time that a step which was made waits for a
	// checkpoint, also while the round after it goes on; what can be lost on
	// top is that round alone. With a commit log they
	// come more often where that costs next to nothing, because a successor
	// makes the steps since the newest one again. EverySteps, if not 0, makes
	// one after so many steps too.
	Every      time.Duration `yaml:"every"`
	EverySteps uint64        `yaml:"every_steps"`
	// Keep is how many checkpoints stay.
	Keep int `yaml:"keep"`
}

// Default returns a configuration that trains the model "cnn".
func Default() Config {
	return Config{
		Model: nn.ModelConfig{Name: "cnn"}, Train: trainer.Default(), Optimizer: optim.Default(), Growth: growth.Default(),
		Prune: prune.Default(), Sync: trainer.DefaultSync(),
		Cluster: Cluster{MinWorkers: 1, MaxWorkers: 1024, IDsPerKey: 64, Reducers: 64, LostAfter: 10 * time.Second, Overdue: 3,
			Grace: 100 * time.Millisecond, StopGrace: 10 * time.Second,
			Log: LogAuto, Lease: 2 * time.Second, Replicas: 1},
		Checkpoint: Checkpoint{Every: 30 * time.Second, Keep: 3},
		Callbacks:  Callbacks{Callbacks: trainer.DefaultCallbacks()},
	}
}

// Validate returns all faults at once, or nil. Faults of the model are found
// by nn.Build.
func (c Config) Validate() error {
	found := faults.List{c.Train.Validate(), c.Optimizer.Validate(), c.Growth.Validate(), c.Prune.Validate(),
		trainer.CheckGrowth(c.Growth, c.Train), trainer.CheckPruning(c.Prune, c.Train, c.Sync), c.Callbacks.Validate(c.Train),
		c.Sync.Validate(c.Train), c.settings(Data{}).CheckMasks(), hook.Validate(c.Callbacks.Hooks)}
	k := c.Cluster
	found.Check(k.MinWorkers >= 1, "min_workers %d: must be at least 1", k.MinWorkers)
	found.Check(k.MaxWorkers >= k.MinWorkers && k.MaxWorkers <= 1<<16, "max_workers %d: must be min_workers to %d", k.MaxWorkers, 1<<16)
	found.Check(k.IDsPerKey >= 1 && k.IDsPerKey <= 1<<16, "ids_per_key %d: must be 1 to %d", k.IDsPerKey, 1<<16)
	found.Check(k.Reducers >= 0 && k.Reducers <= proto.MaxShares, "reducers %d: must be 0 to %d", k.Reducers, proto.MaxShares)
	found.Check(k.LostAfter >= 100*time.Millisecond && k.LostAfter <= time.Hour, "lost_after %s: must be 100ms to 1h", k.LostAfter)
	found.Check(k.Overdue >= 1 && k.Overdue <= 1000, "overdue %v: must be 1 to 1000", k.Overdue)
	found.Check(k.Grace > 0 && k.Grace <= time.Hour, "grace %s: must be above 0 and at most 1h", k.Grace)
	found.Check(k.Audit >= 0 && k.Audit <= 1, "audit %v: must be 0 to 1", k.Audit)
	found.Check(k.StopGrace >= 0, "stop_grace %s: must be at least 0", k.StopGrace)
	found.Check(k.Log == LogAuto || k.Log == LogOn || k.Log == LogOff, "log %q: must be auto, on or off", k.Log)
	found.Check(k.Lease >= 500*time.Millisecond && k.Lease <= time.Hour, "lease %s: must be 500ms to 1h", k.Lease)
	found.Check(k.Replicas >= 1 && k.Replicas <= 5, "replicas %d: must be 1 to 5", k.Replicas)
	found.Check(c.Checkpoint.Every > 0, "checkpoint every %s: must be above 0", c.Checkpoint.Every)
	found.Check(c.Checkpoint.Keep >= 1, "checkpoint keep %d: must be at least 1", c.Checkpoint.Keep)
	return found.Err()
}

// reducers returns how many ranges there may be. Of halves that owners of ranges add nobody has whole chunks, so
// that a run whose steps compare the halves of their batches has none.
func (c Config) reducers(alone bool) int {
	if alone || c.Train.GradCosine {
		return 0
	}
	return c.Cluster.Reducers
}

func (c Config) plan() plan.Config {
	return plan.Config{MinWorkers: c.Cluster.MinWorkers, LostAfter: c.Cluster.LostAfter, Overdue: c.Cluster.Overdue,
		Grace: c.Cluster.Grace, Audit: c.Cluster.Audit}
}

func (c Config) settings(d Data) trainer.Settings {
	return trainer.Settings{Train: c.Train, Optimizer: c.Optimizer, Growth: c.Growth, Prune: c.Prune, Callbacks: c.Callbacks.Callbacks,
		Sync: c.Sync, Data: trainer.Data{Train: d.Train, Test: d.Test, Task: d.task()}}
}

// standIn reports whether the workers of a run on the data compute nothing.
func (d Data) standIn() bool { return d.Card != nil && d.Card.StandIn }

// ErrStandIn is returned when a run of stand-ins is to go on with workers that compute,
// or the other way round.
var ErrStandIn = errors.New("a run of stand-ins, which is not trained")

// task is what the outputs of a network for the data are.
func (d Data) task() nn.Task {
	if d.Card == nil {
		return ""
	}
	return d.Card.Task
}

// ErrOtherData is returned when a run is to go on with other data than its own.
var ErrOtherData = errors.New("another data set than the run's")

// Continues returns an error that wraps ErrOtherData if the data are not those that
// a checkpoint's card tells of: not the same samples, classes or normalisation. A
// checkpoint of an earlier version has no card and is not held to one.
func (d Data) Continues(card *nn.Card) error {
	if card != nil && d.Card != nil && card.StandIn != d.Card.StandIn {
		return fmt.Errorf("%w: the checkpoint says worker.stand_in %t, this process %t: give the same as when the run began, or begin "+
			"a new run", ErrStandIn, card.StandIn, d.Card.StandIn)
	}
	if card == nil || d.Card == nil || card.Equal(d.Card) {
		return nil
	}
	if err := card.SameClasses(d.Card.Data, d.Card.Classes); err != nil {
		return fmt.Errorf("%w: %w", ErrOtherData, err)
	}
	if card.Digest != d.Card.Digest {
		return fmt.Errorf("%w: the checkpoint was made on %s with digest %.16s, here is %s with digest %.16s: "+
			"name the run's own data with --data and --data-dir, or begin a new run",
			ErrOtherData, card.Data, card.Digest, d.Card.Data, d.Card.Digest)
	}
	if !slices.Equal(card.Mean, d.Card.Mean) || !slices.Equal(card.Std, d.Card.Std) {
		return fmt.Errorf("%w: the run normalises by mean %v and deviation %v, this build computes %v and %v of the same samples: "+
			"go on with the build that began the run",
			ErrOtherData, card.Mean, card.Std, d.Card.Mean, d.Card.Std)
	}
	return nil // names of classes or of the data set that one side does not have
}

// Data is what a coordinator knows of the data set: it never sees samples.
type Data struct {
	Digest      string // workers with another one are refused
	Train, Test int    // numbers of samples
	Shape       nn.Shape
	Classes     int
	// Card is what is written into checkpoints beside the model: how it reads
	// pictures and what its outputs are called. Nil: nothing is.
	Card *nn.Card
	// Set is what workers without it are told of it.
	Set proto.DataSet
	// Pack writes the set as the file that they fetch; nil: they cannot.
	Pack func(w io.Writer) error
	// Packed opens the file that Pack would write where there is one already, with a
	// number that tells files of one set apart; a nil file: there is none.
	Packed func() (f *os.File, sum uint32, err error)
}
