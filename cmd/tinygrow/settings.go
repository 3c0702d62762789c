package main

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/fetch"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// settings is the whole configuration of a run: one schema, composed of the
// packages' own. data, model, train, optim and growth decide the result; the
// rest says where, when and with how many hands it is computed.
type settings struct {
	Data               dataset.Config   `yaml:"data"`
	coordinator.Config `yaml:",inline"` // model, train, optim, growth, cluster, checkpoint
	place              `yaml:",inline"`

	end     *trainer.End // a later one for a run that exists; nil: it stays
	stands  *trainer.End // that of a run that exists, with its extensions; nil: that of Train
	fetches bool         // a worker without --data-dir gets the data set from the coordinator
}

// place is what a resumed run may change without changing its result.
type place struct {
	Run     string        `yaml:"run"`     // id of the run; empty: made from its directory, see idOf
	RunDir  string        `yaml:"run_dir"` // empty: a new one below runs
	Workers int           `yaml:"workers"` // of train and resume, in the same process
	NATS    natsSettings  `yaml:"nats"`
	Worker  worker.Config `yaml:"worker"`
	Fetch   fetch.Config  `yaml:"fetch"`  // of the data set, by workers that have none
	Health  string        `yaml:"health"` // file for signs of life; empty: none
}

type natsSettings struct {
	URL string `yaml:"url"` // empty: train and resume need none
	// URLFile holds the address in place of url, which command lines show to everybody.
	URLFile string `yaml:"url_file"`
	Creds   string `yaml:"creds"`  // file with the nkey seed of this role
	CA      string `yaml:"ca"`     // file with the certificate authority of the server
	Listen  string `yaml:"listen"` // where train and resume start a server for more workers; empty: nowhere
}

// defaults are what plain `tinygrow train` runs with: about a minute of
// processor time on the built-in data set, with several growth events.
func defaults() settings {
	s := settings{Data: dataset.Default(), Config: coordinator.Default()}
	s.Train.Epochs, s.Train.Augment = 40, true
	s.Optimizer.LR, s.Optimizer.Schedule = 0.1, optim.Cosine
	s.Workers, s.Fetch = 1, fetch.Default()
	return s
}

// reserved are environment variables of ours that are no keys.
var reserved = []string{kernel.ISAEnv, placesEnv}

// validate returns every fault of the values, each with its section.
func (s *settings) validate() error {
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
	section("model", s.checkModel())
	faults.Add(s.Config.Validate())
	faults.Add(s.place.validate())
	return faults.Err()
}

// lacksData reports whether the data set is not here: it is read from nowhere
// and nobody asked to draw it.
func (s *settings) lacksData() bool {
	if s.Data.Name == "" {
		return s.Data.Dir == "" && s.Data.Limit == 0
	}
	return s.Data.Dir == "" && slices.Contains(dataset.Names, s.Data.Name) && !dataset.Drawn(s.Data.Name)
}

// dataName is the name of the data set, which a worker need not give.
func (s *settings) dataName() string {
	if s.fetches && s.Data.Name == "" && !s.lacksData() {
		return dataset.Default().Name
	}
	return s.Data.Name
}

// checkModel builds the model for a stand-in where the data set is not known yet.
func (s *settings) checkModel() error {
	m := s.Model
	if m.Input == (nn.Shape{}) {
		m.Input = nn.Shape{C: 3, H: 32, W: 32}
	}
	if m.Classes == 0 {
		m.Classes = 10
	}
	_, err := nn.Build(m)
	return err
}

func (p *place) validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(p.Workers >= 1 && p.Workers <= 1024, "workers %d: must be 1 to 1024", p.Workers)
	check(p.Workers < 1 || p.Worker.Threads <= quota.MaxThreads/p.Workers, "workers %d of %d threads: must be %d threads in all", p.Workers, p.Worker.Threads, quota.MaxThreads)
	for _, err := range []error{p.Worker.Validate(), p.Fetch.Validate()} {
		if err != nil {
			faults = append(faults, err)
		}
	}
	if p.Run != "" {
		if err := proto.RunID(p.Run).Validate(); err != nil {
			faults = append(faults, err)
		}
	}
	check(p.Worker.Run == "" || string(p.Worker.Run) == p.Run, "worker.run %q: the run is named by --run", p.Worker.Run)
	if p.NATS.Listen != "" {
		_, _, err := p.NATS.address()
		check(err == nil, "%v", err)
		check(p.NATS.URL == "", "nats listen and url: give one of them")
	}
	return errors.Join(faults...)
}

// readURL takes the address of the server from the file that holds it.
func (n *natsSettings) readURL() error {
	if n.URLFile == "" {
		return nil
	}
	text, err := file.Read(n.URLFile, maxKeyFile)
	if err != nil {
		return fmt.Errorf("nats url_file: %w", err)
	}
	url := strings.TrimSpace(string(text))
	switch {
	case url == "" || strings.ContainsAny(url, "\r\n"):
		return fmt.Errorf("nats url_file %s: it must hold one line, as nats://user:password@host:4222", n.URLFile)
	case n.URL != "" && n.URL != url:
		return fmt.Errorf("nats url and url_file %s: give one of them", n.URLFile)
	}
	n.URL = url
	return nil
}

// maxKeyFile bounds the files of keys and certificates, in bytes.
const maxKeyFile = 1 << 20

// checkFiles looks for the files of the keys, for who is about to use them.
func (n natsSettings) checkFiles() error {
	var faults []error
	for _, name := range []string{n.Creds, n.CA} {
		if name == "" {
			continue
		}
		switch f, size, err := file.Open(name); {
		case err != nil:
			faults = append(faults, fmt.Errorf("nats: %w", err))
		default:
			f.Close()
			if size > maxKeyFile {
				faults = append(faults, fmt.Errorf("nats: %s: the file is %w: it has %d bytes, and may have %d", name, file.ErrTooLarge, size, maxKeyFile))
			}
		}
	}
	return errors.Join(faults...)
}

// name fills in the id of the run and its directory, each from the other.
func (p *place) name(fresh func() string) {
	if p.RunDir == "" {
		if p.Run == "" {
			p.Run = fresh()
		}
		p.RunDir = filepath.Join("runs", p.Run)
	}
	if p.Run == "" {
		p.Run = idOf(p.RunDir)
	}
}

// readable is how much of a directory's name stays in an id that has a hash.
const readable = 40

// idOf makes a run id of a directory: its name, or where that cannot be an id,
// what of it can, and a hash of the whole path. So directories of different
// names have different ids.
func idOf(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	name := filepath.Base(dir)
	if !strings.HasPrefix(name, "-") && proto.RunID(name).Validate() == nil {
		return name
	}
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	id = strings.Trim(id[:min(len(id), readable)], "-")
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("%s-%x", cmp.Or(id, "run"), sum[:6])
}
