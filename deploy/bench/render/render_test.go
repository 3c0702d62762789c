package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadmeShowsTheCommittedResults(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := render(string(readme), filepath.Join(root, "deploy", "bench", "results"))
	if err != nil {
		t.Fatal(err)
	}
	if fresh != string(readme) {
		t.Error("README.md differs from deploy/bench/results: run `go run ./deploy/bench/render`")
	}
}

func TestPolicyTableTakesMediansByPolicy(t *testing.T) {
	raw := `{"policy":"tiny","args":"--steps 9","test_accuracy":0.5,"params_start":10,"params_end":40,"growth_events":[1,2],"cpu_s":3}
{"policy":"none","args":"--steps 9","test_accuracy":0.25,"params_start":10,"params_end":10,"growth_events":[],"cpu_s":1}
{"policy":"tiny","args":"--steps 9","test_accuracy":0.7,"params_start":10,"params_end":60,"growth_events":[1,2],"cpu_s":5}
`
	got, err := policyTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| tiny | 50.0 %, 70.0 % | 60.0 % | 10 -> 50 | 2 | 4 |",
		"| none | 25.0 % | 25.0 % | 10 -> 10 | 0 | 1 |",
		"`tinygrow train --steps 9`",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestGrowthCostTable(t *testing.T) {
	raw := `{"date":"2026-01-02","cpu":"abacus","cores":2,"samples":2048,"repeat":3,
"models":[{"model":"mlp-64","sites":2,"beyond_s":0.25,"torch_beyond_s":5,"ratio":20.04,"total_s":0.5,"torch_total_s":5.5,"total_ratio":11}],
"events":{"model":"cnn","data":"shapes","steps":80,"batch":128,"costs":[{"params":10,"train_s":1,"event_s":0.1},{"params":20,"train_s":3,"event_s":0.5}]}}`
	got, err := growthCostTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| mlp-64 | 2 | 0.25 | 5.00 | 20.0 | 0.50 | 5.50 | 11.0 |",
		"2048 samples, medians of 3 paired, alternating runs; abacus, 2 cores; 2026-01-02.",
		"2 growth events of cnn on shapes cost 15 % of the 80 steps of batch 128 before each.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestRenderRefusesAnOpenMarker(t *testing.T) {
	if _, err := render("<!-- results:compute -->\n", t.TempDir()); err == nil {
		t.Error("a marker without its end was accepted")
	}
}
