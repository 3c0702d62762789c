package growth

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// EventInfo is what an event knows of the run around it.
type EventInfo struct {
	Number       uint64 // of the event in the run, from 0
	Step         uint64
	Epoch        uint64
	Seed         uint64 // of the run
	TrainSamples int    // to train on
	HeldOut      int    // further ones of the training split, which an event does not read
	MicroShard   int
	History      History
	// SamplesLeft is how many samples the run will still train on, FLOPsLeft how
	// many operations of forward passes it may still spend on them; 0: no limit.
	SamplesLeft, FLOPsLeft float64
}

// left returns how many samples a network of that size, in FLOPs of a sample's
// forward pass, has left to train on.
func (i EventInfo) left(flops int64) float64 {
	left := math.Inf(1)
	if i.SamplesLeft > 0 {
		left = i.SamplesLeft
	}
	if i.FLOPsLeft > 0 {
		left = min(left, i.FLOPsLeft/math.Max(float64(flops), 1))
	}
	return left
}

// SampleRange is positions [Offset, Offset+Count) in the event's own seeded
// order of the training samples.
type SampleRange struct{ Offset, Count int }

// Outcome is what an event decided.
type Outcome struct {
	Model  *nn.Model    // of the next generation, or the model given, unchanged
	Slots  []optim.Slot // carried over to the new model
	Record *Record
	Grown  bool
}

// Event is one growth event as a pure state machine: Next says which round to
// run, Feed takes its reduced sums, Outcome tells the decision once Next has
// nothing more to ask. It starts goroutines only to solve independent sites,
// and waits for them.
type Event struct {
	cfg     Config
	model   *nn.Model
	slots   []optim.Slot
	info    EventInfo
	inspect bool

	ranges  [3]SampleRange // statistics, newborn, amplitude
	sites   []*candidate   // those still in the running
	open    []*candidate   // those that have a bottleneck and may grow
	trials  []*candidate
	chosen  []*candidate
	record  *Record
	request *Request
	samples SampleRange
	length  int
	feed    func(sums []float64)
	wide    *nn.Model // what the decision made of model, nil if nothing
	outcome *Outcome
}

// errOver is returned when sums come after the decision.
var errOver = errors.New("growth event is over: no sums are awaited")

// NewEvent starts an event on a model and the optimizer's slots, none of which
// it changes. cfg must be valid.
func NewEvent(cfg Config, m *nn.Model, slots []optim.Slot, info EventInfo) *Event {
	e := newEvent(cfg, m, slots, info)
	e.start()
	return e
}

// NewInspection starts an event that measures bottleneck and spectrum at every
// site, whatever the limits, and then refuses to grow: its Record is the result.
func NewInspection(cfg Config, m *nn.Model, info EventInfo) *Event {
	cfg.Policy, cfg.Where, cfg.DryRun = PolicyTiny, WhereGain, true
	cfg.MaxWidth, cfg.Widths, cfg.MaxParams, cfg.MaxFLOPs, cfg.SamplesPerParam = 0, nil, 0, 0, 0
	e := newEvent(cfg, m, nil, info)
	e.inspect = true
	e.start()
	return e
}

func newEvent(cfg Config, m *nn.Model, slots []optim.Slot, info EventInfo) *Event {
	e := &Event{cfg: cfg, model: m, slots: slots, info: info}
	params, flops := m.Graph.NumParams(), m.Graph.FLOPs()
	e.record = &Record{
		Event: info.Number, Step: info.Step, Epoch: info.Epoch, Generation: m.Graph.Generation,
		Policy: cfg.Policy, Where: cfg.Where, Loss: Number(math.NaN()), DryRun: cfg.DryRun,
		ParamsBefore: params, ParamsAfter: params, FLOPsBefore: flops, FLOPsAfter: flops,
		Sites: []SiteRecord{},
	}
	return e
}

// Next returns the round to run, or ok false once the event is decided. It
// returns the same round until Feed is called.
func (e *Event) Next() (req *Request, s SampleRange, ok bool) {
	return e.request, e.samples, e.request != nil
}

// Feed takes the sums of the round that Next returned, reduced over its samples.
func (e *Event) Feed(sums []float64) error {
	if e.request == nil {
		return errOver
	}
	if len(sums) != e.length {
		return fmt.Errorf("growth round %q: %d sums, want %d", e.request.Kind, len(sums), e.length)
	}
	e.request = nil
	if !(sums[0] > 0) {
		e.refuse("the round has no samples")
		return nil
	}
	if math.IsNaN(sums[1]) || math.IsInf(sums[1], 0) {
		e.refuse("the loss is not finite")
		return nil
	}
	e.feed(sums)
	return nil
}

// SumsLen returns the number of sums of the round that Next returned.
func (e *Event) SumsLen() int { return e.length }

// Outcome returns the decision; nil while a round is awaited.
func (e *Event) Outcome() *Outcome { return e.outcome }

// ask sets the next round.
func (e *Event) ask(req *Request, s SampleRange, feed func(sums []float64)) {
	req.Generation = e.model.Graph.Generation
	job := &Job{model: e.model.Graph.Clone()}
	length, err := job.plan(req)
	if err != nil {
		panic("growth: event made an invalid request: " + err.Error())
	}
	e.request, e.samples, e.length, e.feed = req, s, length, feed
	e.record.Rounds = append(e.record.Rounds, RoundRecord{req.Kind, s.Count, length})
}

// start allots samples, finds the sites that may grow and asks the first round.
func (e *Event) start() {
	if e.cfg.Policy == PolicyNone {
		e.refuse("policy none never grows")
		return
	}
	var ok bool
	if e.ranges, ok = allot(e.info.TrainSamples, e.info.MicroShard, e.cfg); !ok {
		e.refuse(fmt.Sprintf("%d training samples are too few for an event of micro-shards of %d", e.info.TrainSamples, e.info.MicroShard))
		return
	}
	e.record.Samples = SampleCounts{Statistics: e.ranges[0].Count, Newborn: e.ranges[1].Count, Amplitude: e.ranges[2].Count}
	e.findSites()
	if len(e.sites) == 0 {
		why := "no site may grow"
		if len(e.record.Sites) > 0 {
			why += ": " + e.record.Sites[0].Reason
		}
		e.refuse(why)
		return
	}
	switch e.cfg.Policy {
	case PolicyGradMax:
		e.askNeurons()
	case PolicyRandom:
		e.randomNeurons()
	case PolicyNet2Net:
		e.copyNeurons()
	default:
		e.askUpdate()
	}
}

// allot gives each part of an event its own samples, whole micro-shards, fewer
// than configured if the training set is small.
func allot(train, shard int, c Config) (ranges [3]SampleRange, ok bool) {
	want := [3]int{c.StatisticsSamples, c.NewbornSamples, c.AmplitudeSamples}
	total := 0
	for i := range want {
		want[i] = (want[i] + shard - 1) / shard * shard
		total += want[i]
	}
	offset := 0
	for i, n := range want {
		if total > train {
			n = max(shard, int(int64(n)*int64(train)/int64(total))/shard*shard)
		}
		ranges[i] = SampleRange{offset, n}
		offset += n
	}
	return ranges, offset <= train
}

// refuse ends the event with no site wider.
func (e *Event) refuse(why string) {
	e.record.Decision, e.record.Why = Refuse, why
	e.conclude()
}

// grow ends the event with wider sites.
func (e *Event) grow(ins []Insertion, why string) {
	wide, err := Widen(e.model, ins)
	if err != nil {
		e.refuse(fmt.Sprintf("surgery: %v", err))
		return
	}
	r := e.record
	r.Decision, r.Why = Grow, why
	r.ParamsAfter, r.FLOPsAfter = wide.Graph.NumParams(), wide.Graph.FLOPs()
	e.wide = wide
	e.conclude()
}
