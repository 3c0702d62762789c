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
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
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
