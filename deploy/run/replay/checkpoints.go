package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// readStates returns what the checkpoints say of themselves, by ascending step.
func (r *replay) readStates() error {
	steps, err := checkpoint.Steps(r.Dir)
	if err != nil {
		return err
	}
	for _, step := range steps {
		s, err := checkpoint.ReadState(checkpoint.StepDir(r.Dir, step))
		switch {
		case errors.Is(err, fs.ErrNotExist): // a run that goes on deleted it
		case errors.Is(err, checkpoint.ErrDamaged):
			r.damaged(step, err)
		case err != nil:
			return err
		default:
			r.states = append(r.states, s)
		}
	}
	return nil
}

// nameOf names a checkpoint of the run.
func (r *replay) nameOf(step proto.Step) string {
	return filepath.Base(checkpoint.StepDir(r.Dir, step))
}

func (r *replay) damaged(step proto.Step, err error) {
	r.report.add(Difference{Step: step, Where: "checkpoint " + r.nameOf(step), Text: err.Error()})
}

// load reads a whole checkpoint; nil if it is damaged, which it tells, or gone.
func (r *replay) load(step proto.Step) (*checkpoint.Checkpoint, error) {
	c, err := checkpoint.Load(checkpoint.StepDir(r.Dir, step))
	switch {
	case errors.Is(err, checkpoint.ErrDamaged):
		r.damaged(step, err)
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		if _, again := checkpoint.ReadState(checkpoint.StepDir(r.Dir, step)); again == nil {
			r.damaged(step, err) // one of its files is missing
		}
		return nil, nil
	}
	return c, err
}

// begin makes the trainer: of the newest sound checkpoint that is not newer
// than Options.From, or of fresh weights. The logs are at its place then.
func (r *replay) begin() (*trainer.Trainer, error) {
	for i := len(r.states) - 1; i >= 0; i-- {
		s := r.states[i]
		if s.Step > r.from || s.Step == 0 { // step 0 is compared with fresh weights
			continue
		}
		c, err := r.load(s.Step)
		if err != nil {
			return nil, err
		}
		if c == nil {
			r.states = slices.Delete(r.states, i, i+1)
			continue
		}
		r.states, r.report.From = r.states[i+1:], s.Step
		return r.restore(c)
	}
	r.report.From = 0
	from, err := r.Config.ReadStart(r.Dir)
	if err != nil {
		return nil, err
	}
	return coordinator.NewTrainer(r.Config, r.Data, from)
}

// restore takes a run up at a checkpoint, which must be what the logs tell of.
func (r *replay) restore(c *checkpoint.Checkpoint) (*trainer.Trainer, error) {
	t, err := coordinator.RestoreTrainer(r.Config, r.Data, c)
	if err != nil {
		return nil, err
	}
	line, ok, err := r.metrics.skip(c.MetricsBytes)
	if err != nil {
		return nil, err
	}
	name := "checkpoint " + r.nameOf(c.Step)
	if ok {
		_, ok, err = r.journal.skip(c.JournalBytes)
		if err != nil {
			return nil, err
		}
	}
	if !ok {
		r.lose(Difference{Step: c.Step, Where: name, Text: "no lines of the logs end where it was made: the logs before it were " +
			"changed; name an earlier step with --from to find where"})
		return t, nil
	}
	var h head
	if line != nil && json.Unmarshal(line, &h) == nil && h.Digest != t.Digest().String() {
		r.report.add(Difference{Step: c.Step, Where: name, Field: "digest, of the metrics before it,", Logged: h.Digest,
			Computed: t.Digest().String()})
	}
	return t, nil
}

// compareStates compares the checkpoints that were made where the logs are now:
// behind the lines up to byte `to` of the metrics.
func (r *replay) compareStates(t *trainer.Trainer, from, to int64) error {
	for len(r.states) > 0 && r.states[0].MetricsBytes <= to {
		s := r.states[0]
		r.states = r.states[1:]
		name := "checkpoint " + r.nameOf(s.Step)
		if s.MetricsBytes < from || s.Step != t.Step() {
			r.report.add(Difference{Step: s.Step, Where: name,
				Text: fmt.Sprintf("it was made at byte %d of the metrics, where no step ends", s.MetricsBytes)})
			continue
		}
		c, err := r.load(s.Step)
		if err != nil {
			return err
		}
		if c == nil {
			continue
		}
		r.report.Checkpoints++
		r.compareState(t, c, name)
	}
	return nil
}

func (r *replay) compareState(t *trainer.Trainer, c *checkpoint.Checkpoint, name string) {
	differ := func(field, was, is string) {
		if was != is {
			r.report.add(Difference{Step: c.Step, Where: name, Field: field, Logged: was, Computed: is})
		}
	}
	differ("model_sha256", c.ModelSHA256, checkpoint.ModelSHA256(t.Model()))
	differ("optimizer_sha256", c.OptimizerSHA256, checkpoint.OptimizerSHA256(t.Optimizer().Count(), t.Slots()))
	differ("riding_sha256", c.RidingSHA256, checkpoint.RidingSHA256(t.Progress().Values()))
	differ("best_sha256", c.BestSHA256, checkpoint.BestSHA256(t.Progress().Best()))
	if c.Step == 0 {
		return // it may be of before or after the first decision not to grow
	}
	at := t.Progress()
	if !bytes.Contains(c.Progress, []byte(`"noise":`)) { // earlier versions did not keep it
		at.Noise = trainer.Noise{}
	}
	progress, err := json.Marshal(at)
	if err != nil {
		panic(err) // the coordinator writes it too
	}
	logged, _ := values(c.Progress) // was decoded with the checkpoint
	computed, _ := values(progress)
	if at, was, is, differs := firstDifference("progress", logged, computed, false); differs {
		differ(at, was, is)
	}
}

// checkJournal compares the journal with the hashes that checkpoints have of
// its beginning. The first one that differs says between which lines.
func (r *replay) checkJournal() error {
	l, err := openLog(filepath.Join(r.Dir, checkpoint.JournalFile))
	if err != nil {
		return err
	}
	defer l.close()
	for _, s := range r.states {
		first := l.line + 1
		_, ok, err := l.skip(s.JournalBytes)
		if err != nil {
			return err
		}
		if ok && l.sha256() == s.JournalSHA256 {
			continue
		}
		text := fmt.Sprintf("lines %d to %d are not those that checkpoint %s was made with", first, l.line, r.nameOf(s.Step))
		if first >= l.line {
			text = fmt.Sprintf("line %d is not the one that checkpoint %s was made with", first, r.nameOf(s.Step))
		}
		if !ok {
			text = fmt.Sprintf("it does not have the %d bytes that checkpoint %s was made with", s.JournalBytes, r.nameOf(s.Step))
		}
		r.report.add(Difference{Step: s.Step, Where: checkpoint.JournalFile, Text: text})
		return nil
	}
	return nil
}
