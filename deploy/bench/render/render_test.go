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

func TestRenderRefusesAnOpenMarker(t *testing.T) {
	if _, err := render("<!-- results:compute -->\n", t.TempDir()); err == nil {
		t.Error("a marker without its end was accepted")
	}
}
