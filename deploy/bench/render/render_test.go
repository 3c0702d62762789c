package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentsShowTheCommittedResults(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for _, name := range documents {
		document, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := render(string(document), filepath.Join(root, "deploy", "bench", "results"))
		if err != nil {
			t.Fatal(err)
		}
		if fresh != string(document) {
			t.Errorf("%s differs from deploy/bench/results: run `go run ./deploy/bench/render`", name)
		}
	}
}

func TestCampaignTableTakesMediansByPolicy(t *testing.T) {
	raw := `{"network":"vgg","policy":"best","test_accuracy":0.5,"params_start":10,"params_end":40,"growth_events":[{"decision":"grow"},{"decision":"refuse"}],"epochs":2,"cpu_s":3}
{"network":"resnet","policy":"best","test_accuracy":0.1,"params_start":1,"params_end":4,"growth_events":[],"epochs":2,"cpu_s":3}
{"network":"vgg","policy":"fixed","test_accuracy":0.25,"params_start":10,"params_end":10,"growth_events":[],"epochs":1.5,"cpu_s":1}
{"network":"vgg","policy":"best","test_accuracy":0.7,"params_start":10,"params_end":60,"growth_events":[{"decision":"grow"},{"decision":"deepen"}],"epochs":3,"cpu_s":5}
`
	got, err := campaignTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| vgg | best | 50.0 %, 70.0 % | 60.0 % | 10 -> 50 | 2 of 2 | 2.5 | 4 |\n| vgg | fixed |",
		"| vgg | fixed | 25.0 % | 25.0 % | 10 -> 10 | 0 of 0 | 1.5 | 1 |\n| resnet |",
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

func TestScaleTableShowsEachRow(t *testing.T) {
	raw := `{"model":"vgg","data":"cifar10","batch":512,"params":1000,"cpu":"X","cores":2,"date":"2026-01-02","repeat":1,"target_accuracy":0.5,"rows":[
{"workers":1,"threads":2,"samples_per_s":3000,"efficiency":1,"cpu_ms_per_sample":0.5,"cpu_ratio":1,"bytes_up":2000000,"bytes_down":2000000,"formula_up":2000000,"formula_down":2000000,"test_accuracy":0.61,"target_s":12,"model_sha256":"a"},
{"workers":8,"threads":2,"samples_per_s":2700,"efficiency":0.9,"cpu_ms_per_sample":0.55,"cpu_ratio":1.1,"bytes_up":4040000,"bytes_down":16000000,"formula_up":4000000,"formula_down":16000000,"test_accuracy":0.61,"model_sha256":"a"}]}`
	got, err := scaleTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| s to 50 % test accuracy |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
		"| 1 | 2 | 3000 | 100 % | 0.50 | 1.00 | 2.00 + 2.00 | 1.000 | 12 |",
		"| 8 | 2 | 2700 | 90 % | 0.55 | 1.10 | 4.04 + 16.00 | 1.002 | never |",
		"vgg on cifar10, 1000 parameters, batch 512; 1 run(s) a row; all rows end in the same weights, 61.0 % test accuracy; X, 2 " +
			"cores; 2026-01-02.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if _, err := scaleTable([]byte(`{}`)); err == nil {
		t.Error("a report without rows was rendered")
	}
}

func TestRenderRefusesAnOpenMarker(t *testing.T) {
	if _, err := render("<!-- results:compute -->\n", t.TempDir()); err == nil {
		t.Error("a marker without its end was accepted")
	}
}
