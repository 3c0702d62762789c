package coordinator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/metrics"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Job is one training job. It lies in directory Dir.
type Job struct {
	Run    proto.RunID
	Dir    string
	Config Config
	// Resolved is what config.yaml of a new run is to hold.
	Resolved []byte
	// Settings is what of it decides bits, for others that come upon the run at
	// the server; at most proto.MaxSettings bytes.
	Settings string
	Data     Data
	// Resume continues the run in Dir, whose id then counts instead of Run.
	Resume bool
	// Start is the model that a new run starts from, nil: fresh weights. Train.From of
	// Config is its digest, and the run directory keeps it.
	Start *Start
	// End, if not nil, extends the run that is resumed.
	End *trainer.End
	// Invite ends what is told while the run waits for workers: how more may join.
	// Empty: nobody can.
	Invite string
	// Alone says that workers are in this process, which then owns all parameters: reducers
	// are not admitted.
	Alone bool
	// Lead is this coordinator's hold on the run: commits go to its log. Nil:
	// there is no log, and nobody can stand by.
	Lead *lead.Lead
	// Claim is how long a start asks whether another coordinator leads the run
	// before it says a word to workers, where no log tells of that. 0: no other can be there.
	Claim time.Duration
	// PauseAt is the part of the run, behind which this start ends in order, as if it was told to; 0 or 1: it does not.
	PauseAt float64
	Events  Events
}

// ErrOtherRun is returned when a run directory is not of the run that the
// commit log tells of.
var ErrOtherRun = errors.New("the directory is of an earlier run of that id")

// ErrOtherShape is returned when a model is asked for that does not fit the data.
var ErrOtherShape = errors.New("not the shape of the data")

// ErrSettings is returned for settings that cannot be, which shows only once the data set and the network are known.
var ErrSettings = errors.New("settings that cannot be")

// storage is a job on disk, with the trainer that it holds.
type storage struct {
	dir   *checkpoint.Dir
	run   proto.RunID
	term  proto.Term
	start proto.Start
	born  proto.Start // start that began the run; empty: not known
	train *trainer.Trainer
	fresh bool // at the start of a new run
	// extended is the line of the metrics about a later end that the run just got.
	extended *trainer.ExtendedRecord
	saved    time.Time              // time at which the newest checkpoint was begun
	behind   bool                   // a round was applied since
	took     time.Duration          // the last save
	last     *checkpoint.Checkpoint // saved; its tensors are those at hand
	card     *nn.Card               // what the model was trained on
	basis    *checkpoint.Basis      // what decides the bits of the run
	uncarded bool                   // the checkpoint did not have it
	keep     int
	wall     time.Duration // at the last step or evaluation
	steps    metrics.Steps // lines of steps
}

// openStorage takes up a job from its directory or makes that. The commit log
// knows terms that the directory does not.
func openStorage(j Job, past lead.History, start proto.Start) (*storage, error) {
	if err := j.Config.Validate(); err != nil {
		return nil, err
	}
	s := &storage{run: j.Run, term: past.Term + 1, start: start, born: start, fresh: true, card: j.Data.Card,
		keep: j.Config.Checkpoint.Keep}
	var c *checkpoint.Checkpoint
	var err error
	if s.basis, err = j.Config.Basis(); err != nil {
		return nil, err
	}
	if j.Resume {
		s.dir, c, err = checkpoint.Open(j.Dir)
	} else if s.train, err = NewTrainer(j.Config, j.Data, j.Start); err == nil { // before anything is made on disk
		if j.Start == nil {
			s.dir, err = checkpoint.Create(j.Dir, j.Resolved)
		} else {
			s.dir, err = checkpoint.CreateFrom(j.Dir, j.Resolved, j.Start.Model, j.Start.Card)
		}
	}
	if err != nil {
		return nil, err
	}
	switch {
	case c != nil:
		if err = errors.Join(sameRun(j.Dir, &c.State, past), j.Data.Continues(c.Card), j.Config.SameSettings(c.Basis),
			SameNumerics(c.Basis)); err == nil {
			s.run, s.term, s.born, s.fresh = c.Run, max(c.Term, past.Term)+1, cmp.Or(c.Born, past.Born), false
			if s.uncarded = c.Card == nil; !s.uncarded {
				s.card = c.Card
			}
			s.basis = cmp.Or(c.Basis, s.basis)
			s.train, err = RestoreTrainer(j.Config, j.Data, c)
		}
	case s.train == nil:
		var from *Start
		if from, err = j.Config.ReadStart(j.Dir); err == nil {
			s.train, err = NewTrainer(j.Config, j.Data, from)
		}
	}
	if err == nil {
		err = s.run.Validate()
	}
	if err == nil && j.Resume && j.End != nil {
		err = s.extend(*j.End, past)
	}
	if err == nil {
		err = s.save() // also so that the next coordinator's term is a later one
	}
	if err != nil {
		return nil, errors.Join(err, s.dir.Close())
	}
	return s, nil
}

// head is what stands in every message.
func (s *storage) head() proto.Head { return proto.Head{Run: s.run, Term: s.term, Start: s.start} }

// NewTrainer returns the trainer of a run at its start: with fresh weights, or with
// those of from, which the configuration names.
func NewTrainer(c Config, d Data, from *Start) (*trainer.Trainer, error) {
	m := c.Model
	if m.Input != (nn.Shape{}) && m.Input != d.Shape || m.Classes != 0 && m.Classes != d.Classes {
		return nil, fmt.Errorf("%w: model.input %v and model.classes %d, the data set has %v and %d: leave them out",
			ErrOtherShape, m.Input, m.Classes, d.Shape, d.Classes)
	}
	if c.Train.From != "" {
		return trainerFrom(c, d, from)
	}
	m.Input, m.Classes = d.Shape, d.Classes
	if m.Loss == "" {
		m.Loss = d.task().Loss()
	}
	if err := d.task().Takes(m.Loss); err != nil {
		return nil, fmt.Errorf("%w: model.%w", ErrOtherShape, err)
	}
	g, err := nn.Build(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOtherShape, err)
	}
	return begin(c, d, c.Train.Model(g))
}

// begin returns the trainer of a run that begins with m, trained by the rule that the configuration names.
func begin(c Config, d Data, m *nn.Model) (*trainer.Trainer, error) {
	m, err := c.Train.Ruled(m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	t, err := trainer.New(c.settings(d), m)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return t, nil
}

// trainerFrom returns the trainer of a run that starts from a trained model.
func trainerFrom(c Config, d Data, from *Start) (*trainer.Trainer, error) {
	if from == nil {
		return nil, fmt.Errorf("%w: train.from is %.16s, and nobody gave it: name its run or export with --from", ErrStart, c.Train.From)
	}
	if err := c.isStart(from.Model, "--from"); err != nil {
		return nil, err
	}
	m, _, err := from.Fit(d, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	if m.Graph.Smoothing = c.Model.LabelSmoothing; m.Graph.Loss != nn.CrossEntropy {
		m.Graph.Smoothing = 0
	}
	return begin(c, d, m)
}

// RestoreTrainer returns the trainer of a run at a checkpoint, whose tensors it keeps.
func RestoreTrainer(c Config, d Data, from *checkpoint.Checkpoint) (*trainer.Trainer, error) {
	at, err := ProgressOf(from)
	if err != nil {
		return nil, err
	}
	return trainer.Restore(c.settings(d), from.Model, from.Slots, from.Updates, at)
}

// ProgressOf returns where the trainer of a checkpoint stood.
func ProgressOf(from *checkpoint.Checkpoint) (at trainer.Progress, err error) {
	if err = json.Unmarshal(from.Progress, &at); err == nil {
		at, err = at.WithBest(from.Best).WithValues(from.Model.Graph, from.Riding)
	}
	if err != nil {
		return at, fmt.Errorf("%w: progress of step %d: %w", checkpoint.ErrDamaged, from.Step, err)
	}
	if at.Step != uint64(from.Step) {
		return at, fmt.Errorf("%w: the checkpoint of step %d tells of the progress of step %d", checkpoint.ErrDamaged, from.Step, at.Step)
	}
	return at, nil
}

// extend gives the run a later end. What the commit log has behind the checkpoint
// would not be made again: it has to be in a checkpoint before.
func (s *storage) extend(to trainer.End, past lead.History) error {
	for _, r := range past.Records {
		if r.Step > s.train.Step() && r.Origin == past.Origin {
			return fmt.Errorf("extend run %s at step %d: its commit log goes on to step %d: resume it as it is, stop it, and "+
				"extend it then",
				s.run, s.train.Step(), r.Step)
		}
	}
	r, err := s.train.Extend(to)
	if r == nil || err != nil {
		return err
	}
	s.extended = r
	return s.dir.Metrics.Append(r)
}

// save writes a checkpoint of the trainer as it stands.
func (s *storage) save() error {
	c, err := s.checkpoint()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := s.dir.Save(c, s.keep); err != nil {
		return fmt.Errorf("save step %d: %w: free some space or fix the directory, then continue (tinygrow resume %s, or tinygrow "+
			"coordinator --resume)", c.Step, err, s.dir.Path())
	}
	s.saved, s.last, s.behind = began, c, false
	s.took = time.Since(began)
	return nil
}

func (s *storage) checkpoint() (*checkpoint.Checkpoint, error) {
	at := s.train.Progress()
	progress, err := json.Marshal(at)
	if err != nil {
		return nil, fmt.Errorf("progress of step %d: %w", s.train.Step(), err)
	}
	card := s.card
	if card != nil {
		own := *card
		own.Averaged = s.train.Progress().Averaged
		card = &own
	}
	return &checkpoint.Checkpoint{
		State: checkpoint.State{Run: s.run, Term: s.term, Born: s.born, Step: s.train.Step(), Generation: s.train.Generation(),
			Progress: progress, Updates: s.train.Optimizer().Count(), Card: card, Basis: s.basis},
		Model: s.train.Model(), Slots: s.train.Slots(), Riding: at.Values(), Best: at.Best(),
	}, nil
}

// record writes what a round led to.
func (s *storage) record(a trainer.Applied, p Pace) error {
	var err error
	s.behind = s.behind || a != trainer.Applied{}
	line := func(v any) { err = errors.Join(err, s.dir.Metrics.Append(v)) }
	if a.Init != nil {
		line(struct {
			*trainer.InitRecord
			WallS float64 `json:"wall_s"`
		}{a.Init, seconds(p.Wall)})
	}
	if a.Step != nil {
		line(s.steps.Line(a.Step, metrics.Measured{Wall: p.Wall, SamplesSec: p.SamplesSec, Workers: p.Workers,
			StandIn: s.card != nil && s.card.StandIn}))
	}
	if a.Health != nil {
		line(a.Health)
	}
	if a.Eval != nil {
		line(struct {
			*trainer.EvalRecord
			WallS   float64 `json:"wall_s"`
			StandIn bool    `json:"stand_in,omitempty"`
			spent
		}{a.Eval, seconds(p.Wall), s.card != nil && s.card.StandIn, s.spent(p)})
	}
	if a.Restored != nil {
		line(struct {
			*trainer.RestoredRecord
			WallS float64 `json:"wall_s"`
		}{a.Restored, seconds(p.Wall)})
	}
	if a.Grown != nil {
		line(struct {
			*trainer.GrownRecord
			WallS  float64 `json:"wall_s"`
			EventS float64 `json:"event_s"` // the event took
			spent
		}{a.Grown, seconds(p.Wall), seconds(p.Wall - s.wall), s.spent(p)})
	}
	if a.Step != nil || a.Eval != nil {
		s.wall = p.Wall
	}
	if a.Growth != nil {
		err = errors.Join(err, s.dir.Journal.Append(a.Growth))
	}
	if a.Eval != nil || a.Growth != nil {
		err = errors.Join(err, s.dir.Metrics.Flush(), s.dir.Journal.Flush())
	}
	return err
}

// spent is what a run used until a line of the metrics.
type spent struct {
	FLOPs float64 `json:"flops"` // on gradients and growth events, since the run began
	CPUS  float64 `json:"cpu_s"` // processor time of this process, as wall_s since it took the run up
}

func (s *storage) spent(p Pace) spent { return spent{s.train.Progress().FLOPs, seconds(p.CPU)} }

// diverged notes how much was computed until training diverged.
func (s *storage) diverged() error {
	return s.dir.Metrics.Append(struct {
		Kind  string     `json:"kind"` // diverged
		Step  proto.Step `json:"step"`
		FLOPs float64    `json:"flops"`
	}{"diverged", s.train.Step(), s.train.Progress().FLOPs})
}

// seconds returns a time in seconds, to the millisecond: lines of the metrics are many.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// journal reads all records of the growth journal back.
func (s *storage) journal() ([]*growth.Record, error) {
	if err := s.dir.Journal.Flush(); err != nil {
		return nil, err
	}
	f, _, err := file.Open(filepath.Join(s.dir.Path(), checkpoint.JournalFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	records := []*growth.Record{}
	for d := json.NewDecoder(f); d.More(); {
		r := new(growth.Record)
		if err := d.Decode(r); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		records = append(records, r)
	}
	return records, nil
}
