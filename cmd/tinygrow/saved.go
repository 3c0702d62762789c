package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// saved is a model on disk with what is known about its run.
type saved struct {
	path  string
	model *nn.Model
	card  *nn.Card          // nil for files of earlier versions
	state *checkpoint.State // nil for a lone safetensors file
	base  settings          // the run's configuration, or the defaults
	ofRun bool              // base is the run's
}

// openSaved reads RUN, a run directory, or CHECKPOINT, a directory below its
// checkpoints or a model.safetensors file.
func openSaved(path string) (*saved, error) {
	s := &saved{path: path, base: defaults()}
	info, err := os.Stat(path)
	if err != nil {
		return nil, as(exitRun, fmt.Errorf("no run or checkpoint: %w", err))
	}
	if !info.IsDir() {
		if s.model, s.card, err = checkpoint.LoadModel(path); err != nil {
			return nil, as(exitRun, err)
		}
		return s, s.readConfig(runOf(filepath.Dir(path)))
	}
	var c *checkpoint.Checkpoint
	run := path
	if _, stat := os.Stat(filepath.Join(path, checkpoint.ConfigFile)); stat == nil {
		c, err = checkpoint.Latest(path)
	} else {
		c, err = checkpoint.Load(path)
		run = runOf(path)
	}
	if err != nil {
		return nil, as(exitRun, err)
	}
	s.model, s.card, s.state = c.Model, c.Card, &c.State
	return s, s.readConfig(run)
}

// runOf returns the run directory of a checkpoint's directory.
func runOf(checkpoint string) string { return filepath.Dir(filepath.Dir(checkpoint)) }

// readConfig lays the run's configuration, if there is one, over the defaults.
func (s *saved) readConfig(run string) error {
	base, err := readRunConfig(run)
	if errors.Is(err, checkpoint.ErrNoRun) {
		return nil
	}
	s.base, s.ofRun = base, err == nil
	if err != nil || s.state == nil {
		return err
	}
	if err := s.base.Config.SameSettings(s.state.Basis); err != nil {
		return fmt.Errorf("%s: %w", run, err)
	}
	if err := coordinator.SameNumerics(s.state.Basis); err != nil {
		slog.Warn("what is computed here may differ from the run in the last digits", "path", s.path, "why", err)
	}
	at, err := progressOf(s.state)
	s.base.Train = s.base.Train.WithEnd(at.End(s.base.Train))
	return err
}

// endOfConfig is the last line of the configuration that a run writes: a file
// without it was cut, if a key is missing too.
const endOfConfig = "# end of the configuration\n"

// readRunConfig reads the configuration that a run was started with. Of the place
// where that was only the run's name is kept.
func readRunConfig(dir string) (settings, error) {
	run := defaults()
	document, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return run, as(exitRun, err)
	}
	whole := bytes.HasSuffix(document, []byte(endOfConfig))
	required := func(key string) bool { return decides(key) || !whole }
	if err := config.DecodeWhole(&run, filepath.Join(dir, checkpoint.ConfigFile), document, required); err != nil {
		return run, as(exitRun, fmt.Errorf("%w\nthe file was cut or changed, or is of another version of tinygrow: restore it, or go on with that version", err))
	}
	id := run.Run
	run.place = defaults().place
	run.Run, run.RunDir = id, dir
	if len(run.Model.Widths) == 0 {
		run.Model.Widths = nil // the default, which is written as []
	}
	return run, nil
}

// fits says what is wrong when the model cannot read a data set.
func (s *saved) fits(set *dataset.Set) error {
	g := s.model.Graph
	shapes, err := g.Shapes()
	if err != nil {
		return as(exitRun, err)
	}
	var faults []string
	if g.Input != set.Shape() {
		faults = append(faults, fmt.Sprintf("it reads %s images, the data set has %s", shapeText(g.Input), shapeText(set.Shape())))
	}
	if classes := shapes[g.Output().ID].Len(); classes != set.Classes() {
		faults = append(faults, fmt.Sprintf("it tells %d classes apart, the data set has %d", classes, set.Classes()))
	}
	if len(faults) == 0 {
		return s.sameClasses(set)
	}
	return as(exitRun, fmt.Errorf("%s: a checkpoint of another architecture: %s: name its data set with --data", s.path, strings.Join(faults, "; ")))
}

// sameClasses refuses data whose classes are not those of the model.
func (s *saved) sameClasses(set *dataset.Set) error {
	if s.card == nil {
		return nil
	}
	if err := s.card.SameClasses(set.Name(), set.ClassNames()); err != nil {
		return as(exitRun, fmt.Errorf("%s: %w: name its data set with --data, or rename the classes", s.path, err))
	}
	return nil
}

// openWithData reads a saved model and the data set it is to run on: its run's,
// or what the flags say. Of that it reads what open does. Of a run only keys that
// allowed names may differ.
func openWithData(src *source, path string, open func(*saved) (*dataset.Set, error), allowed func(key string) bool) (*saved, *dataset.Set, error) {
	s, err := openSaved(path)
	if err != nil {
		return nil, nil, err
	}
	if err := s.give(src, allowed); err != nil {
		return nil, nil, err
	}
	set, err := open(s)
	if err != nil {
		return nil, nil, as(exitData, err)
	}
	return s, set, s.reads(set)
}

// wholeSet reads all samples.
func wholeSet(s *saved) (*dataset.Set, error) { return dataset.Open(s.base.Data) }

// testSet reads the test samples alone, if the model knows how it reads them.
func testSet(s *saved) (*dataset.Set, error) {
	if s.card == nil {
		return wholeSet(s)
	}
	return dataset.OpenTest(s.base.Data, s.card.Classes)
}

// give lays what was given over the settings of the run, or over the defaults.
func (s *saved) give(src *source, allowed func(key string) bool) (err error) {
	if s.ofRun {
		s.base, err = src.over(s.base, allowed)
	} else {
		s.base, err = src.resolve(s.base)
	}
	return err
}

// reads makes the model see a data set as it saw the one it was trained on.
func (s *saved) reads(set *dataset.Set) error {
	if err := s.fits(set); err != nil {
		return err
	}
	if s.card == nil {
		slog.Warn("the checkpoint is of an earlier version and does not tell how the model reads pictures: mean and deviation are those of the training samples at hand", "path", s.path)
		return nil
	}
	set.Normalise(s.card.Mean, s.card.Std)
	return nil
}

// nextEvent describes the growth event that would be next: where the run
// stands, so that it reads the samples that the run's own event would.
func (s *saved) nextEvent(set *dataset.Set) (growth.EventInfo, error) {
	var at trainer.Progress
	if s.state != nil {
		var err error
		if at, err = progressOf(s.state); err != nil {
			return growth.EventInfo{}, err
		}
	}
	c := trainer.Settings{Train: s.base.Train, Optimizer: s.base.Optimizer, Growth: s.base.Growth,
		Data: trainer.Data{Train: set.Len(dataset.Train), Test: set.Len(dataset.Test)}}
	return c.NextEvent(at)
}

// progressOf returns where the trainer of a checkpoint stood.
func progressOf(state *checkpoint.State) (at trainer.Progress, err error) {
	if err = json.Unmarshal(state.Progress, &at); err != nil {
		err = as(exitRun, fmt.Errorf("%w: progress of step %d: %w", checkpoint.ErrDamaged, state.Step, err))
	}
	if err == nil && at.Step != uint64(state.Step) {
		err = as(exitRun, fmt.Errorf("%w: the checkpoint of step %d tells of the progress of step %d", checkpoint.ErrDamaged, state.Step, at.Step))
	}
	return at, err
}

// local computes on a data set in this process.
func (s *saved) local(set *dataset.Set) worker.Local {
	return worker.Local{Samples: set, Threads: s.base.Worker.Threads, MicroShard: s.base.Train.MicroShard, Augment: s.base.Train.Augmentation()}
}
