package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// plans are the plans that come with the command, by their names.
//
//go:embed plans/*.yaml
var plans embed.FS

// Set are settings of a run: values in YAML's notation by key, as optim.lr: "0.1".
type Set map[string]string

// with returns the settings with those of other over them.
func (s Set) with(other Set) Set {
	out := maps.Clone(s)
	if out == nil {
		out = Set{}
	}
	maps.Copy(out, other)
	return out
}

// Plan is a file of runs that are to be made.
type Plan struct {
	Recipe   Set       `yaml:"recipe"` // settings of every run
	Networks []Network `yaml:"networks"`
}

// Network is a network that runs start with, and what is to be made with it.
type Network struct {
	Name    string   `yaml:"name"`
	Set     Set      `yaml:"set"`
	Budgets []Budget `yaml:"budgets"`
}

// Budget is an amount of computation and the rows of the table that spend it.
type Budget struct {
	FLOPs float64  `yaml:"flops"` // FLOPs of a run; 0: the settings say when it ends
	Seeds []uint64 `yaml:"seeds"`
	Rows  []Row    `yaml:"rows"`
}

// Row is one way to train that network.
type Row struct {
	Name string `yaml:"name"`
	Set  Set    `yaml:"set"`
	// Trials are runs of random widths of which the best counts; 0: one run as set.
	Trials int  `yaml:"trials"`
	Draw   Draw `yaml:"draw"` // the widths of trials
}

// Draw says how model.widths of a trial are drawn: Layers widths, each uniform
// on a logarithmic scale between Least and Most.
type Draw struct {
	Layers int `yaml:"layers"`
	Least  int `yaml:"least"`
	Most   int `yaml:"most"`
}

// widths returns those of one trial, which depend on its seed and number alone.
func (d Draw) widths(seed uint64, trial int) []int {
	r := rand.New(rand.NewPCG(seed, uint64(trial)))
	out := make([]int, d.Layers)
	span := portable.Log(float64(d.Most) / float64(d.Least))
	for i := range out {
		out[i] = int(float64(float64(d.Least)*portable.Exp(float64(span*r.Float64()))) + 0.5)
	}
	return out
}

// Task is one run of a plan.
type Task struct {
	Key
	Trials int // trials of the row
	Set    Set // all that is set, the seed and the budget too
}

// Key says which run of a plan a result is of.
type Key struct {
	Network string  `json:"network"`
	Budget  float64 `json:"budget"` // FLOPs; 0: the settings say when it ends
	Name    string  `json:"policy"` // name of the row
	Seed    uint64  `json:"seed"`
	Trial   int     `json:"trial,omitempty"` // number from 1; 0: not one of several
}

// String is how people and file names call the run.
func (k Key) String() string {
	text := fmt.Sprintf("%s / %s / seed %d", k.Network, k.Name, k.Seed)
	if k.Budget > 0 {
		text = fmt.Sprintf("%s / %g / %s / seed %d", k.Network, k.Budget, k.Name, k.Seed)
	}
	if k.Trial > 0 {
		text += fmt.Sprintf(" / trial %d", k.Trial)
	}
	return text
}

// Read returns the plan of a file, or the one of that name that comes with the
// command.
func Read(name string) (*Plan, error) {
	document, err := plans.ReadFile(path.Join("plans", name+".yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		document, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, fmt.Errorf("plan %q: %w: give a file, or one of %s", name, err, strings.Join(names(), ", "))
	}
	var p Plan
	d := yaml.NewDecoder(bytes.NewReader(document))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("plan %q: %w", name, err)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("plan %q: %w", name, err)
	}
	return &p, nil
}

// names lists the plans that come with the command.
func names() (list []string) {
	files, _ := plans.ReadDir("plans")
	for _, f := range files {
		list = append(list, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return list
}

// check tells every fault of the plan before a run is made: settings that no run
// takes, and runs that are named alike.
func (p *Plan) check() error {
	var faults []error
	seen := map[Key]bool{}
	tasks := p.Tasks()
	if len(tasks) == 0 {
		return errors.New("it has no runs: list networks with budgets, seeds and rows")
	}
	for _, t := range tasks {
		if seen[t.Key] {
			faults = append(faults, fmt.Errorf("%s: there are two of that name", t.Key))
		}
		if seen[t.Key] = true; t.Seed != firstSeed(tasks, t) {
			continue
		}
		if _, err := t.settings(); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", t.Key, err))
		}
	}
	for _, n := range p.Networks {
		for _, b := range n.Budgets {
			for _, r := range b.Rows {
				if d := r.Draw; r.Trials != 0 && (r.Trials < 2 || d.Layers < 1 || d.Least < 1 || d.Most <= d.Least) {
					const want = "at least 2 trials, 1 layer, and 1 <= least < most"
					faults = append(faults, fmt.Errorf("%s / %s: %d trials of %+v: %s", n.Name, r.Name, r.Trials, d, want))
				}
			}
		}
	}
	return errors.Join(faults...)
}

// firstSeed returns the seed of the first task of the same row: settings are
// checked once a row.
func firstSeed(tasks []Task, like Task) uint64 {
	k := like.Key
	i := slices.IndexFunc(tasks, func(t Task) bool { return t.Network == k.Network && t.Budget == k.Budget && t.Name == k.Name })
	return tasks[i].Seed
}

// Tasks lists the runs in the order in which they are to be made: seed after
// seed within a budget, so that a part of a campaign has all rows.
func (p *Plan) Tasks() (list []Task) {
	for _, n := range p.Networks {
		for _, b := range n.Budgets {
			for _, seed := range b.Seeds {
				for _, r := range b.Rows {
					list = append(list, p.tasks(n, b, r, seed)...)
				}
			}
		}
	}
	return list
}

// tasks returns the runs of one row with one seed.
func (p *Plan) tasks(n Network, b Budget, r Row, seed uint64) (list []Task) {
	set := p.Recipe.with(n.Set).with(r.Set)
	set["train.seed"] = strconv.FormatUint(seed, 10)
	if b.FLOPs > 0 {
		set["train.max_flops"] = strconv.FormatFloat(b.FLOPs, 'g', -1, 64)
	}
	key := Key{Network: n.Name, Budget: b.FLOPs, Name: r.Name, Seed: seed}
	if r.Trials == 0 {
		return []Task{{Key: key, Set: set}}
	}
	for trial := 1; trial <= r.Trials; trial++ {
		key.Trial = trial
		var widths []string
		for _, w := range r.Draw.widths(seed, trial) {
			widths = append(widths, strconv.Itoa(w))
		}
		list = append(list, Task{key, r.Trials, set.with(Set{"model.widths": "[" + strings.Join(widths, ", ") + "]"})})
	}
	return list
}

// settings are those of the run, checked; where the files of the data set lie is
// not known yet.
func (t Task) settings() (run.Settings, error) {
	set := t.Set
	if _, files := t.reads(); files {
		set = set.with(Set{"data.dir": "."})
	}
	return given(set).Resolve(run.Defaults())
}

// reads reports whether the run needs files of a data set that the plan does not
// name, and which set that is.
func (t Task) reads() (set string, files bool) {
	set = t.Set["data.name"]
	return set, set != "" && !dataset.Drawn(set) && t.Set["data.dir"] == ""
}

// given are settings as the package run takes them, in the order of their keys.
func given(set Set) run.Given {
	var g run.Given
	for _, key := range slices.Sorted(maps.Keys(set)) {
		g.Assignments = append(g.Assignments, key+"="+set[key])
	}
	return g
}
