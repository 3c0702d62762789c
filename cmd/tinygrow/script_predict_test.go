package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sameCounts checks that the confusions of eval --json are those of what predict --json said
// of the pictures of each class: confusions EVALUATION.json CLASS0.json CLASS1.json ...
func sameCounts(ts *testscript.TestScript, _ bool, args []string) {
	e, got := readObject(ts, args[0]), map[string]float64{}
	for _, c := range e["confusions"].([]any) {
		c := c.(map[string]any)
		got[fmt.Sprint(c["truth"], c["predicted"])] = c["count"].(float64)
	}
	want := map[string]float64{}
	for truth, name := range args[1:] {
		for d := json.NewDecoder(strings.NewReader(ts.ReadFile(name))); d.More(); {
			var p struct{ Top []struct{ Index int } }
			ts.Check(d.Decode(&p))
			want[fmt.Sprint(truth, p.Top[0].Index)]++
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		ts.Fatalf("eval counted %v, predict said %v", got, want)
	}
	for i, c := range e["classes"].([]any) {
		c, hits := c.(map[string]any), want[fmt.Sprint(i, i)]
		var taken, are float64
		for j := range args[1:] {
			taken, are = taken+want[fmt.Sprint(j, i)], are+want[fmt.Sprint(i, j)]
		}
		if c["precision"] != hits/taken || c["recall"] != hits/are || c["f1"] != 2*hits/(taken+are) {
			ts.Fatalf("class %d: %v, of %v taken for it and %v that are %v are right", i, c, taken, are, hits)
		}
	}
}

// sameValidation checks that eval --split validation found what the run did: validated EVALUATION.json RUN.json
func sameValidation(ts *testscript.TestScript, _ bool, args []string) {
	e, r := readObject(ts, args[0]), readObject(ts, args[1])["validation"].(map[string]any)
	if e["test_loss"] != r["loss"] || e["test_accuracy"] != r["accuracy"] || e["test_loss"] == nil {
		ts.Fatalf("loss %v and accuracy %v, in the run %v", e["test_loss"], e["test_accuracy"], r)
	}
}

// answersAt checks that a server, once it is there, answers what a pattern says, to a request
// with the contents of a file if one is named: answers URL PATTERN [FILE]
func answersAt(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var r *http.Response
		var err error
		if len(args) == 3 {
			r, err = http.Post(args[0], "", strings.NewReader(ts.ReadFile(args[2])))
		} else {
			r, err = http.Get(args[0])
		}
		if err == nil {
			text, err := io.ReadAll(r.Body)
			r.Body.Close()
			ts.Check(err)
			if !regexp.MustCompile(args[1]).Match(text) {
				ts.Fatalf("%s answers %s, want %s", args[0], text, args[1])
			}
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s does not answer: %v", args[0], err)
		}
	}
}

// grownFolder checks a folder of export --format gromotion against the result of its run: a step for the
// beginning and for each event that changed the network, with the widths and edges of that time: grown DIR RUN.json
func grownFolder(ts *testscript.TestScript, _ bool, args []string) {
	result, steps := readObject(ts, args[1]), 1
	for _, e := range result["growth_events"].([]any) {
		if e.(map[string]any)["decision"] != "refuse" {
			steps++
		}
	}
	history := readObject(ts, args[0]+"/growth_history/network.json")
	if len(history) != steps || steps < 2 {
		ts.Fatalf("%d steps in the history, want %d", len(history), steps)
	}
	for i := range steps {
		step := readObject(ts, fmt.Sprintf("%s/dags/network/step_%04d.json", args[0], i))
		nodes := step["node_attributes"].(map[string]any)
		for _, e := range step["edges"].([]any) {
			pair := e.([]any)
			key := fmt.Sprintf("('%s', '%s')", pair[0], pair[1])
			if nodes[pair[0].(string)] == nil || nodes[pair[1].(string)] == nil || step["edge_attributes"].(map[string]any)[key] == nil {
				ts.Fatalf("step %d: edge %s has no nodes or attributes", i, key)
			}
		}
		for layer, end := range result["widths"].(map[string]any) {
			size := nodes[layer+"@network"].(map[string]any)["size"].(float64)
			if i == steps-1 && size != end || size > end.(float64) || i == 0 && nodes["start@network"].(map[string]any)["size"] != 3. {
				ts.Fatalf("step %d: %s has size %v, %v at the end", i, layer, size, end)
			}
		}
	}
	axes := readObject(ts, args[0]+"/metric_axes.json")
	for key, points := range readObject(ts, args[0]+"/metrics.json") {
		if axes[key] == nil || len(points.([]any)) == 0 {
			ts.Fatalf("metric %s has no axis or no points", key)
		}
	}
	run := readObject(ts, args[0]+"/run.json")
	if run["run_id"] != result["run"] || run["dataset"] != "shapes" {
		ts.Fatalf("run.json: %v", run)
	}
}
