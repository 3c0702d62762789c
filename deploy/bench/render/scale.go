package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// scaleTable renders what tinygrow bench scale prints.
func scaleTable(raw []byte) (string, error) {
	var r struct {
		Model, Data, CPU, Date       string
		Batch, Params, Cores, Repeat int
		Target                       float64 `json:"target_accuracy"`
		Rows                         []struct {
			Workers, Threads int
			SamplesPerS      float64 `json:"samples_per_s"`
			Efficiency       float64
			CPUMS            float64 `json:"cpu_ms_per_sample"`
			CPURatio         float64 `json:"cpu_ratio"`
			Up               float64 `json:"bytes_up"`
			Down             float64 `json:"bytes_down"`
			FormulaUp        float64 `json:"formula_up"`
			FormulaDown      float64 `json:"formula_down"`
			Accuracy         float64 `json:"test_accuracy"`
			TargetS          float64 `json:"target_s"`
			Model            string  `json:"model_sha256"`
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Rows) == 0 {
		return "", errors.New("no rows")
	}
	var b strings.Builder
	b.WriteString("| workers | threads in all | samples/s | efficiency a thread | CPU ms a sample | over one worker | MB a step, up + " +
		"down | over the numbers in them |")
	target, columns := r.Target > 0, 8
	if target {
		columns++
		fmt.Fprintf(&b, " s to %.0f %% test accuracy |", 100*r.Target)
	}
	b.WriteString("\n|" + strings.Repeat("---:|", columns) + "\n")
	for _, x := range r.Rows {
		fmt.Fprintf(&b, "| %d | %d | %.0f | %.0f %% | %.2f | %.2f | %.2f + %.2f | %.3f |", x.Workers, x.Threads, x.SamplesPerS,
			100*x.Efficiency, x.CPUMS, x.CPURatio,
			x.Up/1e6, x.Down/1e6, (x.Up+x.Down)/(x.FormulaUp+x.FormulaDown))
		switch {
		case target && x.TargetS > 0:
			fmt.Fprintf(&b, " %.0f |", x.TargetS)
		case target:
			b.WriteString(" never |")
		}
		b.WriteString("\n")
	}
	same := "all rows end in the same weights"
	for _, x := range r.Rows {
		if x.Model != r.Rows[0].Model {
			same = "the rows end in different weights"
		}
	}
	fmt.Fprintf(&b, "\n%s on %s, %d parameters, batch %d; %d run(s) a row; %s, %.1f %% test accuracy; %s, %d cores; %s. By "+
		"`deploy/bench/scale.sh`.\n",
		r.Model, r.Data, r.Params, r.Batch, r.Repeat, same, 100*r.Rows[0].Accuracy, r.CPU, r.Cores, r.Date)
	return b.String(), nil
}
