package scale

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Config says what to measure.
type Config struct {
	Binary  string // tinygrow
	Workers []int  // numbers of workers, one row each; the first is what others are compared with
	Threads int    // threads of each worker; 0: the machine's are shared out
	// Document is the run's configuration as YAML.
	Document []byte
	// NATS is the URL of a server; empty: one is started for each row.
	NATS string
	// Target is a test accuracy whose time is measured; 0: none.
	Target float64
	Repeat int // measurements of each row, by turns; the medians count
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	found.Check(len(c.Workers) > 0, "no numbers of workers: give some, as --workers 1,2,4,8")
	for i, n := range c.Workers {
		found.Check(n >= 1 && n <= 256, "%d workers: must be 1 to 256", n)
		found.Check(!slices.Contains(c.Workers[:i], n), "%d workers: given twice", n)
	}
	found.Check(c.Threads >= 0, "%d threads: must be at least 0", c.Threads)
	found.Check(c.Target >= 0 && c.Target <= 1, "target accuracy %v: must be 0 to 1", c.Target)
	found.Check(c.Repeat >= 1 && c.Repeat <= 100, "repeat %d: must be 1 to 100", c.Repeat)
	return found.Err()
}
