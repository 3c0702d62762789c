package run

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/export"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Saved is a model on disk with what is known about its run.
type Saved struct {
	Path     string
	Model    *nn.Model
	Card     *nn.Card          // nil for files of earlier versions
	State    *checkpoint.State // nil for a lone safetensors file
	Settings Settings          // the run's configuration, or the defaults

	ofRun bool                   // Settings are the run's
	whole *checkpoint.Checkpoint // the checkpoint that State is a part of
}

// Open reads RUN, a run directory, or CHECKPOINT, a directory below its
// checkpoints or a model.safetensors file, or EXPORT, what package export wrote.
func Open(path string) (*Saved, error) {
	s := &Saved{Path: path, Settings: Defaults()}
	if export.Is(path) {
		var err error
		s.Model, s.Card, err = export.Read(path)
		return s, as(ErrRun, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, as(ErrRun, fmt.Errorf("no run or checkpoint: %w", err))
	}
	if !info.IsDir() {
		if s.Model, s.Card, err = checkpoint.LoadModel(path); err != nil {
			return nil, as(ErrRun, err)
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
		return nil, as(ErrRun, err)
	}
	s.Model, s.Card, s.State, s.whole = c.Model, c.Card, &c.State, c
	return s, s.readConfig(run)
}

// runOf returns the run directory of a checkpoint's directory.
func runOf(checkpoint string) string { return filepath.Dir(filepath.Dir(checkpoint)) }

// readConfig lays the run's configuration, if there is one, over the defaults.
func (s *Saved) readConfig(run string) error {
	base, err := readRunConfig(run)
	if errors.Is(err, checkpoint.ErrNoRun) {
		return nil
	}
	s.Settings, s.ofRun = base, err == nil
	if err != nil || s.State == nil {
		return err
	}
	if err := s.Settings.Config.SameSettings(s.State.Basis); err != nil {
		return fmt.Errorf("%s: %w", run, err)
	}
	if err := coordinator.SameNumerics(s.State.Basis); err != nil {
		slog.Warn("what is computed here may differ from the run in the last digits", "path", s.Path, "why", err)
	}
	at, err := s.progress()
	s.Settings.Train = s.Settings.Train.WithEnd(at.End(s.Settings.Train))
	return err
}

// endOfConfig is the last line of the configuration that a run writes: a file
// without it was cut, if a key is missing too.
const endOfConfig = "# end of the configuration\n"

// readRunConfig reads the configuration that a run was started with. Of the place
// where that was only the run's name is kept.
func readRunConfig(dir string) (Settings, error) {
	run := Defaults()
	document, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return run, as(ErrRun, err)
	}
	whole := bytes.HasSuffix(document, []byte(endOfConfig))
	// Runs of versions without callbacks, networks of one's own or hypergradients have none.
	later := []string{"model.parameters", "model.text", "model.sha256", "growth.hypergrad.terms",
		"growth.hypergrad.step", "growth.hypergrad.r"}
	required := func(key string) bool {
		return (Decides(key) || !whole) && !strings.HasPrefix(key, "callbacks.") && !slices.Contains(later, key)
	}
	if err := config.DecodeWhole(&run, filepath.Join(dir, checkpoint.ConfigFile), modern(document), required); err != nil {
		return run, as(ErrRun,
			fmt.Errorf("%w\nthe file was cut or changed, or is of another version of tinygrow: restore it, or go on with that "+
				"version", err))
	}
	id := run.Run
	run.Place = Defaults().Place
	run.Run, run.RunDir = id, dir
	if len(run.Model.Widths) == 0 {
		run.Model.Widths = nil // the default, which is written as []
	}
	return run, nil
}

// fits says what is wrong when the model cannot read a data set.
func (s *Saved) fits(set *dataset.Set) error {
	g := s.Model.Graph
	shapes, err := g.Shapes()
	if err != nil {
		return as(ErrRun, err)
	}
	var faults []string
	if g.Input != set.Shape() {
		faults = append(faults, fmt.Sprintf("it reads %s images, the data set has %s", g.Input, set.Shape()))
	}
	if classes := shapes[g.Output().ID].Len(); classes != set.Classes() {
		faults = append(faults, fmt.Sprintf("it tells %d classes apart, the data set has %d", classes, set.Classes()))
	}
	if len(faults) == 0 {
		return s.sameClasses(set)
	}
	return as(ErrRun, fmt.Errorf("%s: a checkpoint of another architecture: %s: name its data set with --data", s.Path,
		strings.Join(faults, "; ")))
}

// sameClasses refuses data whose classes are not those of the model.
func (s *Saved) sameClasses(set *dataset.Set) error {
	if s.Card == nil {
		return nil
	}
	if err := s.Card.SameClasses(set.Name(), set.ClassNames()); err != nil {
		return as(ErrRun, fmt.Errorf("%s: %w: name its data set with --data, or rename the classes", s.Path, err))
	}
	return nil
}

// Give lays what was given over the settings of the run, of which only keys that
// allowed names may differ, or over the defaults.
func (s *Saved) Give(g Given, allowed Allowed) (err error) {
	if s.ofRun {
		s.Settings, err = g.over(s.Settings, allowed)
	} else {
		s.Settings, err = g.Resolve(s.Settings)
	}
	return err
}

// Data reads all samples of the data set of the settings, as the model reads them.
func (s *Saved) Data() (*dataset.Set, error) {
	return s.reads(dataset.Open(s.Settings.Data))
}

// TestData reads the test samples alone, if the model knows how it reads them.
func (s *Saved) TestData() (*dataset.Set, error) {
	if s.Card == nil {
		return s.Data()
	}
	return s.reads(dataset.OpenTest(s.Settings.Data, s.Card))
}

// reads makes the model see a data set as it saw the one it was trained on.
func (s *Saved) reads(set *dataset.Set, err error) (*dataset.Set, error) {
	if err != nil {
		return nil, as(ErrData, err)
	}
	if err := s.fits(set); err != nil {
		return nil, err
	}
	if s.Card == nil {
		slog.Warn("the checkpoint is of an earlier version and does not tell how the model reads pictures: mean and deviation are "+
			"those of the training samples at hand", "path", s.Path)
		return set, nil
	}
	set.Normalise(s.Card.Mean, s.Card.Std)
	return set, nil
}

// progress returns where the trainer of the checkpoint stood.
func (s *Saved) progress() (trainer.Progress, error) {
	at, err := coordinator.ProgressOf(s.whole)
	if err != nil {
		return at, as(ErrRun, err)
	}
	return at, nil
}

// endOf returns what may end a run that began with c and stands where a checkpoint says.
func endOf(state *checkpoint.State, c trainer.Config) (trainer.End, error) {
	var at trainer.Progress
	if err := json.Unmarshal(state.Progress, &at); err != nil {
		return trainer.End{}, as(ErrRun, fmt.Errorf("%w: progress of step %d: %w", checkpoint.ErrDamaged, state.Step, err))
	}
	if at.Step != uint64(state.Step) {
		return trainer.End{}, as(ErrRun, fmt.Errorf("%w: the checkpoint of step %d tells of the progress of step %d", checkpoint.ErrDamaged,
			state.Step, at.Step))
	}
	return at.End(c), nil
}
