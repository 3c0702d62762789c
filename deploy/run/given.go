package run

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
)

// Given is what was given of the settings of a run: by a recipe, a file, the
// environment, assignments and flags, the later ones winning. The zero value gives nothing.
type Given struct {
	Recipe      string   // one of Recipes; empty: none
	File        string   // YAML; empty: none
	Environment []string // name=value, each as os.Environ returns it
	Assignments []string // key=value, as optim.momentum=0.8
	Flags       []Flag
	// WidthsOf is a run whose network, untrained, is begun with, TargetsOf one
	// beyond whose widths no site grows; empty: none.
	WidthsOf, TargetsOf string
	// From is a run, a checkpoint or an export whose weights are begun with; empty: none.
	From string
	// Dials says that a server is about to be reached, so that the files of its
	// address and keys are read.
	Dials bool
}

// Flag is a key that was given by another name.
type Flag struct{ Name, Key, Value string }

// layer is one source of settings.
type layer struct {
	name string
	set  func(*Settings) error
}

// layers are the sources in order, the later ones winning.
func (g Given) layers() []layer {
	var list []layer
	if g.Recipe != "" {
		list = append(list, layer{"recipe " + g.Recipe, func(out *Settings) error { return layRecipe(g.Recipe, out) }})
	}
	if g.File != "" {
		document, err := file.Read(g.File, checkpoint.MaxConfig)
		list = append(list, layer{g.File, func(out *Settings) error {
			if err != nil {
				return fmt.Errorf("--config: %w", err)
			}
			return config.Decode(out, g.File, document)
		}})
	}
	list = append(list, layer{"the environment", func(out *Settings) error { return config.Environment(out, g.Environment, reserved) }})
	for _, text := range g.Assignments {
		list = append(list, layer{"--set", func(out *Settings) error { return config.Setting(out, "--set", text) }})
	}
	for _, f := range g.Flags {
		list = append(list, layer{f.Name, func(out *Settings) error { return config.Set(out, config.Source(f.Name), f.Key, f.Value) }})
	}
	for i := range list {
		list[i].set = readsNetwork(list[i].set)
	}
	return list
}

// flag reports whether a key was given by a flag.
func (g Given) flag(key string) bool {
	return slices.ContainsFunc(g.Flags, func(f Flag) bool { return f.Key == key })
}

// lay sets the keys that the file, the environment and the command line give.
func (g Given) lay(out *Settings) config.Faults {
	var faults config.Faults
	for _, l := range g.layers() {
		faults.Add(l.set(out))
	}
	faults.Add(out.expand())
	return faults
}

// Resolve lays the sources over base: the widths of other runs, what the
// growth policy that the sources name starts from, the recipe, the file, the environment,
// assignments, then flags. It tells every fault of all of them.
func (g Given) Resolve(base Settings) (Settings, error) {
	if err := g.takeWidths(&base); err != nil {
		return base, err
	}
	if err := g.takeStart(&base); err != nil {
		return base, err
	}
	named := base
	if g.lay(&named).Err() == nil && !growth.StartAlike(named.Growth.Policy, base.Growth.Policy) {
		start := growth.DefaultOf(named.Growth.Policy)
		start.Widths = base.Growth.Widths
		base.Growth = start
	}
	out := base
	faults := g.lay(&out)
	faults.Add(g.chooseLength(&out))
	faults.Add(g.chooseData(&out))
	faults.Add(g.checkPolicy(&out))
	faults.Add(g.checkStart(&base, &out))
	if len(out.Model.Widths) == 0 {
		out.Model.Widths = nil // the default: a configuration that a run wrote spells it []
	}
	faults.Add(g.check(&out))
	return out, as(ErrUsage, faults.Err())
}

// check returns the faults of settings, those of the files among them that a
// command reads that meets others at a NATS server; no other command touches these.
func (g Given) check(out *Settings) error {
	faults := config.Faults{}
	if g.Dials {
		faults.Add(out.NATS.readURL())
		faults.Add(out.NATS.checkFiles())
	}
	faults.Add(out.Validate())
	return faults.Err()
}

// giver names the source that changes a key of run.
func (g Given) giver(run Settings, key string) string {
	name, value := "--from, --widths-of or --targets-of", config.Get(&run, key)
	for _, l := range g.layers() {
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

// Decides reports whether a key is part of what a run is: its name, or what
// decides its bits. The directory of a data set is not, as its files may have moved,
// nor the memory that it may take, where its decoded pictures are kept and where published ones come from.
// The text of a network is told by its digest.
func Decides(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	sections := []string{"data", "model", "train", "optim", "growth", "prune", "sync", "callbacks", "run", "run_dir"}
	return slices.Contains(sections, section) &&
		!slices.Contains([]string{"data.dir", "data.memory_mb", "data.cache", "data.mirrors", "callbacks.hooks", "model.text"}, key)
}

// over lays the sources over the settings of a run that exists. A key that
// decides what the run is keeps its value: another one is a fault that names both,
// unless the command uses it, which allowed says. The settings that its policy
// starts from were laid when the run began, and are not laid again.
func (g Given) over(run Settings, allowed Allowed) (Settings, error) {
	return g.overRun(run, "the run in "+run.RunDir, "--run-dir", allowed)
}

// overRun is over for a run that people know by a name; elsewhere is the flag
// that begins another one.
func (g Given) overRun(run Settings, name, elsewhere string, allowed Allowed) (Settings, error) {
	out := run
	if err := g.takeWidths(&out); err != nil {
		return run, err
	}
	if err := g.takeStart(&out); err != nil {
		return run, err
	}
	faults := g.lay(&out)
	if err := faults.Err(); err != nil {
		return run, as(ErrUsage, err)
	}
	faults.Add(g.chooseLength(&out))
	faults.Add(g.chooseData(&out))
	if out.Train.Epochs != run.Train.Epochs && out.Train.Steps > 0 && out.Train.Steps == run.Train.Steps {
		faults = append(faults, fmt.Errorf("train.epochs: %s has train.steps %d, which count instead: "+
			"give --epochs, or set train.steps=0 as well", name, run.Train.Steps))
	}
	out.sameNetwork(&run)
	if out.RunDir == "" || sameDir(out.RunDir, run.RunDir) {
		out.RunDir = run.RunDir
	}
	if out.Run == "" {
		out.Run = run.Run
	}
	for _, key := range config.Keys(&run) {
		was, is := config.Get(&run, key), config.Get(&out, key)
		if key == "model.sha256" && was != is && was != "" && is != "" && !allowed(key) {
			faults = append(faults, fmt.Errorf("model.name: %s was begun with another text of a network, "+
				"sha256 %.16s, than %s gives, %s of sha256 %.16s: leave that out to go on with the run as it is, "+
				"or begin another one with %s",
				name, was, g.giver(run, key), out.Model.Name, is, elsewhere))
			continue
		}
		if was != is && Decides(key) && !allowed(key) {
			faults = append(faults, fmt.Errorf("%s: %s has %s, %s gives %s: "+
				"leave that out to go on with the run as it is, or begin another one with %s",
				key, name, quoted(was), g.giver(run, key), quoted(is), elsewhere))
		}
	}
	if len(faults) == 0 {
		faults.Add(g.check(&out))
	}
	return out, as(ErrUsage, faults.Err())
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

// Allowed reports whether a command may change a key that decides what a run is.
type Allowed func(key string) bool

// Ends are the keys that end a run.
var Ends = []string{"train.epochs", "train.steps", "train.max_flops", "train.target_accuracy"}

// Extending allows what ends a run: it can be given a later end.
func Extending(key string) bool { return slices.Contains(Ends, key) }

// Nothing is what a command may change of a run that it makes again or goes on with.
func Nothing(string) bool { return false }

// Sections allows the keys of some sections, as "data.".
func Sections(prefixes ...string) Allowed {
	return func(key string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
	}
}

// ReadRun lays what was given over the run in dir, as it stands. Of the run's own
// place, which was that of another start, only its name counts.
func (g Given) ReadRun(dir string, allowed Allowed) (Settings, error) {
	began, err := readRunConfig(dir)
	if err != nil {
		return began, err
	}
	run := began
	if err := run.extended(dir); err != nil {
		return run, err
	}
	out, err := g.over(run, allowed)
	to := out.Train.End()
	if out.stands = &to; to != run.Train.End() {
		out.end = &to
	}
	out.Train = out.Train.WithEnd(began.Train.End()) // checkpoints tell of the extensions so far
	return out, err
}

// extended takes over the later end that the run in dir got since it began.
func (s *Settings) extended(dir string) error {
	state := checkpoint.NewestState(dir)
	if state == nil {
		return nil
	}
	end, err := endOf(state, s.Train)
	if err == nil {
		s.Train = s.Train.WithEnd(end)
	}
	return err
}

// sameBasis refuses settings or a program that would not give the bits of the run in dir.
func (s *Settings) sameBasis(dir string) error {
	state := checkpoint.NewestState(dir)
	if state == nil {
		return nil
	}
	return errors.Join(s.Config.SameSettings(state.Basis), coordinator.SameNumerics(state.Basis))
}
