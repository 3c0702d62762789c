package main

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

func TestFaults(t *testing.T) {
	for _, args := range [][]string{nil, {"-data-dir", "x"}, {"-data-dir", "x", "-part", "all"}, {"-data-dir", "x", "-part", "inits", "-jobs", "1"},
		{"-data-dir", "none", "-part", "points"}} {
		if command(context.Background(), args) == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

// A run with the loss of chance counts as one that diverged; steps and scales are those of the first seed.
func TestTake(t *testing.T) {
	run := func(loss float64, whole bool) *stat.Run {
		return &stat.Run{Whole: whole, Steps: slices.Repeat([]trainer.StepRecord{{Loss: loss}}, lastSteps+3),
			Scales: []trainer.TensorScale{{Tensor: "conv1.weight", Scale: 2}, {Tensor: "conv1.bias", Scale: 9}, {Tensor: "fc.weight", Scale: 0.5}}}
	}
	var i Init
	i.take(run(1.5, true), 1)
	i.take(run(2.3, true), 2)
	i.take(run(1, false), 3)
	if i.Diverged != 2 || i.Steps != lastSteps+3 || len(i.Losses) != 3 || i.Losses[0] != 1.5 || !math.IsInf(float64(i.Losses[2]), 1) {
		t.Errorf("%+v", i)
	}
	if len(i.Scales) != 2 || i.Scales[0] != 0.5 || i.Scales[1] != 2 {
		t.Errorf("scales %v", i.Scales)
	}
}
