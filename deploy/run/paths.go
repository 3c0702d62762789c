package run

import (
	"fmt"

	"github.com/tinygrow/tinygrow/deploy/run/config"
)

// paths are the settings that are paths, by their keys.
func (s *Settings) paths() map[string]*string {
	return map[string]*string{"data.dir": &s.Data.Dir, "data.cache": &s.Data.Cache,
		"run_dir": &s.RunDir, "nats.creds": &s.NATS.Creds, "nats.ca": &s.NATS.CA,
		"fetch.dir": &s.Fetch.Dir, "health": &s.Health, "ui.token_file": &s.UI.TokenFile}
}

// expand replaces home directories in all paths.
func (s *Settings) expand() error {
	var faults config.Faults
	for key, path := range s.paths() {
		expanded, err := config.ExpandHome(*path)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", key, err))
			continue
		}
		*path = expanded
	}
	return faults.Err()
}
