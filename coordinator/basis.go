package coordinator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

var (
	// ErrOtherSettings is returned when the configuration of a run is not the one
	// that its checkpoints were made with.
	ErrOtherSettings = errors.New("not the settings that the run was made with")
	// ErrOtherNumerics is returned when this program does not give the bits of the
	// one that made a run.
	ErrOtherNumerics = errors.New("not the arithmetic that the run was made with")
)

// Basis returns what decides the bits of a run of this configuration, beside its data.
func (c Config) Basis() (*checkpoint.Basis, error) {
	c.Train.Init = c.Train.Init.Decisive()
	settings, err := json.Marshal(struct {
		Model     nn.ModelConfig    `json:"model"`
		Train     trainer.Config    `json:"train"`
		Optimizer optim.Config      `json:"optim"`
		Growth    growth.Config     `json:"growth"`
		Prune     prune.Config      `json:"prune"`
		Callbacks trainer.Callbacks `json:"callbacks"`
		Sync      trainer.Sync      `json:"sync"`
	}{c.Model, c.Train, c.Optimizer, c.Growth, c.Prune, c.Callbacks.Callbacks, c.Sync})
	return &checkpoint.Basis{Numerics: trainer.Numerics, Arithmetic: nn.CommonFingerprint(), Settings: settings}, err
}

// SameSettings returns an error that wraps ErrOtherSettings and names both values
// where a checkpoint was made with other settings than c. A checkpoint of an earlier
// version has no basis and is not held to one.
func (c Config) SameSettings(was *checkpoint.Basis) error {
	if was == nil {
		return nil
	}
	here, err := c.Basis()
	if err != nil {
		return err
	}
	// Of checkpoints that say nothing of them.
	then, now := map[string]string{"sync.every": "1", "prune.policy": `"none"`}, map[string]string{}
	if err := errors.Join(flatten(then, "", was.Settings), flatten(now, "", here.Settings)); err != nil {
		return fmt.Errorf("%w: settings: %w", checkpoint.ErrDamaged, err)
	}
	var faults []string
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if value, known := then[key]; known && value != now[key] {
			faults = append(faults, fmt.Sprintf("%s is %s in its configuration, and was %s", key, now[key], value))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s: restore the configuration, or begin another run", ErrOtherSettings, strings.Join(faults, "; "))
}

// SameNumerics returns an error that wraps ErrOtherNumerics where a checkpoint was
// made by a program that computes other bits.
func SameNumerics(was *checkpoint.Basis) error {
	switch f := nn.CommonFingerprint(); {
	case was == nil:
	case was.Numerics != trainer.Numerics:
		return fmt.Errorf("%w: it was made by version %d of the numerics, this program has version %d: "+
			"go on with the build that began the run", ErrOtherNumerics, was.Numerics, trainer.Numerics)
	case was.Arithmetic != f:
		return fmt.Errorf("%w: it has the fingerprint %.16s, this program on this machine has %.16s: "+
			"go on with the build that began the run", ErrOtherNumerics, was.Arithmetic, f)
	}
	return nil
}

// flatten lists the values of a JSON object by their keys, joined by dots. Empty lists
// and objects are as good as none.
func flatten(into map[string]string, prefix string, text json.RawMessage) error {
	var section map[string]json.RawMessage
	if err := json.Unmarshal(text, &section); err != nil {
		return err
	}
	for key, value := range section {
		var inner map[string]json.RawMessage
		var compact bytes.Buffer
		if err := json.Compact(&compact, value); err != nil {
			return err
		}
		switch text := compact.String(); {
		case text == "null" || text == "[]" || text == "{}" || text == `""`:
			into[prefix+key] = "none"
		case prefix == "" && json.Unmarshal(value, &inner) == nil:
			if err := flatten(into, key+".", value); err != nil {
				return err
			}
		default:
			into[prefix+key] = text
		}
	}
	return nil
}
