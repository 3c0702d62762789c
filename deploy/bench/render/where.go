package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// whereTable renders what deploy/bench/where prints: one row a rule, the best
// first, with its rank correlation in each network, and the worth of width that it
// is compared with.
func whereTable(raw []byte) (string, error) {
	var r struct {
		Effort   struct{ Steps, Samples, Fork int }
		Networks []struct {
			Network  string
			Budget   float64
			Accuracy []float64
			Sites    []struct {
				Layer string
				Worth float64
			}
			Spearman map[string]float64
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	if len(r.Networks) == 0 {
		return "", errors.New("it has no networks")
	}
	mean := map[string]float64{}
	for _, n := range r.Networks {
		for rule, v := range n.Spearman {
			mean[rule] += v / float64(len(r.Networks))
		}
	}
	rules := slices.SortedFunc(maps.Keys(mean), func(a, b string) int {
		return cmp.Or(cmp.Compare(mean[b], mean[a]), strings.Compare(a, b))
	})
	var b strings.Builder
	b.WriteString("| rule, for equal computation |")
	for _, n := range r.Networks {
		fmt.Fprintf(&b, " %s |", n.Network)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(r.Networks)) + "\n")
	for _, rule := range rules {
		fmt.Fprintf(&b, "| %s |", rule)
		for _, n := range r.Networks {
			if v, ok := n.Spearman[rule]; ok {
				fmt.Fprintf(&b, " %.2f |", v)
			} else {
				b.WriteString(" - |")
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nScores after %d steps of training, statistics of %d samples, forks of %d steps.\n",
		r.Effort.Steps, r.Effort.Samples, r.Effort.Fork)
	for _, n := range r.Networks {
		var worth []string
		for _, s := range n.Sites {
			worth = append(worth, fmt.Sprintf("%s %+.1f", s.Layer, 100*s.Worth))
		}
		var total float64
		for _, a := range n.Accuracy {
			total += a
		}
		fmt.Fprintf(&b, "%s has %.1f %% with %s FLOPs (seeds: %d); twice the width changes that, in points, by: %s.\n", n.Network,
			100*total/float64(len(n.Accuracy)), flopsText(n.Budget), len(n.Accuracy), strings.Join(worth, ", "))
	}
	return b.String(), nil
}
