package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/metrics"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker"
)

// Options say what to make again.
type Options struct {
	Dir    string // directory of the run
	Config coordinator.Config
	Data   coordinator.Data
	Local  worker.Local
	// From is the step behind which to begin; nil: that of the newest
	// checkpoint but one, or 0 where there is none.
	From *proto.Step
	// Steps is how many steps behind From to compare; 0: to the end of the log.
	Steps uint64
	// Told is told of every step, of the first and of the last one to make; nil: nobody is.
	Told func(first, at, last proto.Step)
}

// ErrNothing is returned when the log holds no step behind the one to begin at.
var ErrNothing = errors.New("nothing to verify")

// replay is a run being made again.
type replay struct {
	Options
	from, last proto.Step
	metrics    *logFile
	journal    *logFile
	states     []checkpoint.State // not compared yet, by ascending step
	report     Report
	short      bool // last is not the end of the log
	lost       bool // the log does not tell what the run does next
}

// Run makes steps again and compares. When ctx ends it returns what was
// compared so far and the cause.
func Run(ctx context.Context, o Options) (Report, error) {
	began := time.Now()
	r := &replay{Options: o, report: Report{Dir: o.Dir, Differences: []Difference{}}}
	if r.Told == nil {
		r.Told = func(_, _, _ proto.Step) {}
	}
	err := r.run(ctx)
	r.report.WallS = time.Since(began).Seconds()
	r.report.Verified = err == nil && r.report.All == 0
	return r.report, err
}

func (r *replay) run(ctx context.Context) (err error) {
	if err := r.readStates(); err != nil {
		return err
	}
	for _, s := range r.states {
		if err := r.Data.Continues(s.Card); err != nil {
			return fmt.Errorf("%s: step %d: %w", r.Dir, s.Step, err)
		}
	}
	if err := r.span(); err != nil {
		return err
	}
	if r.metrics, err = openLog(filepath.Join(r.Dir, checkpoint.MetricsFile)); err != nil {
		return err
	}
	defer r.metrics.close()
	if r.journal, err = openLog(filepath.Join(r.Dir, checkpoint.JournalFile)); err != nil {
		return err
	}
	defer r.journal.close()
	if err := r.checkJournal(); err != nil {
		return err
	}
	t, err := r.begin()
	if err != nil {
		return err
	}
	if r.report.To = t.Step(); r.lost {
		return nil
	}
	return r.follow(ctx, t)
}

// span decides what to make again.
func (r *replay) span() (err error) {
	if r.last, err = lastStep(r.Dir); err != nil {
		return err
	}
	switch {
	case r.From != nil:
		r.from = *r.From
	case len(r.states) > 1:
		r.from = r.states[len(r.states)-2].Step
	}
	if r.from >= r.last {
		return fmt.Errorf("%s: %w behind step %d: the metrics end with step %d", r.Dir, ErrNothing, r.from, r.last)
	}
	if r.Steps > 0 && r.Steps < uint64(r.last-r.from) {
		r.last, r.short = r.from+proto.Step(r.Steps), true
	}
	return nil
}

// follow runs rounds while the log tells what came of them.
func (r *replay) follow(ctx context.Context, t *trainer.Trainer) error {
	rounds := r.Local.Rounds()
	if err := r.compareStates(t, 0, r.metrics.at); err != nil {
		return err
	}
	extended, err := r.extend(t)
	if err == nil && !extended {
		err = r.start(t)
	}
	if err != nil {
		return err
	}
	for !r.lost && (!r.short || t.Step() < r.last) {
		if extended, err = r.extend(t); err != nil {
			return err
		}
		if extended {
			continue
		}
		round, more := t.Next()
		if !more {
			return nil
		}
		if text, err := r.nextMetric(); err != nil || text == nil {
			return err
		}
		sums, err := rounds.Sums(ctx, t.Weights().Model, round.RoundSpec,
			worker.Beside{Request: round.Request, Plan: round.Plan})
		if err != nil {
			return err
		}
		a, err := t.Apply(sums)
		if err != nil {
			return fmt.Errorf("computed again: %w", err)
		}
		rounds.Release(sums)
		if err := r.compare(t, a); err != nil {
			return err
		}
		r.report.To = t.Step()
		r.Told(r.report.From, t.Step(), r.last)
	}
	return nil
}

// start lets the trainer begin, and compares what that led to.
func (r *replay) start(t *trainer.Trainer) error {
	a, err := t.Begin()
	if err != nil {
		return err
	}
	return r.compare(t, a)
}

// extend gives the trainer the later ends that the log tells of next, and lets it
// begin again. It reports whether there were any.
func (r *replay) extend(t *trainer.Trainer) (any bool, err error) {
	for {
		text, err := r.nextMetric()
		if err != nil {
			return any, err
		}
		if r.lost || !bytes.HasPrefix(text, []byte(`{"kind":"extended"`)) {
			break
		}
		any = true
		if err := r.extendBy(t, text); err != nil {
			return any, err
		}
	}
	if !any || r.lost {
		return any, nil
	}
	return any, r.start(t)
}

// extendBy gives the trainer the later end of one line, and compares the line and
// the checkpoint that was made behind it.
func (r *replay) extendBy(t *trainer.Trainer, text []byte) error {
	from, where := r.metrics.at, r.metrics.where()
	var logged trainer.ExtendedRecord
	err := json.Unmarshal(text, &logged)
	var made *trainer.ExtendedRecord
	if err == nil {
		made, err = t.Extend(logged.To)
	}
	if err != nil || made == nil {
		r.lose(Difference{Step: t.Step(), Where: where, Text: fmt.Sprintf("no extension that the run can have had: %v", err)})
		return nil
	}
	r.metrics.take()
	if err := r.compareLine(t.Step(), where, text, made, false); err != nil {
		return err
	}
	if _, err := r.nextMetric(); err != nil {
		return err
	}
	return r.compareStates(t, from, r.metrics.at)
}

// compare compares what a round led to with the lines about it.
func (r *replay) compare(t *trainer.Trainer, a trainer.Applied) error {
	start := r.metrics.at
	var err error
	line := func(kind string, step proto.Step, v any, count *int) {
		if err == nil && !r.lost {
			err = r.compareMetric(kind, step, v, count)
		}
	}
	if a.Init != nil {
		line(a.Init.Kind, a.Init.Step, a.Init, new(int))
	}
	if a.Step != nil {
		line(a.Step.Kind, a.Step.Step, a.Step, &r.report.Steps)
	}
	if a.Health != nil {
		line(a.Health.Kind, proto.Step(a.Health.Step), a.Health, new(int))
	}
	if a.Eval != nil {
		line(a.Eval.Kind, a.Eval.Step, a.Eval, &r.report.Evaluations)
	}
	if a.Restored != nil {
		line(a.Restored.Kind, a.Restored.Step, a.Restored, new(int))
	}
	if a.Grown != nil {
		line(a.Grown.Kind, a.Grown.Step, a.Grown, new(int))
	}
	if a.Growth != nil && err == nil && !r.lost {
		err = r.compareEvent(a.Growth)
	}
	if err != nil || r.lost || r.metrics.at == start {
		return err
	}
	from := r.metrics.at
	if _, err := r.nextMetric(); err != nil {
		return err
	}
	return r.compareStates(t, from, r.metrics.at)
}

// nextMetric returns the next line of a kind that is compared, or nil at the end.
func (r *replay) nextMetric() ([]byte, error) {
	for {
		text, err := r.metrics.peek()
		if err != nil || text == nil {
			return nil, err
		}
		for _, kind := range metrics.Kinds {
			if bytes.HasPrefix(text, []byte(`{"kind":"`+kind+`"`)) {
				return text, nil
			}
		}
		var h head
		if json.Unmarshal(text, &h) != nil {
			return text, nil // is told where it is compared
		}
		r.metrics.take()
	}
}

// compareMetric compares the next line of the metrics. Fields that differ from
// one run to the next, like times, are no fields of v.
func (r *replay) compareMetric(kind string, step proto.Step, v any, count *int) error {
	text, err := r.nextMetric()
	if err != nil || text == nil {
		return err
	}
	var h head
	where := r.metrics.where()
	switch {
	case json.Unmarshal(text, &h) != nil:
		r.lose(Difference{Step: step, Where: where, Text: "it is no JSON object"})
		return nil
	case h.Kind != kind || h.Step != step:
		r.lose(Difference{Step: step, Where: where,
			Text: fmt.Sprintf("it is of kind %q and step %d, computed again it is of kind %q and step %d", h.Kind, h.Step, kind, step)})
		return nil
	}
	r.metrics.take()
	*count++
	if kind == metrics.KindStep {
		if text, err = r.whole(v); err != nil {
			return fmt.Errorf("%s: computed again: %w", where, err)
		}
	}
	return r.compareLine(step, where, text, v, true)
}

// whole returns the line of a step that was taken with what it leaves out. Its numbers
// are written short: where one is that of v, made short, it is taken for v's.
func (r *replay) whole(v any) ([]byte, error) {
	computed, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var own metrics.Record
	if err := json.Unmarshal(computed, &own); err != nil {
		return nil, err
	}
	line := maps.Clone(r.metrics.full)
	for _, key := range []string{"grad_norm", "grad_cosine", "noise_scale"} { // earlier versions did not write them
		if text, there := own[key]; there && line[key] == nil {
			line[key] = text
		}
	}
	for key, text := range own {
		var is, was float64
		if json.Unmarshal(text, &is) == nil && json.Unmarshal(line[key], &was) == nil && was == metrics.Short(is) {
			line[key] = text
		}
	}
	return json.Marshal(line)
}

// compareEvent compares the next line of the journal.
func (r *replay) compareEvent(e *growth.Record) error {
	text, err := r.journal.peek()
	if err != nil || text == nil {
		return err
	}
	where := r.journal.where()
	r.journal.take()
	r.report.Events++
	return r.compareLine(proto.Step(e.Step), where, text, e, false)
}

// lose gives up following the log.
func (r *replay) lose(d Difference) {
	r.report.add(d)
	r.lost = true
}

// compareLine compares a line with what is computed; extra lets it hold more.
func (r *replay) compareLine(step proto.Step, where string, text []byte, v any, extra bool) error {
	again, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: computed again: %w", where, err)
	}
	if bytes.Equal(bytes.TrimSuffix(text, []byte("\n")), again) {
		return nil
	}
	logged, err := values(text)
	if err != nil {
		r.lose(Difference{Step: step, Where: where, Text: "it is no JSON object"})
		return nil
	}
	computed, err := values(again)
	if err != nil {
		return fmt.Errorf("%s: computed again: %w", where, err)
	}
	if at, was, is, differs := firstDifference("", logged, computed, extra); differs {
		r.report.add(Difference{Step: step, Where: where, Field: at, Logged: was, Computed: is})
	}
	return nil
}
