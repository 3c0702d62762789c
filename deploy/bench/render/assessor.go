package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/assessor"
	"github.com/tinygrow/tinygrow/deploy/run/record"
)

// assessedParts are the parts of their budget that curves are known up to.
var assessedParts = []float64{0.1, 0.3}

// assessorTable renders how well the ends of held-out runs are foretold from records.
func assessorTable(raw []byte) (string, error) {
	list, err := record.Read(bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	rows, err := assessor.HeldOut(list, assessedParts)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| known of the curve | foretold by | rank correlation | error, points | error that it tells |\n" +
		"|---|---|---:|---:|---:|\n")
	for _, r := range rows {
		known, rank, wrong, said := "nothing", fmt.Sprintf("%.3f", r.Rank), "-", "-"
		if r.Part > 0 {
			known = fmt.Sprintf("%.0f %%", 100*r.Part)
		}
		if r.Error > 0 {
			rank += fmt.Sprintf(" +- %.3f", r.Spread)
			wrong, said = fmt.Sprintf("%.1f", 100*r.Error), fmt.Sprintf("%.1f", 100*r.Said)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", known, r.Way, rank, wrong, said)
	}
	ended, seconds, least, most := 0, 0.0, 1.0, 0.0
	for _, r := range list {
		if r.Final != nil {
			ended++
			seconds += r.CPUS
			least, most = min(least, r.Final.Accuracy), max(most, r.Final.Accuracy)
		}
	}
	fmt.Fprintf(&b, "\n%d runs of %.0f s of processor time in the mean, which end with %.1f to %.1f %%; each held out once in %d parts, "+
		"%d times.\n", ended, seconds/float64(ended), 100*least, 100*most, assessor.Folds, assessor.Splits)
	return b.String(), nil
}
