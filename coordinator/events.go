package coordinator

import (
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Events is told what happens in a run: for progress, logs and metrics. Nil
// fields are left out. They are called by the run's own goroutine, one at a
// time, and must return soon.
type Events struct {
	Started func(Started)
	// Step, Evaluated and Grew follow the sums of a round.
	Step      func(trainer.StepRecord, Pace)
	Evaluated func(trainer.EvalRecord)
	Grew      func(growth.Record, trainer.GrownRecord)
	// Learned is told of each iteration of learning first weights.
	Learned func(trainer.InitRecord)
	// Restored is told that a run which is over went back to its best network.
	Restored func(trainer.RestoredRecord)
	// Followed tells how the neurons of an event fared in the steps after it.
	Followed func(growth.HealthRecord)
	// Network is told of the network when the run is taken up, and after each growth
	// event that changed it. Gradient is told of the gradient of the step before each
	// growth event. What both get is lent until they return, and only to be read.
	Network  func(Network)
	Gradient func(Gradient)
	// Saved is told where a checkpoint lies.
	Saved func(dir string, step proto.Step)
	// Joined, Refused and Left are about workers.
	Joined  func(Member)
	Refused func(Member, string)
	Left    func(w proto.WorkerID, why string)
	// Reducers tells of reducers that come and go.
	Reducers func(string)
	// Alive is called many times a second while the run goes on or waits.
	Alive func()
	// Reached is called every few seconds while the bus carries messages.
	Reached func()
	// Waiting says that the run stands still for want of workers, Resumed that it goes on.
	Waiting func(why string)
	Resumed func(why string)
	// Alarm says that two workers computed different sums of the same block,
	// and later which of them is in quarantine.
	Alarm func(string)
	// Trouble is about what fails without holding up the run.
	Trouble func(string)
	// Decided is told every decision about blocks and workers, for debugging.
	Decided func(plan.Command)
}

// Started is a run at its start.
type Started struct {
	Run        proto.RunID
	Dir        string
	Term       proto.Term
	Resumed    bool // the run goes on from a checkpoint
	Step       proto.Step
	Steps      uint64 // number of steps of the whole run
	Epochs     float64
	Params     int
	Generation proto.Generation
	Outlook    string                  // how large the network will become, if that is known
	Extended   *trainer.ExtendedRecord // nil unless the run just got a later end
}

// Network is the network of a run at a step.
type Network struct {
	Step  proto.Step
	Event uint64    // number of growth events so far
	Model *nn.Model // at hand
}

// Gradient is the gradient of the last step before a growth event.
type Gradient struct {
	Step    proto.Step // after the update
	Event   uint64     // number of growth events before this one
	Graph   *nn.Graph  // the graph that it is of
	Sum     []float32  // over the samples, by the graph's ParamEntries
	Samples int
}

// Pace is how fast a run goes.
type Pace struct {
	Wall       time.Duration // since this process took the run up
	Steps      uint64        // number of steps of the whole run, as far as is known
	Workers    int
	Threads    int
	SamplesSec float64       // over the last seconds
	Left       time.Duration // time to the end of the run; 0: not known yet
	CPU        time.Duration // processor time of this process since it took the run up
	Timing     Timing        // tells where the time of this process's gradient rounds went, so far
}

// Member is a worker as it introduced itself.
type Member struct {
	Worker  proto.WorkerID
	Host    string
	Threads int
	Program string
}

// WithDefaults gives every callback something to do.
func (e Events) WithDefaults() Events {
	if e.Started == nil {
		e.Started = func(Started) {}
	}
	if e.Step == nil {
		e.Step = func(trainer.StepRecord, Pace) {}
	}
	if e.Evaluated == nil {
		e.Evaluated = func(trainer.EvalRecord) {}
	}
	if e.Learned == nil {
		e.Learned = func(trainer.InitRecord) {}
	}
	if e.Restored == nil {
		e.Restored = func(trainer.RestoredRecord) {}
	}
	if e.Followed == nil {
		e.Followed = func(growth.HealthRecord) {}
	}
	if e.Grew == nil {
		e.Grew = func(growth.Record, trainer.GrownRecord) {}
	}
	if e.Network == nil {
		e.Network = func(Network) {}
	}
	if e.Gradient == nil {
		e.Gradient = func(Gradient) {}
	}
	if e.Saved == nil {
		e.Saved = func(string, proto.Step) {}
	}
	if e.Joined == nil {
		e.Joined = func(Member) {}
	}
	if e.Refused == nil {
		e.Refused = func(Member, string) {}
	}
	if e.Left == nil {
		e.Left = func(proto.WorkerID, string) {}
	}
	for _, f := range []*func(){&e.Alive, &e.Reached} {
		if *f == nil {
			*f = func() {}
		}
	}
	ignore := func(string) {}
	for _, f := range []*func(string){&e.Waiting, &e.Resumed, &e.Alarm, &e.Trouble, &e.Reducers} {
		if *f == nil {
			*f = ignore
		}
	}
	if e.Decided == nil {
		e.Decided = func(plan.Command) {}
	}
	return e
}
