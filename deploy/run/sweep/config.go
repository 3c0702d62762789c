package sweep

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/deploy/run/search"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Algorithms that search.
const (
	Random = "random"
	SSO    = "sso"
	ASHA   = "asha"
	Evolve = "evolve"
)

// Algorithms are all of them.
var Algorithms = []string{Random, SSO, ASHA, Evolve}

// Config is what a sweep is: a file of it has these keys.
type Config struct {
	Algorithm string `yaml:"algorithm"`
	// Trials is how many are begun. TotalFLOPs and TotalSeconds, if not 0, are how many FLOPs and
	// seconds of processor time may have been spent by all trials for another one to begin.
	Trials       int     `yaml:"trials"`
	TotalFLOPs   float64 `yaml:"total_flops"`
	TotalSeconds float64 `yaml:"total_seconds"`
	// SearchSeed decides what is tried; train.seed of the trials is a setting like others.
	SearchSeed uint64 `yaml:"search_seed"`
	// Slots is how many trials are decided upon before the result of the first is known. It is
	// part of the result; more processes than that have nothing to do.
	Slots int `yaml:"slots"`
	// Space says of keys of the configuration what is tried, as optim.lr: logfloat(0.01, 1).
	Space map[string]string `yaml:"space"`
	// Base is a file with the configuration of all trials, Recipe one of tinygrow recipes,
	// Settings are key=value; the later ones win, and Space over all.
	Base     string   `yaml:"base"`
	Recipe   string   `yaml:"recipe"`
	Settings []string `yaml:"settings"`

	SSO    search.SSO    `yaml:"sso"`
	ASHA   search.ASHA   `yaml:"asha"`
	Evolve search.Evolve `yaml:"evolve"`

	// Assess lets a predictor of final accuracies stop trials of random search behind their first part, and propose new ones.
	Assess   bool            `yaml:"assess"`
	Assessor search.Assessor `yaml:"assessor"`
}

// Default returns a random search of 16 trials, of what is to be said.
func Default() Config {
	return Config{Algorithm: Random, Trials: 16, SearchSeed: 1, Slots: 8, SSO: search.DefaultSSO(), ASHA: search.DefaultASHA(),
		Evolve: search.DefaultEvolve(), Assessor: search.DefaultAssessor()}
}

// maxTrials bounds a sweep: a searcher looks at all results for each decision.
const maxTrials = 10_000

// Validate returns all faults at once, or nil.
func (c *Config) Validate() error {
	var found faults.List
	found.Check(slices.Contains(Algorithms, c.Algorithm), "algorithm %.80q: must be one of %s", c.Algorithm,
		strings.Join(Algorithms, ", "))
	found.Check(c.Trials >= 1 && c.Trials <= maxTrials, "trials %d: must be 1 to %d", c.Trials, maxTrials)
	found.Check(c.TotalFLOPs >= 0 && faults.Finite(c.TotalFLOPs), "total_flops %v: must be at least 0", c.TotalFLOPs)
	found.Check(c.TotalSeconds >= 0 && faults.Finite(c.TotalSeconds), "total_seconds %v: must be at least 0", c.TotalSeconds)
	found.Check(c.Slots >= 1 && c.Slots <= 1024, "slots %d: must be 1 to 1024", c.Slots)
	switch c.Algorithm {
	case SSO:
		found.Add(c.SSO.Validate(c.Slots))
	case ASHA:
		found.Add(c.ASHA.Validate(c.Trials))
	case Evolve:
		found.Add(c.Evolve.Validate(c.Slots))
	}
	if c.Assess {
		found.Check(c.Algorithm == Random, "assess: %s decides by itself what is tried or stopped: leave assess out, or set algorithm "+
			"to %s", c.Algorithm, Random)
		found.Add(c.Assessor.Validate(c.Trials))
	}
	found.Add(c.checkSpace())
	return found.Err()
}

// own are keys that a sweep sets itself, for each trial.
var own = []string{"run", "run_dir", "workers", "worker.threads", "pause_at"}

// checkSpace returns what is wrong with the keys that are searched, or set for all trials.
func (c *Config) checkSpace() error {
	space, err := search.ParseSpace(c.Space)
	if err != nil {
		return err
	}
	var found faults.List
	defaults := run.Defaults()
	known := config.Keys(&defaults)
	for _, v := range space {
		key, _, _ := search.Element(v.Key)
		hint := ""
		if near := faults.Nearest(key, known); near != "" {
			hint = ": did you mean " + near + "?"
		}
		found.Check(slices.Contains(known, key), "space: unknown key %s%s", key, hint)
		found.Check(run.Decides(key) && key != "run" && key != "run_dir", "space: %s does not change what a run leads to: leave it out",
			key)
	}
	for _, text := range c.Settings {
		key, _, is := strings.Cut(text, "=")
		found.Check(is, "settings: %.80q must be key=value, as train.steps=100", text)
		key = strings.TrimSpace(key)
		found.Check(!slices.Contains(own, key) && !strings.HasPrefix(key, "nats."), "settings: %s is set by the sweep: leave it out", key)
	}
	return found.Err()
}

// searcher returns who decides what is tried, and whether trials go on from where they paused. features tells of points.
func (c *Config) searcher(features func(search.Point) map[string]float64) search.Searcher {
	if c.Assess {
		return search.NewAssessed(c.Assessor, features)
	}
	switch c.Algorithm {
	case SSO:
		return c.SSO
	case ASHA:
		return c.ASHA
	case Evolve:
		return c.Evolve
	}
	return search.Random{}
}

// Names of files in the directory of a sweep.
const (
	configFile  = "sweep.yaml"
	baseFile    = "base.yaml"
	journalFile = "trials.jsonl"
	lockFile    = ".lock"
)

// maxConfig bounds files of settings, in bytes.
const maxConfig = 1 << 20

// ErrNoSweep is returned where a directory holds no sweep.
var ErrNoSweep = errors.New("no sweep")

// ErrOther is returned where a directory holds another sweep than the one that is asked for.
var ErrOther = errors.New("the directory holds another sweep")

// Read lays a file of a sweep over c. The file that it names as base is told from where it lies.
func (c *Config) Read(path string) error {
	text, err := file.Read(path, maxConfig)
	if err != nil {
		return err
	}
	if err := config.Decode(c, path, text); err != nil {
		return err
	}
	if c.Base != "" && !filepath.IsAbs(c.Base) {
		c.Base = filepath.Join(filepath.Dir(path), c.Base)
	}
	return nil
}

// Lay takes over what a command line says of all trials.
func (c *Config) Lay(g run.Given) {
	c.Recipe, c.Base = cmp.Or(g.Recipe, c.Recipe), cmp.Or(g.File, c.Base)
	c.Settings = append(c.Settings, g.Assignments...)
	for _, f := range g.Flags {
		if strings.HasPrefix(f.Key, "nats.") || f.Key == "worker.threads" { // they are of this place
			continue
		}
		if c.Settings = append(c.Settings, f.Key+"="+f.Value); f.Key == "train.epochs" {
			c.Settings = append(c.Settings, "train.steps=0")
		}
	}
}

// ReadDir returns the settings of the sweep in dir.
func ReadDir(dir string) (Config, error) {
	c := Default()
	path := filepath.Join(dir, configFile)
	text, err := file.Read(path, maxConfig)
	if errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("%s: %w: there is no %s", dir, ErrNoSweep, configFile)
	}
	if err != nil {
		return c, err
	}
	if err := config.Decode(&c, path, text); err != nil {
		return c, fmt.Errorf("%w: %w", ErrNoSweep, err)
	}
	return c, c.Validate()
}

// put makes dir that of the sweep, or returns an error if it is another's: ErrOther names
// what differs. It keeps the base's text, so that the sweep goes on with it whatever becomes of the file.
func (c *Config) put(dir string) error {
	var base []byte
	kept := *c
	if c.Base != "" {
		text, err := file.Read(c.Base, maxConfig)
		if err != nil {
			return fmt.Errorf("base: %w", err)
		}
		kept.Base, base = baseFile, text
	}
	was, err := ReadDir(dir)
	switch {
	case err == nil:
		return kept.same(was, dir, base)
	case !errors.Is(err, ErrNoSweep):
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != baseFile {
			return fmt.Errorf("%s: %w: it holds %s: name another with --dir", dir, ErrOther, e.Name())
		}
	}
	text, err := config.Encode(&kept)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if c.Base != "" {
		if err := replace(filepath.Join(dir, baseFile), base); err != nil {
			return err
		}
	}
	return replace(filepath.Join(dir, configFile), text)
}

// same returns ErrOther unless the sweep in dir is c, which has that base.
func (c *Config) same(was Config, dir string, base []byte) error {
	var differ []string
	for _, key := range config.Keys(c) {
		if a, b := config.Get(&was, key), config.Get(c, key); a != b && !(isEmpty(a) && isEmpty(b)) {
			differ = append(differ, fmt.Sprintf("%s is %s there and %s here", key, orNone(a), orNone(b)))
		}
	}
	if c.Base != "" {
		text, err := file.Read(filepath.Join(dir, baseFile), maxConfig)
		if err != nil {
			return err
		}
		if string(text) != string(base) {
			differ = append(differ, "the file of base has another text")
		}
	}
	if differ == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s: go on with it by tinygrow sweep resume %s, or name another with --dir", dir, ErrOther,
		strings.Join(differ, ", "), dir)
}

// isEmpty reports whether a value is an empty list or mapping.
func isEmpty(value string) bool { return value == "" || value == "[]" || value == "{}" }

// orNone makes an empty value visible.
func orNone(value string) string {
	if isEmpty(value) {
		return "none"
	}
	return value
}

// replace writes a file whole or not at all.
func replace(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a directory last, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	_ = d.Sync() // some file systems have none for directories
	return d.Close()
}

// check returns what is wrong with the settings of all trials and those of one, key=value; base is where the
// file of the first is.
func (c *Config) check(base string, trial []string) (run.Settings, error) {
	return run.Given{Recipe: c.Recipe, File: base, Environment: os.Environ(), Assignments: slices.Concat(c.Settings, trial)}.
		Resolve(run.Defaults())
}

// baseIn returns the file of the base of the sweep in dir; empty: it has none.
func (c *Config) baseIn(dir string) string {
	if c.Base == "" {
		return ""
	}
	return filepath.Join(dir, baseFile)
}
