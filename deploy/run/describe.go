package run

import (
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

// Describe returns what a run would be started with that gets g and nothing else,
// whether its data set is here or not.
func (g Given) Describe() (Settings, error) {
	base := Defaults()
	base.fetches = true
	return g.Resolve(base)
}

// DescribeRun returns what the run in dir is made with as it stands, with a later end
// that it got; what g gives may not differ from it.
func (g Given) DescribeRun(dir string) (Settings, error) {
	s, err := g.ReadRun(dir, Nothing)
	if s.stands != nil {
		s.Train = s.Train.WithEnd(*s.stands)
	}
	return s, err
}

// IsRun reports whether a directory is that of a run.
func IsRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, checkpoint.ConfigFile))
	return err == nil
}
