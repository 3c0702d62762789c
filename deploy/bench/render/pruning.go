package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// pruningTable renders what deploy/bench/campaign writes of the plan pruning: accuracy beside the size that runs of one
// budget end with, the largest first.
func pruningTable(raw []byte) (string, error) {
	runs, err := readRuns(raw)
	if err != nil {
		return "", err
	}
	flops := func(r policyRun) float64 {
		var widths []int
		for _, layer := range slices.Sorted(maps.Keys(r.Widths)) {
			widths = append(widths, r.Widths[layer])
		}
		g, bad := nn.Build(nn.ModelConfig{Name: "vgg", Widths: widths, Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10})
		if bad != nil || len(widths) == 0 {
			err = fmt.Errorf("%s, seed %d: no vgg of widths %v", r.Policy, r.Seed, widths)
			return 0
		}
		return float64(g.FLOPs())
	}
	params := func(r policyRun) float64 { return float64(r.End) }
	order := slices.SortedFunc(maps.Keys(runs), func(a, b tableRow) int {
		return cmp.Or(cmp.Compare(median(runs[b], flops), median(runs[a], flops)), strings.Compare(a.policy, b.policy))
	})
	var b strings.Builder
	b.WriteString("| | test accuracy, each seed | median | parameters | MFLOPs a sample | widths |\n|---|---|---:|---:|---:|---|\n")
	for _, at := range order {
		var each, shapes []string
		for _, r := range runs[at] {
			each = append(each, fmt.Sprintf("%.1f", 100*r.Accuracy))
			if shape := r.shape(); !slices.Contains(shapes, shape) {
				shapes = append(shapes, shape)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %.1f %% | %.0f | %.2f | %s |\n", at.policy, strings.Join(each, ", "), 100*median(runs[at], accuracy),
			median(runs[at], params), median(runs[at], flops)/1e6, strings.Join(shapes, ", "))
	}
	return b.String(), err
}
