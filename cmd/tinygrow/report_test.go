package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
)

func closing(r coordinator.Result) string {
	var out bytes.Buffer
	report(&out, &r)
	return out.String()
}

func TestClosingTableTellsWhatWasNotMeasured(t *testing.T) {
	got := closing(coordinator.Result{Run: "a", RunDir: "runs/a", Steps: 12, ParamsStart: 5, ParamsEnd: 5})
	want := `run         a, 12 steps, none of them now
network
parameters  5 -> 5
growth      0 events, 0 grew; generation 0
train       no step was made
test        not evaluated
model       sha256
directory   runs/a
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestClosingTableSaysOfWhichStepAFigureIs(t *testing.T) {
	loss, accuracy := 1.5, 0.25
	got := closing(coordinator.Result{Run: "a", Steps: 1100, StepsHere: 100, WallS: 2, CPUS: 1, SamplesPerS: 6400,
		TrainLoss: &loss, TrainSamples: 1280, TrainEpoch: 3, TestLoss: &loss, TestAccuracy: &accuracy, TestStep: 1024,
		Validation: &coordinator.Evaluation{Step: 1050, Loss: 2, Accuracy: 0.5}})
	for _, want := range []string{
		"run         a, 1100 steps, the last 100 of them in 2.0 s (1.0 s of processor time), 6,400 samples/s\n",
		"train       loss 1.5000, the mean over 1,280 samples of epoch 3\n",
		"validation  loss 2.0000, accuracy 50.00 % at step 1050\n",
		"test        loss 1.5000, accuracy 25.00 % at step 1024\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}
