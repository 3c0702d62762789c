package fetch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Config says where fetched data sets are kept. Start from Default.
type Config struct {
	// Dir is the cache; empty: tinygrow/data below the user's cache directory.
	Dir string `yaml:"dir"`
	// LimitMB is the size in MiB beyond which a set is not fetched. It is kept on disk and
	// read from there.
	LimitMB int `yaml:"limit_mb"`
}

// Default returns a limit of 8 GiB.
func Default() Config { return Config{LimitMB: 8 << 10} }

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	if c.LimitMB < 1 || c.LimitMB > 1<<24 {
		return fmt.Errorf("fetch limit_mb %d: must be 1 to %d", c.LimitMB, 1<<24)
	}
	return nil
}

func (c Config) limit() int64 { return int64(c.LimitMB) << 20 }

// ErrCache is returned when a data set cannot be kept on disk.
var ErrCache = errors.New("cannot keep the data set on disk")

func cacheFault(err error) error {
	return fmt.Errorf("%w: %w: name another directory with --cache DIR", ErrCache, err)
}

// Place returns the directory of the cache, after making it if need be.
func (c Config) Place() (string, error) {
	dir := c.Dir
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", cacheFault(err)
		}
		dir = filepath.Join(base, "tinygrow", "data")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", cacheFault(err)
	}
	return dir, nil
}
