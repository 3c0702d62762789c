package run

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/fetch"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Settings is the whole configuration of a run: one schema, composed of the
// packages' own. data, model, train, optim, growth, prune, sync and callbacks decide the result
// (see Decides); the rest says where, when and with how many hands it is computed.
type Settings struct {
	Data               dataset.Config   `yaml:"data"`
	coordinator.Config `yaml:",inline"` // model, train, optim, growth, cluster, checkpoint
	Place              `yaml:",inline"`

	start   *start       // model that a new run starts from; nil: fresh weights
	end     *trainer.End // a later one for a run that exists; nil: it stays
	stands  *trainer.End // end of a run that exists, with its extensions; nil: Train says it
	fetches bool         // a worker without --data-dir gets the data set from the coordinator
}

// Place is what a resumed run may change without changing its result.
type Place struct {
	Run     string `yaml:"run"`     // id of the run; empty: made from its directory, see idOf
	RunDir  string `yaml:"run_dir"` // empty: a new one below runs
	Workers int    `yaml:"workers"` // workers that train and resume start in their own process
	// PauseAt is the part of a run, from 0 to 1, behind which a process ends in order; 0 or 1: it goes on to the end.
	PauseAt float64       `yaml:"pause_at"`
	NATS    NATS          `yaml:"nats"`
	Worker  worker.Config `yaml:"worker"`
	Fetch   fetch.Config  `yaml:"fetch"`  // how workers that have no data set get it
	Health  string        `yaml:"health"` // file for signs of life; empty: none
	UI      UI            `yaml:"ui"`
	Report  bool          `yaml:"report"` // write report.html and assessment.json at the end of a run
	// Telemetry is what other programs are told of the run.
	Telemetry Telemetry `yaml:"telemetry"`
}

// NATS says how the server is reached, or that one is started here.
type NATS struct {
	URL string `yaml:"url"` // empty: train and resume need none
	// URLFile holds the address in place of url, which command lines show to everybody.
	URLFile string `yaml:"url_file"`
	Creds   string `yaml:"creds"`  // file with the nkey seed of this role
	CA      string `yaml:"ca"`     // file with the certificate authority of the server
	Listen  string `yaml:"listen"` // address on which train and resume start a server for more workers; empty: none
}

// Defaults are what plain `tinygrow train` runs with: about a minute of
// processor time on the built-in data set, with several growth events.
func Defaults() Settings {
	s := Settings{Data: dataset.Default(), Config: coordinator.Default()}
	s.Train.Epochs, s.Train.Augment = 40, true
	o := &s.Optimizer
	o.Name, o.LR, o.Momentum, o.Nesterov, o.WeightDecay, o.DecayBiases = optim.Muon, 0.1, 0.9, true, 5e-4, false
	o.Schedule, o.Warmup, o.Hold, o.MinLR = optim.Trapezoid, 0.03, 0.25, 0
	s.Workers, s.Fetch, s.Report, s.Telemetry.TensorBoard = 1, fetch.Default(), true, true
	return s
}

// WorkerDefaults are those of a worker, which gets from its coordinator what
// nobody tells it.
func WorkerDefaults() Settings {
	s := Defaults()
	s.Data.Name, s.fetches = "", true
	return s
}

// PlacesEnv is the variable in which a container is told what its paths and
// settings are called outside, where the user wrote them.
const PlacesEnv = "TINYGROW_PLACES"

// reserved are environment variables of ours that are no keys.
var reserved = []string{kernel.ISAEnv, PlacesEnv}

// Validate returns every fault of the values, each with its section.
func (s *Settings) Validate() error {
	var faults config.Faults
	section := func(name string, err error) {
		var part config.Faults
		part.Add(err)
		for _, f := range part {
			faults = append(faults, fmt.Errorf("%s: %w", name, f))
		}
	}
	s.Data.Name = s.dataName()
	if !s.fetches || !s.lacksData() {
		section("data", s.Data.Validate())
	}
	g, err := s.checkModel()
	if section("model", err); err == nil && g != nil {
		section("growth", s.Growth.CheckTargets(g))
		section("prune", s.Prune.CheckGraph(g))
	}
	faults.Add(s.Config.Validate())
	faults.Add(s.Place.validate())
	return faults.Err()
}

// lacksData reports whether the data set is not here: it is read from nowhere
// and nobody asked to draw it.
func (s *Settings) lacksData() bool {
	if s.Data.Name == "" {
		return s.Data.Dir == "" && s.Data.Limit == 0
	}
	return s.Data.Dir == "" && slices.Contains(dataset.Names, s.Data.Name) && !dataset.Drawn(s.Data.Name)
}

// dataName is the name of the data set, which a worker need not give.
func (s *Settings) dataName() string {
	if s.fetches && s.Data.Name == "" && !s.lacksData() {
		return dataset.Default().Name
	}
	return s.Data.Name
}

func (p *Place) validate() error {
	var found faults.List
	found.Check(p.Workers >= 1 && p.Workers <= 1024, "workers %d: must be 1 to 1024", p.Workers)
	found.Check(p.Workers < 1 || p.Worker.Threads <= quota.MaxThreads/p.Workers, "workers %d of %d threads: must be %d threads in all",
		p.Workers, p.Worker.Threads, quota.MaxThreads)
	found.Check(p.PauseAt >= 0 && p.PauseAt <= 1, "pause_at %v: must be 0 to 1", p.PauseAt)
	for _, err := range []error{p.Worker.Validate(), p.Fetch.Validate()} {
		if err != nil {
			found = append(found, err)
		}
	}
	if p.Run != "" {
		found.Add(proto.RunID(p.Run).Validate())
	}
	found.Add(p.UI.validate())
	found.Add(p.Telemetry.validate())
	found.Check(p.Worker.Run == "" || string(p.Worker.Run) == p.Run, "worker.run %q: the run is named by --run", p.Worker.Run)
	if p.NATS.Listen != "" {
		_, _, err := p.NATS.address()
		found.Check(err == nil, "%v", err)
		found.Check(p.NATS.URL == "", "nats listen and url: give one of them")
	}
	return found.Err()
}
