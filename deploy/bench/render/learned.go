package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// learnedTable renders what tables.sh prints: one row a set, one column a model.
func learnedTable(raw []byte) (string, error) {
	var r struct {
		Date, CPU string
		Epochs    int
		Rows      []struct {
			Set, Metric, Model string
			Rows, Columns      int
			Scores             []float64
			Median             float64
			CPUS               float64 `json:"cpu_s"`
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Rows) == 0 {
		return "", errors.New("it has no rows")
	}
	var models []string
	for _, row := range r.Rows {
		if row.Set == r.Rows[0].Set {
			models = append(models, row.Model)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| set | rows, columns | | %s |\n|---|---:|---|%s\n", strings.Join(models, " | "), strings.Repeat("---:|", len(models)))
	last := ""
	for _, row := range r.Rows {
		if row.Set != last {
			if last != "" {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "| %s | %d, %d | %s |", row.Set, row.Rows, row.Columns, row.Metric)
			last = row.Set
		}
		fmt.Fprintf(&b, " %.3f (%.2g s) |", row.Median, row.CPUS)
	}
	fmt.Fprintf(&b, "\n\nMedians of %d seeds, each with a split of its own, and processor seconds of one thread; ours in %d epochs; "+
		"%s; %s.\n",
		len(r.Rows[0].Scores), r.Epochs, r.CPU, r.Date)
	return b.String(), nil
}
