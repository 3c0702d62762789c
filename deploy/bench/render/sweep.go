package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

// sweptBudgets are the parts of a search that its best is told for.
var sweptBudgets = []int{1, 2, 4, 8}

// sweepTable renders what searches of eight trials found against runs that grow.
func sweepTable(raw []byte) (string, error) {
	searches := map[string][]sweep.Table{}
	grown := map[float64][]coordinator.Result{}
	var shapes []sweep.Table
	var names []string
	var budgets []float64
	for line := range bytes.Lines(raw) {
		var t sweep.Table
		if err := json.Unmarshal(line, &t); err != nil {
			return "", err
		}
		switch {
		case t.Algorithm == "":
			var r coordinator.Result
			if err := json.Unmarshal(line, &r); err != nil {
				return "", err
			}
			budget := budgetOf(r.FLOPs)
			if grown[budget] == nil {
				budgets = append(budgets, budget)
			}
			grown[budget] = append(grown[budget], r)
		case strings.HasPrefix(t.Name, "shapes"):
			shapes = append(shapes, t)
		default:
			if searches[t.Algorithm] == nil {
				names = append(names, t.Algorithm)
			}
			searches[t.Algorithm] = append(searches[t.Algorithm], t)
		}
	}
	if len(searches) == 0 {
		return "", errors.New("it has no searches")
	}
	var b strings.Builder
	b.WriteString("| test accuracy, % | FLOPs | each seed | median | processor seconds, median |\n|---|---:|---|---:|---:|\n")
	for _, name := range names {
		for _, trials := range sweptBudgets {
			var flops, seconds []float64
			var best []float64
			for _, t := range searches[name] {
				if len(t.Course) < trials || t.Course[trials-1].Test == nil {
					return "", fmt.Errorf("%s has no %d whole trials", t.Name, trials)
				}
				at := t.Course[trials-1]
				flops, seconds, best = append(flops, at.FLOPs), append(seconds, at.CPUS), append(best, 100**at.Test)
			}
			sweptRow(&b, fmt.Sprintf("`%s`, best of %d", name, trials), flops, best, seconds)
		}
	}
	for _, budget := range budgets {
		var flops, seconds, accuracy []float64
		for _, r := range grown[budget] {
			if r.TestAccuracy == nil {
				return "", fmt.Errorf("run %s has no test accuracy", r.Run)
			}
			flops, seconds, accuracy = append(flops, r.FLOPs), append(seconds, r.CPUS), append(accuracy, 100**r.TestAccuracy)
		}
		sweptRow(&b, "one run that grows", flops, accuracy, seconds)
	}
	if len(shapes) > 0 {
		b.WriteString("\n| 64 trials on `shapes` | whole runs | FLOPs | processor seconds | best by validation, % | " +
			"its test accuracy, % |\n|---|---:|---:|---:|---:|---:|\n")
	}
	for _, t := range shapes {
		made := 0
		for _, r := range t.Rows {
			if r.Part == 1 && r.SameAs == nil && r.Failed == "" {
				made++
			}
		}
		top, test := t.Course[len(t.Course)-1], "-"
		if top.Test != nil {
			test = fmt.Sprintf("%.1f", 100**top.Test)
		}
		fmt.Fprintf(&b, "| `%s` | %d | %.2e | %.0f | %.1f | %s |\n", t.Algorithm, made, t.FLOPs, t.CPUS, 100*top.Accuracy, test)
	}
	return b.String(), nil
}

// budgetOf returns a budget of which a run spent a little more.
func budgetOf(flops float64) float64 {
	var v float64
	_, _ = fmt.Sscan(fmt.Sprintf("%.0e", flops), &v)
	return v
}

// sweptRow writes a row of medians over seeds.
func sweptRow(b *strings.Builder, name string, flops, accuracy, seconds []float64) {
	var each []string
	for _, a := range accuracy {
		each = append(each, fmt.Sprintf("%.1f", a))
	}
	fmt.Fprintf(b, "| %s | %.2e | %s | %.1f | %.0f |\n", name, center(flops), strings.Join(each, ", "), center(accuracy), center(seconds))
}
