package run

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// start is a model that a run starts from, and where it was found.
type start struct {
	coordinator.Start
	path string
}

// takeStart opens the model that --from names and puts its digest into base. The
// configuration of its network, where it is known, is kept for those who read it.
func (g Given) takeStart(base *Settings) error {
	if g.From == "" {
		return nil
	}
	s, err := Open(g.From)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if err := s.trained(); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	base.start = &start{coordinator.Start{Model: s.Model, Card: s.Card}, g.From}
	base.Train.From = checkpoint.ModelSHA256(s.Model)
	if s.ofRun {
		base.Model = s.Settings.Model
		base.Model.Input, base.Model.Classes = nn.Shape{}, 0
		if len(base.Model.Widths) == 0 {
			base.Model.Widths = nil
		}
	}
	return nil
}

// checkStart refuses what would be another network than that of --from, and a digest
// without it.
func (g Given) checkStart(base, out *Settings) error {
	if g.From == "" {
		if out.Train.From != "" {
			return fmt.Errorf("train.from is %.16s: name the run or the export of that model with --from", out.Train.From)
		}
		return nil
	}
	if g.WidthsOf != "" {
		return fmt.Errorf("--from and --widths-of: give one of them")
	}
	var faults config.Faults
	for _, key := range config.Keys(base) {
		was, is := config.Get(base, key), config.Get(out, key)
		if was == is || key == "model.label_smoothing" {
			continue
		}
		if strings.HasPrefix(key, "model.") {
			faults = append(faults, fmt.Errorf("%s: with --from the network is that of %s: leave it out", key, g.From))
		}
		if key == "train.from" {
			faults = append(faults, fmt.Errorf("train.from is %.16s, the model of %s has %.16s: leave train.from out", is, g.From, was))
		}
	}
	return faults.Err()
}

// tell says what the run starts from and what differs from it. What is wrong the coordinator says.
func (s *start) tell(con Console, data coordinator.Data, seed uint64) {
	if s == nil {
		return
	}
	m, notes, err := s.Fit(data, seed)
	if err != nil {
		return
	}
	text := "its network, classes and normalisation stay"
	if len(notes) > 0 {
		text = strings.Join(notes, "; ")
	}
	con.Line("starts from %s, model sha256 %.16s, %d parameters: %s", s.path, checkpoint.ModelSHA256(s.Model), len(m.Params), text)
}
