package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// reachTable renders what reach.sh prints: one row an accuracy and a way to train.
func reachTable(raw []byte) (string, error) {
	var r struct {
		Date, CPU              string
		Cores, Threads, Repeat int
		Rows                   []struct {
			Accuracy, FLOPs float64
			Who             string
			Widths          string
			Setting         string
			Seconds         []*float64
			Median          *float64 `json:"median_s"`
			Final           []float64
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Rows) == 0 {
		return "", errors.New("it has no rows")
	}
	names := map[string]string{"grown": "tinygrow, grown", "fixed": "tinygrow, fixed widths", "torch": "PyTorch, the same fixed widths"}
	seconds := func(s *float64) string {
		if s == nil {
			return "never"
		}
		return fmt.Sprintf("%.0f", *s)
	}
	var b strings.Builder
	b.WriteString("| test accuracy | FLOPs | trained by | widths | seconds, each run | median | accuracy at the end |\n" +
		"|---:|---:|---|---|---|---:|---|\n")
	for _, row := range r.Rows {
		var each, final []string
		for _, s := range row.Seconds {
			each = append(each, seconds(s))
		}
		for _, a := range row.Final {
			final = append(final, fmt.Sprintf("%.1f %%", 100*a))
		}
		who := names[row.Who]
		if row.Setting != "" {
			who += " (" + row.Setting + ")"
		}
		fmt.Fprintf(&b, "| %.0f %% | %s | %s | %s | %s | %s | %s |\n", 100*row.Accuracy, flopsText(row.FLOPs), who, row.Widths,
			strings.Join(each, ", "), seconds(row.Median), strings.Join(final, ", "))
	}
	fmt.Fprintf(&b, "\n%d alternating runs, %d threads, an evaluation every epoch; %s, %d cores; %s.\n", r.Repeat, r.Threads, r.CPU,
		r.Cores, r.Date)
	return b.String(), nil
}
