package coordinator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
)

// A run goes on with the settings and the arithmetic that it was made with, or says
// which differ, in both's values.
func TestARunGoesOnWithItsOwnBasis(t *testing.T) {
	began := Default()
	began.Model.Units = map[string]int{"conv1": 3}
	basis, err := began.Basis()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(checkpoint.State{Basis: basis}, "", "  ") // as state.json has it
	if err != nil {
		t.Fatal(err)
	}
	var state checkpoint.State
	if err := json.Unmarshal(text, &state); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		says   []string
	}{
		"the same":            {func(*Config) {}, nil},
		"empty instead of no": {func(c *Config) { c.Model.Widths = []int{}; c.Growth.Widths = nil }, nil},
		"another place":       {func(c *Config) { c.Cluster.MaxWorkers, c.Checkpoint.Keep = 3, 9 }, nil},
		"another rate":        {func(c *Config) { c.Optimizer.LR = 0.25 }, []string{"optim.lr is 0.25 in its configuration, and was 0.1"}},
		"another end":         {func(c *Config) { c.Train.Steps = 7 }, []string{"train.steps is 7"}},
		"two": {func(c *Config) { c.Growth.Policy, c.Train.Seed = "none", 5 },
			[]string{`growth.policy is "none"`, "train.seed is 5"}},
		"another width": {func(c *Config) { c.Model.Units = map[string]int{"conv1": 4} },
			[]string{`model.units is {"conv1":4}`, `was {"conv1":3}`}},
	} {
		here := began
		c.change(&here)
		err := here.SameSettings(state.Basis)
		if errors.Is(err, ErrOtherSettings) != (c.says != nil) || c.says == nil && err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %v, want %q in it", name, err, part)
			}
		}
	}
	if err := SameNumerics(state.Basis); err != nil {
		t.Error(err)
	}
	other := *state.Basis
	other.Numerics++
	if err := SameNumerics(&other); !errors.Is(err, ErrOtherNumerics) || !strings.Contains(err.Error(),
		fmt.Sprintf("version %d of the numerics, this program has version %d", trainer.Numerics+1, trainer.Numerics)) {
		t.Error(err)
	}
	other = *state.Basis
	other.Arithmetic = "abc"
	if err := SameNumerics(&other); !errors.Is(err, ErrOtherNumerics) || !strings.Contains(err.Error(), "abc") {
		t.Error(err)
	}
	if err := errors.Join(began.SameSettings(nil), SameNumerics(nil)); err != nil {
		t.Errorf("a checkpoint without a basis: %v", err)
	}
	if err := began.SameSettings(&checkpoint.Basis{Settings: []byte(`3`)}); !errors.Is(err, checkpoint.ErrDamaged) {
		t.Error(err)
	}
}

// FuzzBasis compares with whatever state.json says that a run was made with.
func FuzzBasis(f *testing.F) {
	began, err := Default().Basis()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(began.Settings), began.Numerics, began.Arithmetic)
	f.Add([]byte(`{"train":{"batch":[{}]},"model":3,"optim":null}`), 0, "")
	f.Add([]byte(`{"train":{"batch":1e999}}`), -1, "x")
	f.Fuzz(func(t *testing.T, settings []byte, numerics int, arithmetic string) {
		was := &checkpoint.Basis{Settings: settings, Numerics: numerics, Arithmetic: arithmetic}
		if err := Default().SameSettings(was); err != nil && !errors.Is(err, ErrOtherSettings) && !errors.Is(err, checkpoint.ErrDamaged) {
			t.Error(err)
		}
		if err := SameNumerics(was); (err == nil) != (numerics == trainer.Numerics && arithmetic == began.Arithmetic) {
			t.Error(err)
		}
	})
}
