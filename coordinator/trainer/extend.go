package trainer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
)

// End is what may end a run: the fields of Config of these names.
type End struct {
	Epochs         float64 `json:"epochs"`
	Steps          uint64  `json:"steps"`
	MaxFLOPs       float64 `json:"max_flops"`
	TargetAccuracy float64 `json:"target_accuracy"`
}

// End returns what may end a run of this configuration.
func (c Config) End() End { return End{c.Epochs, c.Steps, c.MaxFLOPs, c.TargetAccuracy} }

// WithEnd returns the configuration with another end.
func (c Config) WithEnd(e End) Config {
	c.Epochs, c.Steps, c.MaxFLOPs, c.TargetAccuracy = e.Epochs, e.Steps, e.MaxFLOPs, e.TargetAccuracy
	return c
}

// Extension is a later end that a run got behind a step. From there on all
// schedules, of the learning rate and of growth, are those of a run with this end.
type Extension struct {
	Step uint64 `json:"step"`
	End
}

// ExtendedRecord is what an extension is remembered by: a line of the metrics.
type ExtendedRecord struct {
	Kind string     `json:"kind"` // extended
	Step proto.Step `json:"step"`
	From End        `json:"from"`
	To   End        `json:"to"`
}

// ErrNotLater is returned when the end of a run is to be changed to one that is
// not later.
var ErrNotLater = errors.New("a run can be extended, not shortened")

// End returns the end of a run that stands there and began with configuration c.
func (at Progress) End(c Config) End {
	if n := len(at.Extensions); n > 0 {
		return at.Extensions[n-1].End
	}
	return c.End()
}

// at returns the settings of a run that stands there.
func (s Settings) at(p Progress) Settings {
	s.Train = s.Train.WithEnd(p.End(s.Train))
	return s
}

// Extend gives the run a later end; it must be called before Begin, or where a
// record of an extension stands in the metrics, Begin following. A growth event in
// progress begins again. The record is nil if the run has that end already.
func (t *Trainer) Extend(to End) (*ExtendedRecord, error) {
	from, was := t.set.Train.End(), t.set
	if to == from {
		return nil, nil
	}
	now := *t
	now.set.Train = was.Train.WithEnd(to)
	if err := now.set.Validate(); err != nil {
		return nil, err
	}
	if err := now.later(t); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotLater, err)
	}
	now.at.Stopped, now.at.Averaged = "", false
	if k := t.at.Monitored; k != nil { // the best network stays the best, and there is patience again
		again := *k
		again.Wait, again.Restored = 0, false
		now.at.Monitored = &again
	}
	now.at.Extensions = append(slices.Clone(t.at.Extensions), Extension{t.at.Step, to})
	now.event, now.eventSums, now.eventFLOPs = nil, 0, 0
	*t = now
	return &ExtendedRecord{Kind: "extended", Step: t.Step(), From: from, To: to}, nil
}

// later returns nil if t, with another end than old, ends neither here nor, unless
// old is done, before old does.
func (t *Trainer) later(old *Trainer) error {
	c, was := t.set.Train, old.set.Train
	done := old.done()
	switch {
	case t.at.Step >= t.total():
		return fmt.Errorf("%d steps are made, and %s has no more", t.at.Step, c.length())
	case !done && t.total() < old.total():
		return fmt.Errorf("it has %d steps, and %s has %d", old.total(), c.length(), t.total())
	case c.MaxFLOPs > 0 && t.at.FLOPs >= c.MaxFLOPs:
		return fmt.Errorf("%.4g FLOPs are spent, and max_flops is %.4g: raise --max-flops", t.at.FLOPs, c.MaxFLOPs)
	case !done && c.MaxFLOPs > 0 && (was.MaxFLOPs == 0 || c.MaxFLOPs < was.MaxFLOPs):
		return fmt.Errorf("max_flops is %s, and would be %.4g", orNone(was.MaxFLOPs), c.MaxFLOPs)
	case c.TargetAccuracy > 0 && t.reached() >= c.TargetAccuracy:
		return fmt.Errorf("an accuracy of %.4g is reached, and target_accuracy is %.4g: raise --target-accuracy", t.reached(),
			c.TargetAccuracy)
	case !done && c.TargetAccuracy > 0 && (was.TargetAccuracy == 0 || c.TargetAccuracy < was.TargetAccuracy):
		return fmt.Errorf("target_accuracy is %s, and would be %.4g", orNone(was.TargetAccuracy), c.TargetAccuracy)
	}
	return nil
}

// reached returns the accuracy that the weights at hand were found to have, or 0.
func (t *Trainer) reached() float64 {
	switch {
	case t.set.Train.Validation > 0 && t.at.Validated:
		return t.at.Validation.Accuracy()
	case t.set.Train.Validation == 0 && t.at.Evaluated:
		return t.at.Test.Accuracy()
	}
	return 0
}

// length names what gives a run its number of steps.
func (c Config) length() string {
	if c.Steps > 0 {
		return fmt.Sprintf("a run of %d steps", c.Steps)
	}
	return fmt.Sprintf("a run of %v epochs", c.Epochs)
}

// orNone writes a limit, of which 0 is none.
func orNone(v float64) string {
	if v == 0 {
		return "not set"
	}
	return fmt.Sprintf("%.4g", v)
}
