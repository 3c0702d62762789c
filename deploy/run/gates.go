package run

import "github.com/tinygrow/tinygrow/growth/prune"

// Gates returns how far the gates are open that learn at the checkpoint of a run; none where none do.
func (s *Saved) Gates() ([]prune.Scores, error) {
	if s.State == nil {
		return nil, nil
	}
	at, err := s.progress()
	if err != nil || at.Gates == nil {
		return nil, err
	}
	return at.Gates.Open(), nil
}
