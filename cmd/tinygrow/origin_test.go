package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
)

// Directories of different names have different ids, each of which can stand in
// a subject; one that is an id itself keeps its name.
func TestIDsOfDirectories(t *testing.T) {
	long := strings.Repeat("cifar10-resnet18-", 4)
	seen := map[string]string{}
	for _, dir := range []string{
		"a", "a-b_c", "A", "a.b", "a b", "a-b", "a:b", "läufe", "laufe", "lüufe", "実験一", "実験二", "...x", "-a", "--a", "-", "a*", "a>", "a\nb", "a\x1bb",
		long + "seed1", long + "seed2", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 66), "x/実験一", "y/実験一", "x/" + long, "y/" + long,
	} {
		id := idOf(dir)
		if err := proto.RunID(id).Validate(); err != nil || strings.HasPrefix(id, "-") {
			t.Errorf("%q: id %q: %v", dir, id, err)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have the id %q", dir, other, id)
		}
		seen[id] = dir
		if again := idOf("./" + dir + "/"); again != id {
			t.Errorf("%q has the ids %q and %q", dir, id, again)
		}
	}
	for dir, want := range map[string]string{"a": "a", "/runs/default": "default", "x/y/seed-1_b": "seed-1_b", "/": "run-8a5edab28263", "/x/My run.1": "My-run-1-29791ade07cd"} {
		if got := idOf(dir); got != want {
			t.Errorf("%q: id %q, want %q", dir, got, want)
		}
	}
}

// Runs that begin in the same second have different names.
func TestIDsOfUnnamedRuns(t *testing.T) {
	s, now := defaults(), time.Now()
	a, b := freshID(&s, now), freshID(&s, now)
	if a == b || proto.RunID(a).Validate() != nil || !strings.Contains(a, now.Format("20060102-150405")) {
		t.Errorf("%q and %q", a, b)
	}
}

// The list of settings that the commit log keeps tells all that decides bits.
func TestSettingsOfARunOnAServer(t *testing.T) {
	s := defaults()
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
	s := defaults()
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
