package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDocumentsShowTheCommittedResults(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	paths, err := documents(root)
	if err != nil || len(paths) < 10 {
		t.Fatal(len(paths), err)
	}
	for _, name := range paths {
		document, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := render(document, filepath.Join(root, "deploy", "bench", "results"))
		if err != nil {
			t.Fatal(err)
		}
		if fresh != string(document) {
			t.Errorf("%s differs from deploy/bench/results: run `go run ./deploy/bench/render`", name)
		}
	}
}

func TestCampaignTableTakesMediansByPolicy(t *testing.T) {
	raw := `{"network":"vgg","policy":"fixed","seed":1,"flops":4.0001e12,"test_accuracy":0.25,"params_start":10,"params_end":10,
"widths":{"conv2":6,"conv1":4},"growth_events":[],"steps":15,"cpu_s":1}
{"network":"vgg","policy":"best","seed":1,"flops":4.0001e12,"test_accuracy":0.5,"params_start":10,"params_end":40,"widths":{"conv1":4},
"growth_events":[{"decision":"grow"},{"decision":"refuse"}],"steps":20,"cpu_s":3}
{"network":"resnet","policy":"best","seed":1,"numerics":7,"budget":1.35e13,"flops":1.3501e13,"test_accuracy":0.1,"params_start":1,"params_end":4,
"growth_events":[],"steps":2,"cpu_s":3,"cpu":"abacus","date":"2026-01-02",
"widths":{"conv1":2,"layer1.0.conv1":8,"layer1.0.conv2":2,"layer1.1.conv1":9,"layer1.1.conv2":2,"layer2.0.conv1":7,"layer2.0.conv2":4,
"layer2.0.downsample.0":4}}
{"network":"vgg","policy":"best","seed":2,"flops":4.0002e12,"test_accuracy":0.7,"params_start":10,"params_end":60,"widths":{"conv1":8},
"growth_events":[{"decision":"grow"},{"decision":"deepen"}],"steps":30,"cpu_s":5,
"births":[{"born":0,"pace":1,"norm":1},{"born":50,"pace":0.0625,"norm":1},{"born":90,"pace":2.5,"norm":1},{"born":95,"pace":null},{"born":97,"pace":1e-5,"norm":0.01}]}
{"network":"epochs","policy":"best","seed":1,"numerics":7,"flops":2e12,"test_accuracy":0.4}
{"network":"epochs","policy":"best","seed":2,"numerics":7,"flops":2.6e12,"test_accuracy":0.6}
`
	got, err := campaignTable([]byte(strings.ReplaceAll(raw, ",\n", ",")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| vgg | 4e12 | best | 50.0 %, 70.0 % | 60.0 % | 4 | 10 -> 50 | 2 of 2 | 25 | 4 |\n| vgg | 4e12 | fixed |",
		"| vgg | 4e12 | fixed | 25.0 % | 25.0 % | 4-6 | 10 -> 10 | 0 of 0 | 15 | 1 |\n| resnet |",
		"| resnet | 1.35e13 | best | 10.0 % | 10.0 % | stream 2-4, inside 8-9-7 | 1 -> 4 |",
		"| epochs | 2.3e12 | best | 40.0 %, 60.0 % | 50.0 % |",
		"\n\nOne core a run of abacus; 2026-01-02.\nIn the last tenth of 1 runs that grew, ",
		" turned 1e-05 to 2.5 times as fast as\n", "(medians of 3 groups of neurons by layer and event); groups that a gradient reaches and that are not within a factor of 10: 1; groups that none reaches: 1.\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
}

func TestFixedTableHasTheBestFirst(t *testing.T) {
	const line = `{"network":"mlp","policy":%q,"numerics":7,"seed":%d,"test_accuracy":%g,"params_end":20,"cpu_s":6}` + "\n"
	raw := fmt.Sprintf(line+line+line+line, "b", 1, 0.5, "b", 2, 0.3, "b", 3, 0.4, "a", 1, 0.2)
	got, err := fixedTable([]byte(raw))
	const want = "| mlp | b | 50.0 %, 30.0 %, 40.0 % | 40.0 % | 20 | 6 |\n| mlp | a | 20.0 % | 20.0 % | 20 | 6 |\n"
	if err != nil || !strings.Contains(got, want) {
		t.Errorf("no %q in:\n%s%v", want, got, err)
	}
	if _, err := fixedTable([]byte("{")); err == nil {
		t.Error("half a line is taken")
	}
}

func TestCampaignTableTakesTheTrialThatDidBestOnSamplesHeldOut(t *testing.T) {
	const trial = `{"network":"vgg","policy":"search","budget":4e12,"numerics":7,"seed":%d,"trial":%d,"trials":2,"test_accuracy":%g,
"validation":{"accuracy":%g},"widths":{"conv1":%d},"steps":10,"cpu_s":3}` + "\n"
	each := strings.ReplaceAll(trial, ",\n", ",")
	raw := fmt.Sprintf(each, 1, 1, 0.6, 0.5, 5) + fmt.Sprintf(each, 1, 2, 0.5, 0.7, 7) + fmt.Sprintf(each, 2, 1, 0.9, 0.9, 9)
	got, err := campaignTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	const want = "| vgg | 4e12 | search | 50.0 % | 50.0 % | 7 | 0 -> 0 | 0 of 0 | 20 | 6 |\n"
	if !strings.Contains(got, want) || strings.Contains(got, "90.0") {
		t.Errorf("no %q, or a search that has not ended, in:\n%s", want, got)
	}
	if _, err := campaignTable([]byte(`{"trials":2}`)); err == nil || !strings.Contains(err.Error(), "train.validation") {
		t.Errorf("trials chosen by nothing: %v", err)
	}
}

func TestWhereTableShowsTheBestRuleFirst(t *testing.T) {
	raw := `{"effort":{"steps":300,"samples":512,"fork":50},"networks":[
{"network":"a","budget":4e12,"accuracy":[0.5,0.7],"sites":[{"layer":"conv1","worth":-0.0125},{"layer":"conv2","worth":0.02}],
"spearman":{"guess":-0.5,"solver":0.25}},
{"network":"b","budget":4e12,"accuracy":[0.4],"sites":[{"layer":"fc1","worth":0.01}],"spearman":{"solver":0.75}}]}`
	got, err := whereTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := `| rule, for equal computation | a | b |
|---|---:|---:|
| solver | 0.25 | 0.75 |
| guess | -0.50 | - |

Scores after 300 steps of training, statistics of 512 samples, forks of 50 steps.
a has 60.0 % with 4e12 FLOPs (seeds: 2); twice the width changes that, in points, by: conv1 -1.2, conv2 +2.0.
b has 40.0 % with 4e12 FLOPs (seeds: 1); twice the width changes that, in points, by: fc1 +1.0.
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := whereTable([]byte("{}")); err == nil {
		t.Error("a report without networks was rendered")
	}
}

func TestArchTableRanksByKind(t *testing.T) {
	raw := `{"samples":1000,"seeds":3,"networks":[
{"network":"way of 1","best_rate":0.5,"largest_rate":1,"factor":{"path_sum":1,"min_path":0.25}},
{"network":"way of 2","best_rate":0.25,"largest_rate":2,"factor":{"path_sum":0.5,"min_path":0.125}},
{"network":"2 convolutions of 3","best_rate":2,"largest_rate":8,"factor":{"path_sum":0.125,"min_path":0.5}}],
"deeper":[{"rule":"none","rate":0.1,"diverged":1,"steps_to_target":[20,0],"losses":[1.25,null]}]}`
	got, err := archTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| way of 2 | 0.25 | 2 | 0.5 | 0.12 |\n", "| all | -0.50, -1.00 | 1.00, 0.50 |\n",
		"| fully connected | 1.00, -1.00 | 1.00, -1.00 |\n", "| 0.1 | `none` | 1 | 20, never | 1.25, none |\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if _, err := archTable([]byte("{}")); err == nil {
		t.Error("nothing was rendered")
	}
}

func TestPruningTableHasSizes(t *testing.T) {
	line := func(name string, seed int, width int, accuracy float64) string {
		return fmt.Sprintf(`{"network":"vgg","policy":%q,"numerics":3,"seed":%d,"params_end":%d,"widths":{"conv1":%d,"conv2":4},"test_accuracy":%v}`,
			name, seed, 100*width, width, accuracy) + "\n"
	}
	got, err := pruningTable([]byte(line("small", 1, 2, 0.5) + line("small", 3, 2, 0.7) + line("small", 2, 2, 0.625) + line("large", 1, 4, 0.5)))
	if err != nil {
		t.Fatal(err)
	}
	// 2 x 3 x 9 x 32 x 32 x width, 2 x width x 9 x 16 x 16 x 4, 2 x 4 x 64 x 10
	const want = "| large | 50.0 | 50.0 % | 400 | 0.30 | 4-4 |\n| small | 50.0, 62.5, 70.0 | 62.5 % | 200 | 0.15 | 2-4 |\n"
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := pruningTable([]byte("{}")); err == nil {
		t.Error("a run without widths was rendered")
	}
}

func TestReachTableSaysWhatWasNotReached(t *testing.T) {
	raw := `{"date":"2026-01-02","cpu":"abacus","cores":2,"threads":2,"repeat":2,"rows":[
{"accuracy":0.8,"flops":1.35e13,"who":"grown","widths":"12-24","seconds":[61.4,70],"median_s":70,"final":[0.81,0.805]},
{"accuracy":0.8,"flops":1.35e13,"who":"torch","setting":"plain","widths":"16-32","seconds":[300,null],"median_s":null,"final":[0.8,0.79]}]}`
	got, err := reachTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 80 % | 1.35e13 | tinygrow, grown | 12-24 | 61, 70 | 70 | 81.0 %, 80.5 % |",
		"| 80 % | 1.35e13 | PyTorch, the same fixed widths (plain) | 16-32 | 300, never | never | 80.0 %, 79.0 % |",
		"2 alternating runs, 2 threads, an evaluation every epoch; abacus, 2 cores; 2026-01-02.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if _, err := reachTable([]byte("{}")); err == nil {
		t.Error("a report without rows was rendered")
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
		"2 growth events of cnn on shapes by policy tiny cost 15 % of the 80 steps of batch 128 before each.",
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
	if _, err := render([]byte("<!-- results:compute -->\n"), t.TempDir()); err == nil {
		t.Error("a marker without its end was accepted")
	}
}

func TestTablesHaveAColumnAModel(t *testing.T) {
	const raw = `{"date": "2026-11-27", "cpu": "X", "epochs": 30, "rows": [
		{"set": "a", "rows": 100, "columns": 3, "metric": "accuracy", "model": "ours", "scores": [0.9], "median": 0.9, "cpu_s": 1.25},
		{"set": "a", "rows": 100, "columns": 3, "metric": "accuracy", "model": "theirs", "scores": [0.8], "median": 0.8, "cpu_s": 2},
		{"set": "b", "rows": 50, "columns": 2, "metric": "R2", "model": "ours", "scores": [0.5], "median": 0.5, "cpu_s": 1},
		{"set": "b", "rows": 50, "columns": 2, "metric": "R2", "model": "theirs", "scores": [0.4], "median": 0.4, "cpu_s": 1}]}`
	got, err := learnedTable([]byte(raw))
	want := `| set | rows, columns | | ours | theirs |
|---|---:|---|---:|---:|
| a | 100, 3 | accuracy | 0.900 (1.2 s) | 0.800 (2 s) |
| b | 50, 2 | R2 | 0.500 (1 s) | 0.400 (1 s) |

Medians of 1 seeds, each with a split of its own, and processor seconds of one thread; ours in 30 epochs; X; 2026-11-27.
`
	if got != want || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err := learnedTable([]byte("{}")); err == nil {
		t.Error("nothing was rendered")
	}
}

// The lines of README say what the files of results do.
func TestFiveLines(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compute.json":     `{"models":[{"ratio":2},{"ratio":1.5},{"ratio":4}]}`,
		"growth-cost.json": `{"models":[{"ratio":7},{"ratio":100}]}`,
		"campaign.jsonl": `{"network":"vgg","policy":"compute","budget":1e12,"test_accuracy":0.5}
{"network":"vgg","policy":"fixed a","budget":2e12,"test_accuracy":0.7}
{"network":"vgg","policy":"fixed b","budget":2e12,"test_accuracy":0.6}
{"network":"vgg","policy":"compute","budget":2e12,"test_accuracy":0.8}
{"network":"vgg","policy":"compute","budget":2e12,"test_accuracy":0.6}
{"network":"vgg","policy":"compute","budget":9e12,"test_accuracy":0.9}
{"network":"resnet18","policy":"fixed","budget":9e12,"test_accuracy":0.9}
`,
		"scale-resnet18-16.json": `{"rows":[{"workers":1,"efficiency":1},{"workers":4,"efficiency":0.91}]}`,
		"chaos.jsonl":            "{\"faults\":[{\"fired\":true},{\"fired\":false}]}\n{\"faults\":[{\"fired\":true}]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := fiveLines(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1/1.5 to 1/4.0 ", "1/7 to 1/100 ", "reaches 70.0 % on CIFAR-10 with 2e+12 FLOPs", "tried reaches 70.0 %", "4 worker processes", "at 91 %",
		"2 runs with 2 faults"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestBoxTableTellsStandInsFromComputing(t *testing.T) {
	raw := `[{"what":"m, batch 64, 2 hosts, 100 Mbit/s","stand_in":false,"measured_step_ms":200,"forecast_step_ms":180,
"measured_busiest_link_bytes":2000000,"forecast_busiest_link_bytes":1500000}]
[{"what":"m, batch 64, 32 hosts, 100 Mbit/s (stand-ins)","stand_in":true,"measured_step_ms":100,"forecast_step_ms":150}]`
	got, err := boxTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| m, batch 64, 2 hosts, 100 Mbit/s | real | 200 | 180 | -10 % | 2.00 | 1.50 |\n",
		"| m, batch 64, 32 hosts, 100 Mbit/s | stand-in | 100 | 150 | +50 % |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	for _, bad := range []string{"", "[]", "[{]"} {
		if _, err := boxTable([]byte(bad)); err == nil {
			t.Errorf("%q was rendered", bad)
		}
	}
}

func TestPlanTableHasATableForEachNetworkAndRate(t *testing.T) {
	line := func(model string, hosts int, mbit float64, layouts string) string {
		return fmt.Sprintf(`{"cluster":{"hosts":%d,"threads":2,"link_mbit_per_s":%g},"job":{"model":%q,"params":7,"batch":64},"layouts":[%s]}`, hosts,
			mbit, model, layouts) + "\n"
	}
	star := `{"name":"star","in_this_program":true,"forecast":{"step_ms":100,"efficiency":0.5,"busiest_link_bytes":1500000}}`
	sharded := `{"name":"sharded","in_this_program":false,"forecast":{"step_ms":50,"efficiency":1,"busiest_link_bytes":0}}`
	raw := line("m", 1, 100, star) + line("m", 1, 1000, star) + line("m", 2, 100, star+","+sharded) + line("m", 2, 1000, star) + line("n", 1, 100, star)
	got, err := planTable([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	cell := "100, 50 %, 1.50 |"
	for _, want := range []string{"m, 7 parameters, batch 64, links of 100 Mbit/s:\n\n| layout | 1 hosts | 2 hosts |\n",
		"| star | " + cell + " " + cell + "\n| sharded * | - | 50, 100 %, 0.00 |\n", "m, 7 parameters, batch 64, links of 1000 Mbit/s:",
		"n, 7 parameters, batch 64, links of 100 Mbit/s:\n\n| layout | 1 hosts |\n|---|---:|\n| star | " + cell + "\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	for _, bad := range []string{"", "{"} {
		if _, err := planTable([]byte(bad)); err == nil {
			t.Errorf("%q was rendered", bad)
		}
	}
}
