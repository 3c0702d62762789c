package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

// sweptBudgets are the parts of a search that its best is told for.
var sweptBudgets = []int{1, 2, 4, 8}

// rivals are the searches and the runs that grow a network of one model.
type rivals struct {
	network  string
	prefix   string // of the names of its searches and runs
	searches map[string][]sweep.Table
	names    []string                         // of the searches, in order
	grown    map[float64][]coordinator.Result // by budget
}

// sweepTable renders what searches of eight trials found against runs that grow.
func sweepTable(raw []byte) (string, error) {
	resnet, vgg := &rivals{network: "`resnet18`", prefix: "resnet18-"}, &rivals{network: "`vgg`"}
	of := func(name string) *rivals {
		if strings.HasPrefix(name, resnet.prefix) {
			return resnet
		}
		return vgg
	}
	var shapes []sweep.Table
	for line := range bytes.Lines(raw) {
		var t sweep.Table
		var r coordinator.Result
		if err := errors.Join(json.Unmarshal(line, &t), json.Unmarshal(line, &r)); err != nil {
			return "", err
		}
		switch {
		case t.Algorithm == "":
			of(string(r.Run)).grew(r)
		case strings.HasPrefix(t.Name, "shapes"):
			shapes = append(shapes, t)
		default:
			of(t.Name).searched(t)
		}
	}
	if len(vgg.searches) == 0 {
		return "", errors.New("it has no searches")
	}
	var b strings.Builder
	for _, v := range []*rivals{vgg, resnet} {
		if err := v.table(&b); err != nil {
			return "", err
		}
	}
	if len(shapes) > 0 {
		b.WriteString("| 64 trials on `shapes` | whole runs | FLOPs | processor seconds | best by validation, % | " +
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
		name := "`" + t.Algorithm + "`"
		if t.Assess {
			name += " with `assess`"
		}
		if t.Seed != 1 {
			name += fmt.Sprintf(", seed %d", t.Seed)
		}
		fmt.Fprintf(&b, "| %s | %d | %.2e | %.0f | %.1f | %s |\n", name, made, t.FLOPs, t.CPUS, 100*top.Accuracy, test)
	}
	return b.String(), nil
}

func (v *rivals) searched(t sweep.Table) {
	if v.searches == nil {
		v.searches = map[string][]sweep.Table{}
	}
	if v.searches[t.Algorithm] == nil {
		v.names = append(v.names, t.Algorithm)
	}
	v.searches[t.Algorithm] = append(v.searches[t.Algorithm], t)
}

func (v *rivals) grew(r coordinator.Result) {
	if v.grown == nil {
		v.grown = map[float64][]coordinator.Result{}
	}
	budget := budgetOf(r.FLOPs)
	v.grown[budget] = append(v.grown[budget], r)
}

// table writes the best of each search for growing parts of its budget, and the runs.
func (v *rivals) table(b *strings.Builder) error {
	if len(v.searches) == 0 {
		return nil
	}
	fmt.Fprintf(b, "| %s: test accuracy, %% | FLOPs | each seed | median | processor seconds, median |\n", v.network)
	b.WriteString("|---|---:|---|---:|---:|\n")
	for _, name := range v.names {
		for _, trials := range sweptBudgets {
			var flops, seconds, best []float64
			for _, t := range v.searches[name] {
				if len(t.Course) < trials || t.Course[trials-1].Test == nil {
					return fmt.Errorf("%s has no %d whole trials", t.Name, trials)
				}
				at := t.Course[trials-1]
				flops, seconds, best = append(flops, at.FLOPs), append(seconds, at.CPUS), append(best, 100**at.Test)
			}
			sweptRow(b, fmt.Sprintf("`%s`, best of %d", name, trials), flops, best, seconds)
		}
	}
	for _, budget := range slices.Sorted(maps.Keys(v.grown)) {
		var flops, seconds, accuracy []float64
		for _, r := range v.grown[budget] {
			if r.TestAccuracy == nil {
				return fmt.Errorf("run %s has no test accuracy", r.Run)
			}
			flops, seconds, accuracy = append(flops, r.FLOPs), append(seconds, r.CPUS), append(accuracy, 100**r.TestAccuracy)
		}
		sweptRow(b, "one run that grows", flops, accuracy, seconds)
	}
	b.WriteString("\n")
	return nil
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
