package dataset

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Config says which data set to read. Start from Default.
type Config struct {
	// Name is one of Names.
	Name string `yaml:"name" json:"name"`
	// Dir is where its files are; a set that is drawn has none.
	Dir string `yaml:"dir" json:"dir"`
	// Table says what the columns of a table are.
	Table TableConfig `yaml:"table" json:"table"`
	// Limit keeps that many samples of each split, the classes in equal
	// parts as far as they reach; 0 keeps all.
	Limit int `yaml:"limit" json:"limit"`
	// MemoryMB is the size in MiB, in memory, beyond which a set is not read; 0:
	// two thirds of the memory that is free.
	MemoryMB int `yaml:"memory_mb" json:"memory_mb"`
	// Seed draws a set that is drawn, and which pictures of a folder without test pictures are
	// for testing; others have none.
	Seed uint64 `yaml:"seed" json:"seed"`
	// Size is that of the images that pictures of a folder become, "32" or "48x32" for 48
	// columns of 32 rows. Empty: the size of all, if they have one of at most 1024 a side, else 64.
	Size string `yaml:"size" json:"size"`
	// TestPart is the part of a table's rows, or of each class's pictures, that are for testing where a folder has
	// none for that. 0: there have to be some.
	TestPart float64 `yaml:"test_part" json:"test_part"`
	// Cache is the directory where decoded pictures are kept; empty: tinygrow/pictures below the
	// user's cache directory; CacheOff: nowhere.
	Cache string `yaml:"cache" json:"cache"`
	// Mirrors are addresses of directories with the files of published sets, in place of the public
	// ones, for tinygrow data get.
	Mirrors []string `yaml:"mirrors" json:"mirrors"`
	// Progress is told how many pictures of all are decoded, now and then, by one goroutine
	// at a time; nil: nobody is.
	Progress func(done, total int) `yaml:"-" json:"-"`
}

// maxMemoryMB bounds Config.MemoryMB.
const maxMemoryMB = 1 << 24

// Default returns the built-in set.
func Default() Config {
	return Config{Name: shapesReader.name, Seed: 1, TestPart: 0.2, Table: TableConfig{Task: taskAuto}}
}

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
	faults = append(faults, c.Table.validate(known && r.name == tableReader.name))
	if c.MemoryMB < 0 || c.MemoryMB > maxMemoryMB {
		faults = append(faults, fmt.Errorf("memory_mb %d: must be 0 to %d", c.MemoryMB, maxMemoryMB))
	}
	if _, given := c.size(); c.Size != "" && !given {
		faults = append(faults, fmt.Errorf("size %q: must be a side of 1 to %d pixels, as 32, or columns x rows, as 48x32",
			c.Size, maxSide))
	}
	if c.Size != "" && known && !r.sized {
		faults = append(faults, fmt.Errorf("size %s: the images of %s have a size of their own, which no setting changes", c.Size, c.Name))
	}
	if !(c.TestPart >= 0 && c.TestPart < 1) {
		faults = append(faults, fmt.Errorf("test_part %v: must be at least 0 and less than 1", c.TestPart))
	}
	if c.Dir == "" && known && r.lies != nil {
		what := fmt.Sprintf("data set %s needs the directory of its files: --data-dir DIR", c.Name)
		if r.published {
			what += fmt.Sprintf("; if they are not here yet, get them with: tinygrow data get %s", c.Name)
		}
		faults = append(faults, errors.New(what))
	}
	return errors.Join(faults...)
}

// size returns the size that Size gives, if it gives one that is possible.
func (c Config) size() (size pictureSize, given bool) {
	columns, rows, two := strings.Cut(c.Size, "x")
	if !two {
		rows = columns
	}
	var err, also error
	size.w, err = strconv.Atoi(columns)
	size.h, also = strconv.Atoi(rows)
	return size, err == nil && also == nil && min(size.w, size.h) >= 1 && max(size.w, size.h) <= maxSide
}
