package sweep

import (
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/record"
	"github.com/tinygrow/tinygrow/deploy/run/search"
)

// features tells a predictor of the settings at a point and of the network that a run of them begins with. It returns nil where they
// are refused. The environment is left out, so that who looks at the sweep from elsewhere finds the same.
func (s *sweep) features(p search.Point) map[string]float64 {
	settings := s.space.Assignments(p)
	key := strings.Join(settings, "\n")
	if f, known := s.told[key]; known {
		return f
	}
	f := s.tellFeatures(settings)
	s.told[key] = f
	return f
}

func (s *sweep) tellFeatures(settings []string) map[string]float64 {
	asked, err := s.plainly(settings)
	if err != nil {
		if _, all := s.plainly(nil); all == nil {
			return nil
		} // else something is missing that the environment gives
	}
	g, err := asked.Graph()
	if err != nil {
		return nil
	}
	n, err := view.NetworkOf(g)
	if err != nil {
		return nil
	}
	return record.Features(record.GraphOf(n), record.Settings(&asked))
}

// plainly returns the settings of a trial without those of the environment.
func (s *sweep) plainly(trial []string) (run.Settings, error) {
	return run.Given{Recipe: s.Recipe, File: s.baseIn(s.dir), Assignments: slices.Concat(s.Settings, trial)}.Resolve(run.Defaults())
}
