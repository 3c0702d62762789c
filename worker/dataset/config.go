package dataset

import (
	"errors"
	"fmt"
	"strings"
)

// Config says which data set to read. Start from Default.
type Config struct {
	// Name is one of Names.
	Name string `yaml:"name" json:"name"`
	// Dir is where its files are; a set that is drawn has none.
	Dir string `yaml:"dir" json:"dir"`
	// Limit keeps that many samples of each split, the classes in equal
	// parts as far as they reach; 0 keeps all.
	Limit int `yaml:"limit" json:"limit"`
	// MemoryMB is the size in MiB, in memory, beyond which a set is not read; 0:
	// two thirds of the memory that is free.
	MemoryMB int `yaml:"memory_mb" json:"memory_mb"`
	// Seed draws a set that is drawn; others have none.
	Seed uint64 `yaml:"seed" json:"seed"`
}

// maxMemoryMB bounds Config.MemoryMB.
const maxMemoryMB = 1 << 24

// Default returns the built-in set.
func Default() Config { return Config{Name: shapesReader.name, Seed: 1} }

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var faults []error
	r, known := readerOf(c.Name)
	if !known {
		faults = append(faults, fmt.Errorf("data set %q is unknown: use one of %s", c.Name, strings.Join(Names, ", ")))
	}
	if c.Limit < 0 {
		faults = append(faults, fmt.Errorf("limit %d: must be at least 0", c.Limit))
	}
	if c.MemoryMB < 0 || c.MemoryMB > maxMemoryMB {
		faults = append(faults, fmt.Errorf("memory_mb %d: must be 0 to %d", c.MemoryMB, maxMemoryMB))
	}
	if c.Dir == "" && known && r.lies != nil {
		faults = append(faults, fmt.Errorf("data set %s needs the directory of its files: --data-dir DIR", c.Name))
	}
	return errors.Join(faults...)
}
