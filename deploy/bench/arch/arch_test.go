package main

import (
	"context"
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

func TestNetworksAreOfDifferentWays(t *testing.T) {
	seen := map[nn.Paths]string{}
	for _, n := range append(networks(), network{"what grows", residual}) {
		g, err := (&bench{}).build(n.text)
		if err != nil {
			t.Fatalf("%s: %v", n.name, err)
		}
		if old, ok := seen[g.Paths()]; ok {
			t.Errorf("%s is %s again", n.name, old)
		}
		seen[g.Paths()] = n.name
	}
	if len(seen) < 13 {
		t.Errorf("%d networks", len(seen))
	}
}

func TestReadsOfLosses(t *testing.T) {
	if got := lastQuarter([]float64{9, 9, 9, 9, 9, 9, 1, 3}, true); got != 2 {
		t.Errorf("the last quarter is %v", got)
	}
	if got := lastQuarter([]float64{1, 1}, false); !math.IsInf(got, 1) {
		t.Errorf("a run that broke off has %v", got)
	}
	losses := make([]float64, 60)
	for i := range losses {
		losses[i] = float64(60 - i)
	}
	if got := stepsTo(losses, 20.5); got != 50 { // the mean of 30 to 11
		t.Errorf("the target is met at step %d", got)
	}
	if got := stepsTo(losses, 1); got != 0 {
		t.Errorf("the target is met at step %d", got)
	}
}

func TestFaults(t *testing.T) {
	for _, args := range [][]string{nil, {"-data-dir", "x", "-samples", "10"}, {"-data-dir", "x", "-seeds", "0"}, {"-data-dir", "none"}} {
		if command(context.Background(), args) == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
