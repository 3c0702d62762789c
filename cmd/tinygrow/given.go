package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto/file"
)

// layer is one source of settings: a file, the environment, or a flag.
type layer struct {
	name string
	set  func(*settings) error
}

// layers are the sources in order, the later ones winning.
func (s *source) layers() []layer {
	var list []layer
	if s.file != "" {
		document, err := file.Read(s.file, checkpoint.MaxConfig)
		list = append(list, layer{s.file, func(out *settings) error {
			if err != nil {
				return fmt.Errorf("--config: %w", err)
			}
			return config.Decode(out, s.file, document)
		}})
	}
	list = append(list, layer{"the environment", func(out *settings) error { return config.Environment(out, os.Environ(), reserved) }})
	for _, text := range s.sets {
		list = append(list, layer{"--set", func(out *settings) error { return config.Setting(out, "--set", text) }})
	}
	s.lists.Visit(func(f *pflag.Flag) {
		if k, ok := s.flags[f.Name]; ok {
			name, value := "--"+f.Name, f.Value.String()
			list = append(list, layer{name, func(out *settings) error { return config.Set(out, name, k.key, value) }})
		}
	})
	return list
}

// lay sets the keys that the file, the environment and the command line give.
func (s *source) lay(out *settings) config.Faults {
	var faults config.Faults
	for _, l := range s.layers() {
		faults.Add(l.set(out))
	}
	faults.Add(out.expand())
	return faults
}

// giver names the source that changes a key of run.
func (s *source) giver(run settings, key string) string {
	name, value := "--widths-of or --targets-of", config.Get(&run, key)
	for _, l := range s.layers() {
		_ = l.set(&run) // its faults were told before
		if now := config.Get(&run, key); now != value {
			name, value = l.name, now
		}
	}
	if name == "the environment" {
		name = config.Variable(key)
	}
	return name
}

// decides reports whether a key is part of what a run is: its name, or what
// decides its bits. The directory of a data set is not, as its files may have moved,
// nor the memory that it may take.
func decides(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return slices.Contains([]string{"data", "model", "train", "optim", "growth", "run", "run_dir"}, section) &&
		key != "data.dir" && key != "data.memory_mb"
}

// over lays the sources over the settings of a run that exists. A key that
// decides what the run is keeps its value: another one is a fault that names both,
// unless the command uses it, which allowed says. The settings that its policy
// starts from were laid when the run began, and are not laid again.
func (s *source) over(run settings, allowed func(key string) bool) (settings, error) {
	return s.overRun(run, "the run in "+run.RunDir, "--run-dir", allowed)
}

// overRun is over for a run that people know by a name; elsewhere is the flag
// that begins another one.
func (s *source) overRun(run settings, name, elsewhere string, allowed func(key string) bool) (settings, error) {
	out := run
	if err := s.takeWidths(&out); err != nil {
		return run, err
	}
	faults := s.lay(&out)
	if err := faults.Err(); err != nil {
		return run, as(exitUsage, err)
	}
	faults.Add(s.chooseLength(&out))
	faults.Add(s.chooseData(&out))
	if out.Train.Epochs != run.Train.Epochs && out.Train.Steps > 0 && out.Train.Steps == run.Train.Steps {
		faults = append(faults, fmt.Errorf("train.epochs: %s has train.steps %d, which count instead: "+
			"give --epochs, or set train.steps=0 as well", name, run.Train.Steps))
	}
	if out.RunDir == "" || sameDir(out.RunDir, run.RunDir) {
		out.RunDir = run.RunDir
	}
	if out.Run == "" {
		out.Run = run.Run
	}
	for _, key := range config.Keys(&run) {
		was, is := config.Get(&run, key), config.Get(&out, key)
		if was != is && decides(key) && !allowed(key) {
			faults = append(faults, fmt.Errorf("%s: %s has %s, %s gives %s: "+
				"leave that out to go on with the run as it is, or begin another one with %s",
				key, name, quoted(was), s.giver(run, key), quoted(is), elsewhere))
		}
	}
	if len(faults) == 0 {
		faults.Add(s.check(&out))
	}
	return out, as(exitUsage, faults.Err())
}

// quoted makes an empty value visible.
func quoted(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

func sameDir(a, b string) bool {
	x, err := filepath.Abs(a)
	y, also := filepath.Abs(b)
	return err == nil && also == nil && x == y
}

// extending allows what ends a run: it can be given a later end.
func extending(key string) bool {
	return slices.ContainsFunc(endFlags, func(f keyFlag) bool { return f.key == key })
}

// nothing is what a command may change of a run that it makes again or goes on with.
func nothing(string) bool { return false }

// sections allows the keys of some sections, as "data.".
func sections(prefixes ...string) func(key string) bool {
	return func(key string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	}
}

// readRun lays what was given over the run in dir, as it stands. Of the run's own
// place, which was that of another start, only its name counts.
func (s *source) readRun(dir string, allowed func(key string) bool) (settings, error) {
	began, err := readRunConfig(dir)
	if err != nil {
		return began, err
	}
	run := began
	if err := run.extended(dir); err != nil {
		return run, err
	}
	out, err := s.over(run, allowed)
	to := out.Train.End()
	if out.stands = &to; to != run.Train.End() {
		out.end = &to
	}
	out.Train = out.Train.WithEnd(began.Train.End()) // checkpoints tell of the extensions so far
	return out, err
}

// extended takes over the later end that the run in dir got since it began.
func (s *settings) extended(dir string) error {
	state := newestState(dir)
	if state == nil {
		return nil
	}
	at, err := progressOf(state)
	s.Train = s.Train.WithEnd(at.End(s.Train))
	return err
}

// sameBasis refuses settings or a program that would not give the bits of the run in dir.
func (s *settings) sameBasis(dir string) error {
	state := newestState(dir)
	if state == nil {
		return nil
	}
	return errors.Join(s.Config.SameSettings(state.Basis), coordinator.SameNumerics(state.Basis))
}

// newestState returns what the newest checkpoint in dir says of itself, or nil: the
// run stands at its start, or whoever needs the checkpoint says what is wrong with it.
func newestState(dir string) *checkpoint.State {
	steps, err := checkpoint.Steps(dir)
	if err != nil || len(steps) == 0 {
		return nil
	}
	state, err := checkpoint.ReadState(checkpoint.StepDir(dir, steps[len(steps)-1]))
	if err != nil {
		return nil
	}
	return &state
}
