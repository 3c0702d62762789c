package worker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Config says who a worker is. The zero value is a worker of the run "default"
// named after its host, on all processors.
type Config struct {
	Run proto.RunID    `yaml:"run"`
	ID  proto.WorkerID `yaml:"id"` // empty: host and a random suffix; must be unique in the run
	// Key is what the server calls this worker's key. Empty: proto.Anybody.
	Key proto.Key `yaml:"-"`
	// Host is the machine's name; the coordinator shares out a host's
	// processors between the workers that name it. Empty: the system's.
	Host string `yaml:"host"`
	// Threads is the number of micro-shards computed at once. 0: all processors
	// that quota and affinity allow, which the coordinator shares out between
	// the workers of this host.
	Threads int `yaml:"threads"`
	// Combine lets the workers of a host compute as one: see Combined.
	Combine bool `yaml:"combine"`
	// Program names this build to the coordinator.
	Program string `yaml:"-"`
	// Patience is how long weights may stand still on their way before the
	// worker asks for what is missing. 0: 100 ms.
	Patience time.Duration `yaml:"patience"`
	// Answer bounds the wait for an answer of the coordinator. 0: 10 s.
	Answer time.Duration `yaml:"answer"`
	// Retry is the pause after an unanswered request. 0: 200 ms.
	Retry time.Duration `yaml:"retry"`
	// Grace is how long a worker that is told to stop may go on with its block. 0: 5 s.
	Grace time.Duration `yaml:"grace"`
	// StandIn is for measuring many workers on few processors: the worker computes
	// nothing, it waits so long for each micro-shard of a thread and sends sums that
	// were recorded once. What comes of it is not trained. 0: it computes.
	StandIn time.Duration `yaml:"stand_in"`
	// Alive is told every few seconds what the worker does; nil: nobody is.
	// It may be called by several goroutines.
	Alive func(state string) `yaml:"-"`
	// Done is told what was measured when the worker ends; nil: nobody is.
	Done func(Stats) `yaml:"-"`
	// Worked is told after each block what was measured so far; nil: nobody is.
	Worked func(Stats) `yaml:"-"`
	// Log gets what happens, sparsely; nil: nothing.
	Log *slog.Logger `yaml:"-"`

	shared bool         // Threads are those of the host
	hands  func() hands // what the workers of the host have together; nil: this one is by itself
	over   bool         // the run has ended unless a coordinator answers at once
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Run != "" {
		faults = append(faults, c.Run.Validate())
	}
	if c.ID != "" {
		faults = append(faults, c.ID.Validate())
	}
	if c.Key != "" {
		faults = append(faults, c.Key.Validate())
	}
	if c.Threads < 0 || c.Threads > quota.MaxThreads {
		faults = append(faults, fmt.Errorf("threads %d: must be 0 to %d", c.Threads, quota.MaxThreads))
	}
	for _, t := range []struct {
		name string
		time time.Duration
	}{{"answer", c.Answer}, {"grace", c.Grace}, {"patience", c.Patience}, {"retry", c.Retry}, {"stand_in", c.StandIn}} {
		if t.time < 0 {
			faults = append(faults, fmt.Errorf("%s %s: must be at least 0", t.name, t.time))
		}
	}
	return errors.Join(faults...)
}

func (c Config) withDefaults() Config {
	if c.Run == "" {
		c.Run = "default"
	}
	if c.Key == "" {
		c.Key = proto.Anybody
	}
	if c.Host == "" {
		c.Host = quota.Host()
	}
	if c.ID == "" {
		name, _ := os.Hostname()
		c.ID = proto.FreshID(name)
	}
	if c.Threads == 0 {
		c.Threads, c.shared = quota.CPUs(), true
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{
		{&c.Patience, 100 * time.Millisecond}, {&c.Answer, 10 * time.Second},
		{&c.Retry, 200 * time.Millisecond}, {&c.Grace, 5 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	if c.Alive == nil {
		c.Alive = func(string) {}
	}
	if c.Done == nil {
		c.Done = func(Stats) {}
	}
	if c.Worked == nil {
		c.Worked = func(Stats) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}
