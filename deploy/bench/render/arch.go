package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// archReport is what deploy/bench/arch prints.
type archReport struct {
	Samples, Seeds int
	Networks       []struct {
		Network string
		Best    float64 `json:"best_rate"`
		Largest float64 `json:"largest_rate"`
		Factor  map[string]float64
	}
	Deeper []struct {
		Rule     string
		Rate     float64
		Diverged int
		Steps    []uint64 `json:"steps_to_target"`
		Losses   []*float64
	}
}

// archTable renders measured rates beside those by architecture, how the one ranks the
// other, and how runs went that grew in depth.
func archTable(raw []byte) (string, error) {
	var r archReport
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Networks) == 0 {
		return "", errors.New("it has no networks")
	}
	var b strings.Builder
	b.WriteString("| network | best rate | largest rate | `path_sum` | `min_path` |\n|---|---:|---:|---:|---:|\n")
	for _, n := range r.Networks {
		fmt.Fprintf(&b, "| %s | %.2g | %.2g | %.2g | %.2g |\n", n.Network, n.Best, n.Largest, n.Factor[optim.PathSum],
			n.Factor[optim.MinPath])
	}
	b.WriteString("\n| rank correlation with the best, the largest rate | `path_sum` | `min_path` |\n|---|---:|---:|\n")
	for _, kind := range []string{"all", "fully connected", "convolutions"} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", kind, r.ranks(kind, optim.PathSum), r.ranks(kind, optim.MinPath))
	}
	fmt.Fprintf(&b, "\nEach of %d seeds went once through %d samples.\n", r.Seeds, r.Samples)
	if len(r.Deeper) == 0 {
		return b.String(), nil
	}
	b.WriteString("\n| grows in depth, from a rate of | rule | diverged | steps to the target | losses at the end |\n" +
		"|---:|---|---:|---|---|\n")
	for _, d := range r.Deeper {
		var steps, losses []string
		for _, s := range d.Steps {
			text := "never"
			if s > 0 {
				text = fmt.Sprint(s)
			}
			steps = append(steps, text)
		}
		for _, l := range d.Losses {
			text := "none"
			if l != nil {
				text = fmt.Sprintf("%.2f", *l)
			}
			losses = append(losses, text)
		}
		fmt.Fprintf(&b, "| %.3g | `%s` | %d | %s | %s |\n", d.Rate, d.Rule, d.Diverged, strings.Join(steps, ", "),
			strings.Join(losses, ", "))
	}
	return b.String(), nil
}

// ranks returns how a rule ranks the networks of a kind, by the best and the largest rate.
func (r archReport) ranks(kind, rule string) string {
	var best, largest, factors []float64
	for _, n := range r.Networks {
		if conv := strings.Contains(n.Network, "convolutions"); kind == "all" || conv == (kind == "convolutions") {
			best, largest, factors = append(best, n.Best), append(largest, n.Largest), append(factors, n.Factor[rule])
		}
	}
	return fmt.Sprintf("%.2f, %.2f", stat.Spearman(best, factors), stat.Spearman(largest, factors))
}
