package view

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// State says how a run stands.
type State string

// The states of a run.
const (
	Running  State = "running"  // a process works on it
	Finished State = "finished" // it reached its end
	Stopped  State = "stopped"  // it can be resumed
	Failed   State = "failed"   // its process ended by an error or was killed; it can be resumed
)

// Info is what a run is and how it stands.
type Info struct {
	Name  string `json:"name"` // name of its directory
	State State  `json:"state"`
	// Ended says why the run ended before its last step, if it did.
	Ended string `json:"ended,omitempty"`
	// Host is the machine of the process that works on the run, or did last; empty: not
	// known. Fault is the error that ended that process, of a run that failed.
	Host string `json:"host,omitempty"`
	// Metric is what accuracies are where samples have no classes: R2, or label accuracy.
	Metric string `json:"metric,omitempty"`
	Fault  string `json:"fault,omitempty"`
	// Best is the best evaluation by what callbacks monitor, up to the newest checkpoint; nil if nothing is.
	Best    *trainer.Monitored `json:"best,omitempty"`
	Policy  string             `json:"policy"`
	Model   string             `json:"model"`
	Data    string             `json:"data"`
	Seed    string             `json:"seed"`
	Epochs  float64            `json:"epochs"` // epochs that the configuration asks for
	Steps   uint64             `json:"steps"`  // steps that it asks for instead; 0: epochs count
	Classes []string           `json:"classes"`
	// Settings are the keys of the configuration that say what the run is, with
	// their values; where it ran and how the server was reached is left out.
	Settings []Setting `json:"settings"`
	Hashes   []Setting `json:"hashes"` // hashes that the newest checkpoint is known by

	step  uint64  // step of the newest checkpoint
	flops float64 // spent until then
}

// Setting is a key with its value.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// sections are those of a configuration that Info shows.
var sections = []string{"data", "model", "train", "optim", "growth", "prune", "sync", "cluster", "checkpoint", "callbacks"}

// private are keys in them that tell where files lie, or may hold secrets.
var private = []string{"data.dir", "callbacks.hooks"}

// readInfo takes from a configuration what people want to know.
func readInfo(dir string, document []byte) (Info, error) {
	name := filepath.Base(filepath.Clean(dir))
	if whole, err := filepath.Abs(dir); err == nil {
		name = filepath.Base(whole)
	}
	i := Info{Name: name, Classes: []string{}, Settings: []Setting{}, Hashes: []Setting{}}
	var root yaml.Node
	if err := yaml.Unmarshal(document, &root); err != nil {
		return i, fmt.Errorf("%s: %w: %s: %w", dir, checkpoint.ErrDamaged, checkpoint.ConfigFile, err)
	}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.MappingNode {
		return i, fmt.Errorf("%s: %w: %s holds no keys: restore it from a copy", dir, checkpoint.ErrDamaged, checkpoint.ConfigFile)
	}
	top := root.Content[0]
	for k := 0; k+1 < len(top.Content); k += 2 {
		if slices.Contains(sections, top.Content[k].Value) {
			i.lay(top.Content[k].Value, top.Content[k+1])
		}
	}
	for _, s := range i.Settings {
		switch s.Key {
		case "growth.policy":
			i.Policy = s.Value
		case "model.name":
			i.Model = s.Value
		case "data.name":
			i.Data = s.Value
		case "train.seed":
			i.Seed = s.Value
		case "train.epochs":
			i.Epochs = number([]byte(s.Value))
		case "train.steps":
			i.Steps = count([]byte(s.Value))
		}
	}
	return i, nil
}

// maxDepth bounds how deep sections lie in one another.
const maxDepth = 4

// lay adds a key with what is below it.
func (i *Info) lay(key string, n *yaml.Node) {
	if slices.Contains(private, key) || len(i.Settings) >= 1000 {
		return
	}
	if n.Kind == yaml.MappingNode && len(n.Content) > 0 && len(key) < 256 {
		depth := 0
		for _, c := range key {
			if c == '.' {
				depth++
			}
		}
		if depth < maxDepth {
			for k := 0; k+1 < len(n.Content); k += 2 {
				i.lay(key+"."+n.Content[k].Value, n.Content[k+1])
			}
			return
		}
	}
	value := n.Value
	if n.Kind != yaml.ScalarNode {
		short := *n
		short.Style = yaml.FlowStyle
		text, err := yaml.Marshal(&short)
		if err != nil {
			return
		}
		value = string(text[:len(text)-1])
	}
	i.Settings = append(i.Settings, Setting{key, value})
}

// takeCheckpoint adds what the newest checkpoint says.
func (i *Info) takeCheckpoint(s *checkpoint.State, card *nn.Card, at trainer.Progress) {
	if card != nil {
		i.Classes = card.Classes
	}
	i.Best = at.Monitored
	i.Ended, i.step, i.flops = at.Stopped, at.Step, at.FLOPs
	if n := len(at.Extensions); n > 0 {
		i.Epochs, i.Steps = at.Extensions[n-1].Epochs, at.Extensions[n-1].Steps
	}
	i.Hashes = []Setting{{"step", fmt.Sprint(s.Step)}, {"model_sha256", s.ModelSHA256}, {"optimizer_sha256", s.OptimizerSHA256},
		{"journal_sha256", s.JournalSHA256}}
	if card != nil {
		i.Hashes = append(i.Hashes, Setting{"data_sha256", card.Digest})
	}
	if b := s.Basis; b != nil {
		i.Hashes = append(i.Hashes, Setting{"arithmetic", b.Arithmetic}, Setting{"numerics", fmt.Sprint(b.Numerics)})
	}
}

// stand tells how the run stands.
func (r *Run) stand() {
	i, end := &r.info, checkpoint.LastEnd(r.dir)
	i.Host, i.Fault = end.Host, ""
	switch {
	case checkpoint.Active(r.dir):
		i.State = Running
	case r.complete():
		i.State = Finished
	case end.Fault != "":
		i.State, i.Fault = Failed, end.Fault
	default:
		i.State = Stopped
	}
}

// complete reports whether the newest checkpoint is that of the run's end.
func (r *Run) complete() bool {
	i := &r.info
	if !r.seen {
		return false
	}
	if i.Ended != "" || i.Steps > 0 && i.step >= i.Steps {
		return true
	}
	const rounding = 1e-9
	return i.Steps == 0 && i.Epochs > 0 && i.step > 0 && i.step >= r.last.Step && r.last.Epoch >= i.Epochs-rounding
}

// ErrNoRuns is returned when a folder holds no run.
var ErrNoRuns = errors.New("no runs")
