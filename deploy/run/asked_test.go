package run

import (
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
)

// The list of settings that the commit log keeps tells all that decides bits.
func TestSettingsOfARunOnAServer(t *testing.T) {
	s := Defaults()
	s.Train.Seed, s.Model.Widths, s.Optimizer.LR, s.Data.Name, s.Growth.Policy = 7, []int{3, 4}, 0.025, "cifar10", "none"
	list := s.asked()
	if len(list) == 0 || len(list) > proto.MaxSettings/2 {
		t.Fatalf("%d bytes", len(list))
	}
	back := askedOf(list)
	if again := back.asked(); again != list || back.Train.Seed != 7 || !slices.Equal(back.Model.Widths, s.Model.Widths) {
		t.Errorf("got\n%s\nwant\n%s", again, list)
	}
	if d := s.differs(lead.History{Settings: list}); d != "" {
		t.Errorf("a run differs from itself: %s", d)
	}
	other := s
	other.Train.Seed, other.RunDir, other.Run, other.Data.Dir = 8, "elsewhere", "b", "d"
	if d := other.differs(lead.History{Settings: list}); d != "train.seed is 7 there and 8 here" {
		t.Errorf("differs: %q", d)
	}
	s.Model.Units = make(map[string]int)
	for i := range 2000 {
		s.Model.Units[strings.Repeat("x", i%50)+string(rune('a'+i%26))] = i
	}
	if list := s.asked(); len(list) > proto.MaxSettings {
		t.Errorf("%d bytes", len(list))
	}
}

// No text of a commit log makes a coordinator fall over, or is passed on at more than its bounded length.
func FuzzSettingsOfALog(f *testing.F) {
	s := Defaults()
	f.Add(s.asked())
	f.Add("train.seed: 2\nmodel.widths: [1, 2\nunknown: key\noptim.lr")
	f.Add(": \n\n:train.steps: -1\ntrain.seed: \x1b[2J")
	f.Fuzz(func(t *testing.T, list string) {
		other := askedOf(list)
		if again := other.asked(); len(again) > proto.MaxSettings {
			t.Errorf("%d bytes", len(again))
		}
		other.differs(lead.History{Settings: list})
	})
}
