package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Names in a run directory.
const (
	ConfigFile  = "config.yaml"
	JournalFile = "growth.jsonl"
	MetricsFile = "metrics.jsonl"
	ModelFile   = "model.safetensors" // each checkpoint has one
	BestFile    = "best.safetensors"  // checkpoints have one that keep the best network
	startFile   = "start.safetensors" // the model that the run started from
	reportFiles = ".report-"          // reports that are being written begin with it
	temporary   = ".tmp"              // what ends the names of files that are
	lockFile    = ".lock"
	ownerFile   = ".owner"
	checkpoints = "checkpoints"
	stepPrefix  = "step-"
	newPrefix   = ".new-" // being written
	oldPrefix   = ".old-" // being replaced
)

var (
	// ErrExists is returned when a new run is to be put where one lies already.
	ErrExists = errors.New("the directory holds a run already")
	// ErrNotEmpty is returned when a new run is to be put among other files.
	ErrNotEmpty = errors.New("the directory is not empty")
	// ErrCannotMake is returned when the file system refuses a new run's directory.
	ErrCannotMake = errors.New("the run directory cannot be made")
	// ErrNoRun is returned when a directory does not hold a run.
	ErrNoRun = errors.New("no run directory")
	// ErrNoStart is returned when the beginning of a run cannot be made again.
	ErrNoStart = errors.New("the model that the run started from is not in its directory")
	// ErrLocked is returned when another process writes to the run.
	ErrLocked = errors.New("another process is working on this run")
)

// Dir is a run directory that this process alone writes to.
type Dir struct {
	path    string
	claim   *claim
	disk    disk
	fault   string // why the run ends early; empty: it does not
	Journal *Log
	Metrics *Log
}

// Create makes the directory of a new run with the resolved configuration.
func Create(path string, config []byte) (*Dir, error) { return CreateFrom(path, config, nil, nil) }

// CreateFrom makes the directory of a new run that starts from a trained model, which
// the directory keeps; nil: from fresh weights.
func CreateFrom(path string, config []byte, from *nn.Model, card *nn.Card) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(path, ConfigFile)); err == nil {
		return nil, fmt.Errorf("%s: %w: continue it (tinygrow resume, or tinygrow coordinator --resume), or name another with --run-dir",
			path, ErrExists)
	}
	if err := vacant(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(path, checkpoints), 0o755); err != nil {
		return nil, fmt.Errorf("%w: %w: name another with --run-dir", ErrCannotMake, err)
	}
	d := &Dir{path: path}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if err := d.openLogs(State{}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if from != nil {
		if err := d.writeStart(from, card); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	if err := d.disk.replaceFile(filepath.Join(path, ConfigFile), config); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// writeStart keeps the model that the run starts from.
func (d *Dir) writeStart(m *nn.Model, card *nn.Card) error {
	info, err := modelInfo(m.Graph, card)
	if err != nil {
		return err
	}
	return d.disk.writeTensors(filepath.Join(d.path, startFile), modelTensors(m), info)
}

// ReadStart returns the model that the run in path started from.
func ReadStart(path string) (*nn.Model, *nn.Card, error) {
	m, card, err := LoadModel(filepath.Join(path, startFile))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s: %w: put %s there, or go on from a checkpoint", path, ErrNoStart, startFile)
	}
	return m, card, err
}

// vacant refuses a directory with anything in it that Create did not leave
// there when it was interrupted. Names that begin with a dot do not count.
func vacant(path string) error {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		name := e.Name()
		info, gone := e.Info()
		ours := name == checkpoints && e.IsDir() || name == startFile ||
			(name == JournalFile || name == MetricsFile) && gone == nil && info.Size() == 0
		if !ours && !strings.HasPrefix(name, ".") {
			return fmt.Errorf("%s: %w: it holds %s; name a new directory with --run-dir", path, ErrNotEmpty, name)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %w: name another with --run-dir", ErrCannotMake, err)
	}
	return nil
}

// Open takes over the run in path and returns its newest checkpoint, or nil if
// it stopped before the first. The logs are cut back to where the checkpoint was made.
func Open(path string) (*Dir, *Checkpoint, error) {
	if _, err := ReadConfig(path); err != nil {
		return nil, nil, err
	}
	d := &Dir{path: path}
	if err := d.acquire(); err != nil {
		return nil, nil, err
	}
	c, err := d.recover()
	if err == nil {
		state := State{}
		if c != nil {
			state = c.State
		}
		err = d.openLogs(state)
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	return d, c, nil
}

// MaxConfig bounds a configuration file, in bytes.
const MaxConfig = 1 << 20

// ReadConfig returns the resolved configuration of the run in path.
func ReadConfig(path string) ([]byte, error) {
	data, err := file.Read(filepath.Join(path, ConfigFile), MaxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w: there is no %s", path, ErrNoRun, ConfigFile)
	case errors.Is(err, file.ErrIrregular), errors.Is(err, file.ErrTooLarge):
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return data, err
}

// Path returns where the run lies.
func (d *Dir) Path() string { return d.path }

// Notes returns what the file system lacks of what a run needs to last.
func (d *Dir) Notes() []string { return d.disk.notes }

func (d *Dir) acquire() (err error) {
	d.claim, err = claims{}.take(d.path, &d.disk)
	return err
}

func (d *Dir) openLogs(s State) (err error) {
	if d.Journal, err = d.disk.openLog(filepath.Join(d.path, JournalFile), s.JournalBytes, s.JournalSHA256); err != nil {
		return err
	}
	d.Metrics, err = d.disk.openLog(filepath.Join(d.path, MetricsFile), s.MetricsBytes, "")
	return err
}

// recover finishes or undoes what a crash interrupted and loads the newest checkpoint.
func (d *Dir) recover() (*Checkpoint, error) {
	root := filepath.Join(d.path, checkpoints)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(root, e.Name())
		if name, ok := strings.CutPrefix(e.Name(), oldPrefix); ok {
			if _, err := os.Stat(filepath.Join(root, name)); errors.Is(err, fs.ErrNotExist) {
				if err := os.Rename(path, filepath.Join(root, name)); err != nil {
					return nil, err
				}
				continue
			}
		}
		if strings.HasPrefix(e.Name(), oldPrefix) || strings.HasPrefix(e.Name(), newPrefix) {
			if err := os.RemoveAll(path); err != nil {
				return nil, err
			}
		}
	}
	c, err := Latest(d.path)
	if errors.Is(err, ErrNoCheckpoint) {
		return nil, nil
	}
	return c, err
}

// ErrNoCheckpoint is returned when a run stopped before its first checkpoint.
var ErrNoCheckpoint = errors.New("no checkpoint yet")

// Latest loads the newest checkpoint of the run in path, which may be in progress.
func Latest(path string) (*Checkpoint, error) {
	steps, err := Steps(path)
	if err != nil {
		return nil, err
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s: %w", path, ErrNoCheckpoint)
	}
	newest := steps[len(steps)-1]
	c, err := Load(StepDir(path, newest))
	if err == nil && c.Step != newest {
		err = fmt.Errorf("%w: %s holds the checkpoint of step %d", ErrDamaged, StepDir(path, newest), c.Step)
	}
	if err != nil && len(steps) > 1 {
		return nil, fmt.Errorf("%w; remove %s to go on from step %d", err, StepDir(path, newest), steps[len(steps)-2])
	}
	return c, err
}

// Steps returns the steps of the checkpoints of the run in path, ascending.
func Steps(path string) ([]proto.Step, error) {
	entries, err := os.ReadDir(filepath.Join(path, checkpoints))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoRun)
	}
	if err != nil {
		return nil, err
	}
	var steps []proto.Step
	for _, e := range entries {
		if digits, ok := strings.CutPrefix(e.Name(), stepPrefix); ok && e.IsDir() {
			if n, err := strconv.ParseUint(digits, 10, 64); err == nil && strconv.FormatUint(n, 10) == digits {
				steps = append(steps, proto.Step(n))
			}
		}
	}
	slices.Sort(steps)
	return steps, nil
}

// StepDir returns where the checkpoint of a step lies in the run in path.
func StepDir(path string, step proto.Step) string {
	return filepath.Join(path, checkpoints, fmt.Sprintf("%s%d", stepPrefix, step))
}

// Save syncs the logs, completes c's digests and lengths, writes it, and
// removes all but the newest keep checkpoints (at least one).
func (d *Dir) Save(c *Checkpoint, keep int) error {
	if err := errors.Join(d.claim.check(), d.Journal.Sync(), d.Metrics.Sync()); err != nil {
		return err
	}
	c.Version = version
	if c.RidingSHA256 = RidingSHA256(c.Riding); c.RidingSHA256 != "" {
		c.Version = riding
	}
	if c.BestSHA256 = BestSHA256(c.Best); c.BestSHA256 != "" {
		c.Version = kept
	}
	c.ModelSHA256, c.OptimizerSHA256 = ModelSHA256(c.Model), OptimizerSHA256(c.Updates, c.Slots)
	c.JournalBytes, c.JournalSHA256 = d.Journal.Bytes(), d.Journal.SHA256()
	c.MetricsBytes = d.Metrics.Bytes()

	root, final := filepath.Join(d.path, checkpoints), StepDir(d.path, c.Step)
	name := filepath.Base(final)
	fresh, old := filepath.Join(root, newPrefix+name), filepath.Join(root, oldPrefix+name)
	if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(old)); err != nil {
		return err
	}
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	if err := c.write(fresh, &d.disk); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	switch err := system.rename(final, old); {
	case err == nil, errors.Is(err, fs.ErrNotExist):
	case !among(err, noReplace):
		return err
	}
	if err := d.disk.replace(fresh, final); err != nil {
		return err
	}
	if err := d.disk.syncDir(root); err != nil {
		return err
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return d.prune(max(keep, 1))
}

func (d *Dir) prune(keep int) error {
	steps, err := Steps(d.path)
	if err != nil {
		return err
	}
	for len(steps) > keep {
		if err := os.RemoveAll(StepDir(d.path, steps[0])); err != nil {
			return err
		}
		steps = steps[1:]
	}
	return nil
}

// Close flushes the logs and gives the run free.
func (d *Dir) Close() error {
	var err error
	if d.Journal != nil {
		err = d.Journal.Close()
	}
	if d.Metrics != nil {
		err = errors.Join(err, d.Metrics.Close())
	}
	d.noteEnd()
	return errors.Join(err, d.claim.release())
}
