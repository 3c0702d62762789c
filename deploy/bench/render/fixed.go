package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fixedTable renders a campaign of networks that keep their size: ways to train each, the best first.
func fixedTable(raw []byte) (string, error) {
	runs, err := readRuns(raw)
	if err != nil {
		return "", err
	}
	order := slices.SortedFunc(maps.Keys(runs), func(a, b tableRow) int {
		return cmp.Or(strings.Compare(a.network, b.network), cmp.Compare(median(runs[b], accuracy), median(runs[a], accuracy)),
			strings.Compare(a.policy, b.policy))
	})
	var b strings.Builder
	b.WriteString("| network | trained by | test accuracy, each seed | median | parameters | CPU-seconds |\n|---|---|---|---:|---:|---:|\n")
	for _, at := range order {
		var each []string
		for _, r := range runs[at] {
			each = append(each, fmt.Sprintf("%.1f %%", 100*r.Accuracy))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.1f %% | %d | %.0f |\n", at.network, at.policy, strings.Join(each, ", "),
			100*median(runs[at], accuracy), middle(runs[at]).End, median(runs[at], func(r policyRun) float64 { return r.CPUS }))
	}
	return b.String() + measuredOn(runs), nil
}
