package trainer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Monitored is what callbacks know of the evaluations so far. It is never changed, but
// replaced.
type Monitored struct {
	Monitor string `json:"monitor"`
	// Best is the best value, at the weights of step Step, generation Generation, with
	// Params parameters.
	Best       float64          `json:"best"`
	Step       proto.Step       `json:"step"`
	Generation proto.Generation `json:"generation"`
	Params     int              `json:"params"`
	// Wait counts the evaluations since that were no better.
	Wait int `json:"wait"`
	// Restored says that the run is over and its network that of Step.
	Restored bool `json:"restored,omitempty"`

	model *nn.Model // the network of Step if it is kept
}

// RestoredRecord is what is remembered of the return to the best network: a line of
// the metrics.
type RestoredRecord struct {
	Kind       string           `json:"kind"` // restored
	Step       proto.Step       `json:"step"`
	BestStep   proto.Step       `json:"best_step"` // the step whose weights they are
	Monitor    string           `json:"monitor"`
	Best       float64          `json:"best"`
	Generation proto.Generation `json:"generation"` // new, though the architecture is that of BestStep
	Params     int              `json:"params"`
	Digest     string           `json:"digest"`
}

// ErrNoBest is returned when a checkpoint lacks the best network.
var ErrNoBest = errors.New("the best network is missing")

// Best returns the network of the best evaluation, which a checkpoint holds beside the
// progress; nil where none is kept. It must not be changed.
func (at Progress) Best() *nn.Model {
	if at.Monitored == nil {
		return nil
	}
	return at.Monitored.model
}

// WithBest returns the progress, read back, with the best network, nil where none was kept.
func (at Progress) WithBest(m *nn.Model) Progress {
	if at.Monitored != nil {
		with := *at.Monitored
		with.model = m
		at.Monitored = &with
	}
	return at
}

// training is the split that evaluations read before the end of the run.
func (s Settings) training() string {
	if s.Train.Validation > 0 {
		return "validation"
	}
	return "test"
}

// watch looks at an evaluation of model w, and ends the run if it waited long enough
// for a better one. What is still to be pruned is not looked at: the run is not to end with it.
func (t *Trainer) watch(split string, m Tally, w *nn.Model) {
	b := t.set.Callbacks
	name := b.monitor()
	if name == "" || split != t.set.training() || t.epoch() <= b.EarlyStopping.StartFromEpoch ||
		t.at.Monitored != nil && t.at.Monitored.Restored || t.toPrune() {
		return
	}
	if name == accuracyName || name == lossName {
		if m, _ = t.Trained(); m.Samples == 0 {
			return
		}
	}
	value := m.MeanLoss()
	if strings.HasSuffix(name, accuracyName) {
		value = m.Accuracy()
	}
	now := Monitored{Monitor: name}
	if t.at.Monitored != nil {
		now = *t.at.Monitored
	}
	first := t.at.Monitored == nil
	growing := !b.EarlyStopping.WhileGrowing && t.eventsAhead() > 0
	now.Wait++
	better := first || b.better(value, now.Best)
	if better {
		now.Best, now.Step, now.Generation, now.Params = value, t.Step(), t.Generation(), len(w.Params)
		if b.keeps() {
			now.model = w.Clone()
		}
		if e := b.EarlyStopping; e.Baseline == 0 || b.better(value, e.Baseline) {
			now.Wait = 0
		}
	}
	if growing {
		now.Wait = 0
	}
	t.at.Monitored = &now
	if e := b.EarlyStopping; e.Monitor != "" && !better && now.Wait > 0 && now.Wait >= e.Patience && !t.done() {
		t.at.Stopped = fmt.Sprintf("its %s was no better than %.6g of step %d in %d evaluations", name, now.Best, now.Step, now.Wait)
	}
}

// restore lets a run that is over, and evaluated, end with the network of its best
// evaluation, if it is to. That is then evaluated again, so that what is told of the
// run is of the network that it ends with. It is nil if nothing changes.
func (t *Trainer) restore(split string) (*RestoredRecord, error) {
	k := t.at.Monitored
	if !t.set.Callbacks.EarlyStopping.RestoreBestWeights || !t.done() || split != t.set.training() || k == nil || k.Restored ||
		k.Step == t.Step() {
		return nil, nil
	}
	if k.model == nil {
		return nil, fmt.Errorf("step %d: %w", k.Step, ErrNoBest)
	}
	m := k.model.Clone()
	m.Graph.Generation = t.model.Graph.Generation + 1
	t.model, t.opt = m, optim.New(t.set.optimizer(t.at), local.LayoutOf(m.Graph))
	if t.average != nil {
		t.average = averageOf(m)
	}
	t.hashed.model, t.hashed.spans = nil, nil
	now := *k
	now.Restored = true
	t.at.Monitored, t.at.Newborn, t.at.Riding = &now, nil, nil
	t.at.Evaluated, t.at.Validated = false, false
	return &RestoredRecord{Kind: "restored", Step: t.Step(), BestStep: k.Step, Monitor: k.Monitor, Best: k.Best, Generation: t.Generation(),
		Params: len(m.Params), Digest: t.Digest().String()}, nil
}
