package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
)

// policyRun is the part of a line of deploy/bench/campaign that the table shows.
type policyRun struct {
	Network    string
	Budget     float64
	Policy     string
	Seed       uint64
	Trials     int
	Numerics   int // 0: of an earlier form, without budget
	CPU        string
	Date       string
	FLOPs      float64
	Steps      int
	Accuracy   float64        `json:"test_accuracy"`
	Start      int            `json:"params_start"`
	End        int            `json:"params_end"`
	Widths     map[string]int // outputs by layer
	CPUS       float64        `json:"cpu_s"`
	Validation *struct{ Accuracy float64 }
	Events     []struct{ Decision string } `json:"growth_events"`
	Births     []birth
}

// birth is a growth.BirthGroup of a run; what is not known is null.
type birth struct {
	Site       site.ID
	Born       uint64
	Norm       float64
	Turn, Pace *float64
}

// grew returns how many events grew something.
func (r policyRun) grew() (n int) {
	for _, e := range r.Events {
		if e.Decision != "refuse" {
			n++
		}
	}
	return n
}

// shape names the widths as people do: 12-24-48-96 for a chain, and for a residual
// network those of its stream and of the inside of its blocks.
func (r policyRun) shape() string {
	var chain, stream, inside []string
	for _, layer := range slices.Sorted(maps.Keys(r.Widths)) {
		width := strconv.Itoa(r.Widths[layer])
		switch block, last, found := cutLast(layer); {
		case !found:
			chain = append(chain, width)
		case strings.HasPrefix(last, "conv1"):
			inside = append(inside, width)
		case strings.HasPrefix(last, "conv2") && strings.HasSuffix(block, ".0"):
			stream = append(stream, width)
		}
	}
	if len(inside) == 0 {
		return strings.Join(chain, "-")
	}
	return "stream " + strings.Join(stream, "-") + ", inside " + strings.Join(inside, "-")
}

// cutLast divides the name of a layer in a block from that of the block.
func cutLast(layer string) (block, last string, found bool) {
	i := strings.LastIndexByte(layer, '.')
	if i < 0 {
		return "", layer, false
	}
	return layer[:i], layer[i+1:], true
}

// tableRow is what the runs of a row have in common.
type tableRow struct {
	network string
	budget  float64
	policy  string
}

// campaignTable renders what deploy/bench/campaign writes, one row a network, a
// budget and a policy; within a budget the best median comes first.
func campaignTable(raw []byte) (string, error) {
	runs, err := readRuns(raw)
	if err != nil {
		return "", err
	}
	order := slices.SortedFunc(maps.Keys(runs), func(a, b tableRow) int {
		return cmp.Or(strings.Compare(b.network, a.network), cmp.Compare(a.budget, b.budget),
			cmp.Compare(median(runs[b], accuracy), median(runs[a], accuracy)), strings.Compare(a.policy, b.policy))
	})
	var b strings.Builder
	b.WriteString("| network | FLOPs | policy | test accuracy, each seed | median | widths at the end, median seed |" +
		" parameters, start -> end | events that grew, of all | steps | CPU-seconds |\n|---|---:|---|---|---:|---|---:|---:|---:|---:|\n")
	for _, at := range order {
		writeRow(&b, at, runs[at])
	}
	return b.String() + measuredOn(runs) + paces(runs), nil
}

// paces is the sentence below the table that tells how fast neurons that were born in
// the run turn; nothing where no run tells.
func paces(runs map[tableRow][]policyRun) string {
	var all []float64
	grown, frozen, dead := 0, 0, 0
	for _, list := range runs {
		for _, r := range list {
			before := len(all)
			groups := birthGroups(r.Births)
			for _, g := range groups {
				if pace := float64(g.Pace); g.Born > 0 && !math.IsNaN(pace) {
					all = append(all, pace)
				}
			}
			if len(all) > before {
				grown++
				frozen, dead = frozen+len(growth.Frozen(groups)), dead+len(growth.Dead(groups))
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return fmt.Sprintf("In the last tenth of %d runs that grew, "+
		"the incoming weights of the neurons of an event turned %.2g to %.2g times as fast as\n"+
		"those of the oldest neurons of their layer (medians of %d groups of neurons by layer and event); "+
		"groups that a gradient reaches and that are not within a factor of %g: %d; groups that none reaches: %d.\n",
		grown, all[0], all[len(all)-1], len(all), 1/growth.FrozenPace, frozen, dead)
}

// birthGroups returns what results tell of the birth groups of a run.
func birthGroups(births []birth) (out []growth.BirthGroup) {
	known := func(v *float64) growth.Number {
		if v == nil {
			return growth.Number(math.NaN())
		}
		return growth.Number(*v)
	}
	for _, b := range births {
		out = append(out, growth.BirthGroup{Site: b.Site, Born: b.Born, Norm: growth.Number(b.Norm), Turn: known(b.Turn),
			Pace: known(b.Pace)})
	}
	return out
}

// readRuns sorts the lines by row and seed; of the trials of a row and seed, if all of
// them are there, the one counts that did best on samples held out.
func readRuns(raw []byte) (map[tableRow][]policyRun, error) {
	bySeed := map[tableRow]map[uint64][]policyRun{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, 1<<26)
	for n := 1; lines.Scan(); n++ {
		var r policyRun
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if r.Trials > 0 && r.Validation == nil {
			return nil, fmt.Errorf("line %d: a trial without accuracy on samples held out: set train.validation in its plan", n)
		}
		at := tableRow{r.Network, r.Budget, r.Policy}
		if r.Numerics == 0 {
			at.budget = rounded(r.FLOPs)
		}
		if bySeed[at] == nil {
			bySeed[at] = map[uint64][]policyRun{}
		}
		bySeed[at][r.Seed] = append(bySeed[at][r.Seed], r)
	}
	runs := map[tableRow][]policyRun{}
	for at, seeds := range bySeed {
		for _, seed := range slices.Sorted(maps.Keys(seeds)) {
			list := seeds[seed]
			if n := list[0].Trials; n > 0 {
				if len(list) < n {
					continue // the search has not ended
				}
				list = []policyRun{search(list)}
			}
			runs[at] = append(runs[at], list...)
		}
	}
	return runs, lines.Err()
}

// search returns the trial that did best on samples held out, with what all of
// them have cost.
func search(trials []policyRun) policyRun {
	best := slices.MaxFunc(trials, func(a, b policyRun) int { return cmp.Compare(a.Validation.Accuracy, b.Validation.Accuracy) })
	best.CPUS, best.Steps = 0, 0
	for _, t := range trials {
		best.CPUS, best.Steps = best.CPUS+t.CPUS, best.Steps+t.Steps
	}
	return best
}

// rounded returns FLOPs with two digits, for lines that do not tell their budget.
func rounded(flops float64) float64 {
	out, _ := strconv.ParseFloat(strconv.FormatFloat(flops, 'e', 1, 64), 64)
	return out
}

// flopsText writes a budget as people type it, 1.35e13.
func flopsText(flops float64) string {
	return strings.Replace(strconv.FormatFloat(flops, 'g', -1, 64), "e+", "e", 1)
}

// writeRow writes one row of the table.
func writeRow(b *strings.Builder, at tableRow, runs []policyRun) {
	var each []string
	for _, r := range runs {
		each = append(each, fmt.Sprintf("%.1f %%", 100*r.Accuracy))
	}
	mid := func(value func(policyRun) float64) float64 { return median(runs, value) }
	fmt.Fprintf(b, "| %s | %s | %s | %s | %.1f %% | %s | %.0f -> %.0f | %.0f of %.0f | %.0f | %.0f |\n",
		at.network, flopsText(cmp.Or(at.budget, rounded(mid(func(r policyRun) float64 { return r.FLOPs })))), at.policy,
		strings.Join(each, ", "), 100*mid(accuracy), middle(runs).shape(),
		mid(func(r policyRun) float64 { return float64(r.Start) }), mid(func(r policyRun) float64 { return float64(r.End) }),
		mid(func(r policyRun) float64 { return float64(r.grew()) }), mid(func(r policyRun) float64 { return float64(len(r.Events)) }),
		mid(func(r policyRun) float64 { return float64(r.Steps) }), mid(func(r policyRun) float64 { return r.CPUS }))
}

// measuredOn is the sentence below the table that tells processors and dates;
// nothing where the lines do not.
func measuredOn(runs map[tableRow][]policyRun) string {
	cpus, dates := map[string]bool{}, map[string]bool{}
	for _, list := range runs {
		for _, r := range list {
			if r.CPU != "" {
				cpus[r.CPU], dates[r.Date] = true, true
			}
		}
	}
	if len(cpus) == 0 {
		return ""
	}
	days := slices.Sorted(maps.Keys(dates))
	if len(days) > 1 {
		days = []string{days[0], days[len(days)-1]}
	}
	return fmt.Sprintf("\nOne core a run of %s; %s.\n", strings.Join(slices.Sorted(maps.Keys(cpus)), ", "), strings.Join(days, " to "))
}

func accuracy(r policyRun) float64 { return r.Accuracy }

// middle returns the run whose accuracy is the median, the lower one of two.
func middle(runs []policyRun) policyRun {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b policyRun) int { return cmp.Compare(a.Accuracy, b.Accuracy) })
	return sorted[(len(sorted)-1)/2]
}

// median returns the middle of what value says of each run; the mean of the two middle ones where their number is even.
func median(runs []policyRun, value func(policyRun) float64) float64 {
	var v []float64
	for _, r := range runs {
		v = append(v, value(r))
	}
	return center(v)
}

// center returns the median of v, which it sorts.
func center(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
