package growth

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// EventInfo is what an event knows of the run around it.
type EventInfo struct {
	Number       uint64 // place of the event in the run, from 0
	Step         uint64
	Epoch        uint64
	Seed         uint64 // seed of the run
	TrainSamples int    // samples to train on
	HeldOut      int    // further ones of the training split, which an event does not read
	MicroShard   int
	History      History
	// SamplesLeft is how many samples the run will still train on, FLOPsLeft how
	// many operations of forward passes it may still spend on them; 0: no limit.
	SamplesLeft, FLOPsLeft float64
	LR                     float64 // learning rate of the next step
	// Evidence is what statistics that rode along say of sites; a site of which
	// they say nothing yet is missing.
	Evidence []Evidence
	// Part of the run is done, of which Budget is all.
	Part   float64
	Budget Budget
	// DryRun decides and journals, and changes nothing.
	DryRun bool
}

// SampleRange is positions [Offset, Offset+Count) in the event's own seeded
// order of the training samples.
type SampleRange struct{ Offset, Count int }

// Outcome is what an event decided.
type Outcome struct {
	Model  *nn.Model    // the model of the next generation, or the one given, unchanged
	Slots  []optim.Slot // carried over to the new model
	Record *Record
	Grown  bool
}

// Event is one growth event as a pure state machine that goes through the stages
// of a policy: Next says which round to run, Feed takes its reduced sums, Outcome
// tells the decision once Next has nothing more to ask. It starts goroutines only to
// solve independent sites, and waits for them.
type Event struct {
	state   State
	slots   []optim.Slot
	stages  []Stage // stages to come, the first of which awaits sums
	round   *Round  // round that the first stage asked for
	length  int     // number of values that the sums have
	outcome *Outcome
}

// errOver is returned when sums come after the decision.
var errOver = errors.New("growth event is over: no sums are awaited")

// NewEvent starts an event on a model and the optimizer's slots, none of which
// it changes. cfg must be valid.
func NewEvent(cfg Config, m *nn.Model, slots []optim.Slot, info EventInfo) *Event {
	return newEvent(cfg, cfg.stages(), m, slots, info)
}

// NewInspection starts an event that measures bottleneck and spectrum at every
// site, whatever the limits, and then refuses to grow: its Record is the result.
func NewInspection(cfg Config, m *nn.Model, info EventInfo) *Event {
	cfg.Fix(func(*Fixed) {}) // as the run's own policy has it
	cfg.Policy, info.DryRun, cfg.DepthEvery = PolicyTiny, true, 0
	cfg.MaxNeurons = min(cfg.MaxNeurons, maxSpectrum)
	cfg.MaxWidth, cfg.Widths, cfg.MaxParams, cfg.MaxFLOPs = 0, nil, 0, 0
	return newEvent(cfg, []Stage{&find{}, &bottleneck{project: true}, &neurons{}}, m, nil, info)
}

func newEvent(cfg Config, stages []Stage, m *nn.Model, slots []optim.Slot, info EventInfo) *Event {
	params, flops := m.Graph.NumParams(), m.Graph.FLOPs()
	e := &Event{slots: slots, stages: stages, state: State{Settings: cfg, fixed: cfg.Fixes(), Model: m, Info: info, Record: &Record{
		Event: info.Number, Step: info.Step, Epoch: info.Epoch, Generation: m.Graph.Generation,
		Policy: cfg.Policy, Where: "gain", Loss: Number(math.NaN()), DryRun: info.DryRun,
		ParamsBefore: params, ParamsAfter: params, FLOPsBefore: flops, FLOPsAfter: flops,
		Sites: []SiteRecord{},
	}}}
	if m.Graph.LRA != nil {
		e.state.Record.Updates = RecLRA
	}
	for i := range info.Evidence {
		e.state.Record.Evidence = append(e.state.Record.Evidence, info.Evidence[i].record())
	}
	if len(stages) == 0 {
		e.state.refuse(fmt.Sprintf("policy %s never grows", cfg.Policy))
	}
	e.advance()
	return e
}

// advance goes through the stages up to one that needs sums.
func (e *Event) advance() {
	s := &e.state
	for ; len(e.stages) > 0 && !s.over; e.stages = e.stages[1:] {
		if e.round = e.stages[0].Ask(s); e.round != nil {
			e.announce()
			return
		}
		e.stages[0].Take(s, nil)
	}
	if s.Record.Decision == "" {
		s.refuse("inspection only")
	}
	e.conclude()
}

// announce journals the round that is asked for.
func (e *Event) announce() {
	r := e.round
	r.Generation = e.state.Model.Graph.Generation
	length, err := r.Request.Len(e.state.Model.Graph)
	if err != nil {
		panic("growth: event made an invalid request: " + err.Error())
	}
	e.length = length
	e.state.Record.Rounds = append(e.state.Record.Rounds, RoundRecord{r.Kind, r.Samples.Count, length})
}

// Next returns the round to run, or ok false once the event is decided. It
// returns the same round until Feed is called.
func (e *Event) Next() (req *measure.Request, s SampleRange, ok bool) {
	if e.round == nil {
		return nil, SampleRange{}, false
	}
	return e.round.Request, e.round.Samples, true
}

// Feed takes the sums of the round that Next returned, reduced over its samples.
func (e *Event) Feed(sums []float64) error {
	if e.round == nil {
		return errOver
	}
	read, err := e.round.Read(e.state.Model.Graph, sums)
	if err != nil {
		return err
	}
	e.round = nil
	switch {
	case !(read.Samples > 0):
		e.state.refuse("the round has no samples")
	case math.IsNaN(read.Loss) || math.IsInf(read.Loss, 0):
		e.state.refuse("the loss is not finite")
	default:
		e.stages[0].Take(&e.state, read)
		e.stages = e.stages[1:]
	}
	e.advance()
	return nil
}

// SumsLen returns the number of sums of the round that Next returned.
func (e *Event) SumsLen() int { return e.length }

// Outcome returns the decision; nil while a round is awaited.
func (e *Event) Outcome() *Outcome { return e.outcome }

// conclude makes the outcome of what was decided.
func (e *Event) conclude() {
	s := &e.state
	s.deepen()
	e.outcome = &Outcome{Model: s.Model, Slots: e.slots, Record: s.Record}
	if s.wide == nil || s.Info.DryRun {
		return
	}
	e.outcome.Model, e.outcome.Grown, e.outcome.Slots = s.wide, true, carrySlots(s.Model.Graph, s.wide.Graph, e.slots)
}

// carrySlots returns optimizer state for the parameters of a new graph: zero
// where they are new.
func carrySlots(old, new *nn.Graph, slots []optim.Slot) []optim.Slot {
	var out []optim.Slot
	for _, s := range slots {
		out = append(out, optim.Slot{Name: s.Name, Data: site.Carry(old, new, s.Data)})
	}
	return out
}
