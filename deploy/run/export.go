package run

import (
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/export"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

// Export writes the saved model in one of export.FormatList to a path where nothing lies
// yet. The account of its run, if that is at hand, goes into what the format tells.
func (s *Saved) Export(format export.Format, path string) error {
	if err := s.trained(); err != nil {
		return err
	}
	src := &export.Source{Model: s.Model, Card: s.Card}
	if s.State != nil {
		src.Step = uint64(s.State.Step)
	}
	if s.ofRun && s.State != nil {
		account, err := view.Open(s.Settings.RunDir)
		if err != nil {
			return as(ErrRun, err)
		}
		src.Run = account
	}
	err := export.Write(src, format, path)
	if errors.Is(err, export.ErrFormat) {
		return as(ErrUsage, err)
	}
	if errors.Is(err, export.ErrCannot) || errors.Is(err, export.ErrExists) {
		return as(ErrRun, err)
	}
	if err != nil {
		return fmt.Errorf("export of %s: %w", s.Path, err)
	}
	return nil
}
