package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// keyFlag is a flag that sets a configuration key.
type keyFlag struct {
	name, key, kind, usage string
}

// runFlags set the keys of a run, endFlags those that end it; placeFlags those that
// do not change its result.
var (
	dataFlags = []keyFlag{
		{"data", "data.name", "set", "data set: " + strings.Join(dataset.Names, ", ")},
		{"data-dir", "data.dir", "dir", "directory of the data set's files"},
		{"limit", "data.limit", "n", "keep only n samples of each split; 0: all"},
	}
	runFlags = []keyFlag{
		{"model", "model.name", "name", "starting network: " + strings.Join(nn.Zoo, ", ") + ", or a file, as net.yaml"},
		{"validation", "train.validation", "n", "training samples to hold out for evaluations; the test samples are then read at " +
			"the end only"},
		{"batch", "train.batch", "n", "samples of an update"},
		{"microshard", "train.microshard", "n", "samples of a micro-shard, the atom of work; part of the result"},
		{"lr", "optim.lr", "rate", "peak learning rate"},
		{"seed", "train.seed", "n", "seed of weights, order and augmentation"},
	}
	endFlags = []keyFlag{
		{"epochs", "train.epochs", "n", "times to go through the training samples"},
		{"steps", "train.steps", "n", "updates to make, instead of epochs"},
		{"max-flops", "train.max_flops", "n", "floating point operations to spend on training, after which it ends, as 2e13"},
		{"target-accuracy", "train.target_accuracy", "part", "accuracy, of 1, at which training ends"},
	}
	runPlaceFlags = []keyFlag{
		{"run", "run", "id", "id of the run (default: the name of its directory, with a hash of the path where that is no id)"},
		{"run-dir", "run_dir", "dir", "directory of the run (default: a new one below runs)"},
	}
	policyFlag = []keyFlag{{"policy", "growth.policy", "name", "growth policy: " + strings.Join(growth.Policies(), ", ") +
		"; paper is algorithm 1 of the TINY paper"}}
	cacheFlag = []keyFlag{{"cache", "fetch.dir", "dir", "where fetched data sets are kept (default: tinygrow/data below the user's " +
		"cache directory)"}}
	workersFlag = []keyFlag{{"workers", "workers", "n", "workers in this process"}}
	threadsFlag = []keyFlag{{"threads", "worker.threads", "n", "threads of each worker; 0: all cores shared out"}}
	uiFlag      = []keyFlag{{"ui", "ui.listen", "host:port",
		"show the run in a browser there, or off (default on a terminal: 127.0.0.1:7070 or a free port)"}}
	metricsFlag = []keyFlag{{"metrics", "telemetry.metrics", "host:port",
		"answer Prometheus there, or on a port of this machine alone, as 9464"}}
	listenFlag = []keyFlag{{"listen", "nats.listen", "host:port",
		"start a NATS server there, on which more workers of this machine may join"}}
	natsFlags = []keyFlag{
		{"nats", "nats.url", "url", "NATS server, as nats://host:4222; a password is safe from others in " + config.Variable("nats.url") +
			" or the file of nats.url_file"},
		{"creds", "nats.creds", "file", "file with the nkey seed of this role"},
		{"ca", "nats.ca", "file", "certificate authority of the NATS server"},
	}
)

// text is a flag's value as written.
type text struct {
	value, kind string
}

func (t *text) String() string     { return t.value }
func (t *text) Set(s string) error { t.value = s; return nil }
func (t *text) Type() string       { return t.kind }

// source is where a command's configuration comes from.
type source struct {
	file  string
	sets  []string
	flags map[string]keyFlag
	lists *pflag.FlagSet

	command *cobra.Command

	recipe                    string // name of one
	widthsOf, targetsOf, from string // runs
}

// newSource adds --config, --set and the given flags to a command.
func newSource(c *cobra.Command, groups ...[]keyFlag) *source {
	s := &source{flags: map[string]keyFlag{}, lists: c.Flags()}
	s.lists.StringVar(&s.file, "config", "", "YAML `file` with configuration keys")
	s.lists.StringArrayVar(&s.sets, "set", nil, "set any configuration `key=value`, as optim.momentum=0.8; may be repeated")
	base := run.Defaults()
	keys := config.Keys(&base)
	for _, f := range slices.Concat(groups...) {
		if !slices.Contains(keys, f.key) {
			panic("flag of an unknown configuration key")
		}
		s.flags[f.name] = f
		s.lists.Var(&text{config.Get(&base, f.key), f.kind}, f.name, f.usage)
		must(c.RegisterFlagCompletionFunc(f.name, completeFlag(f)))
	}
	must(c.RegisterFlagCompletionFunc("set", completeSetting))
	s.command = c
	return s
}

// addRecipe adds the flag that takes a configuration of the program's own.
func (s *source) addRecipe() {
	s.lists.StringVar(&s.recipe, "recipe", "", "begin with the settings of a recipe, by its `name`: see tinygrow recipes")
	must(s.command.RegisterFlagCompletionFunc("recipe", completeRecipes))
}

// addNetworkOf adds the flags that take widths from another run.
func (s *source) addNetworkOf() {
	s.lists.StringVar(&s.from, "from", "", "start from the weights of a `run`, checkpoint or export; other classes get a new last layer")
	s.lists.StringVar(&s.widthsOf, "widths-of", "", "start with the network that `run` has grown to, not trained")
	s.lists.StringVar(&s.targetsOf, "targets-of", "", "grow no site beyond the width that it has in `run`")
}

// given is what the command line, the environment and the file of --config say.
func (s *source) given() run.Given {
	g := run.Given{Recipe: s.recipe, File: s.file, Environment: os.Environ(), Assignments: s.sets, WidthsOf: s.widthsOf,
		TargetsOf: s.targetsOf, From: s.from}
	_, g.Dials = s.flags["creds"]
	s.lists.Visit(func(f *pflag.Flag) {
		if k, ok := s.flags[f.Name]; ok {
			g.Flags = append(g.Flags, run.Flag{Name: "--" + f.Name, Key: k.key, Value: f.Value.String()})
		}
	})
	return g
}
