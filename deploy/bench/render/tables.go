package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tables names every table a document may hold, with the result file it comes from.
var tables = []struct {
	name, file string
	table      func(raw []byte) (string, error)
}{
	{"compute", "compute.json", computeTable},
	{"growth-cost", "growth-cost.json", growthCostTable},
	{"campaign", "campaign.jsonl", campaignTable},
	{"epochs", "epochs.jsonl", campaignTable},
	{"entries", "entries.jsonl", campaignTable},
	{"where", "where.json", whereTable},
	{"arch", "arch.json", archTable},
	{"hypergradient", "hypergradient.jsonl", campaignTable},
	{"updates", "updates.jsonl", fixedTable},
	{"masks", "masks.jsonl", fixedTable},
	{"pruning", "pruning.jsonl", pruningTable},
	{"noise", "noise.json", noiseTable},
	{"inits", "inits.json", initsTable},
	{"reach", "reach.json", reachTable},
	{"sweep", "sweep.jsonl", sweepTable},
	{"assessor", "assessor.jsonl", assessorTable},
	{"tables", "tables.json", learnedTable},
	{"scale-cifar10", "scale-cifar10.json", scaleTable},
	{"scale-resnet18-16", "scale-resnet18-16.json", scaleTable},
	{"box", "box-forecast.jsonl", boxTable},
	{"plan", "plan.jsonl", planTable},
}

// fiveOpen and fiveEnd stand round the lines of fiveLines.
const (
	fiveOpen = "<!-- results:five -->\n"
	fiveEnd  = "<!-- end:five -->"
)

// render replaces what stands between the markers of each table that document
// has; a table without markers is left out.
func render(document []byte, results string) (string, error) {
	text := string(document)
	if before, rest, found := strings.Cut(text, fiveOpen); found {
		_, after, ended := strings.Cut(rest, fiveEnd)
		if !ended {
			return "", fmt.Errorf("%q has no %q after it", strings.TrimSpace(fiveOpen), fiveEnd)
		}
		body, err := fiveLines(results)
		if err != nil {
			return "", err
		}
		text = before + fiveOpen + body + fiveEnd + after
	}
	for _, t := range tables {
		open, end := "<!-- results:"+t.name+" -->\n", "<!-- end:"+t.name+" -->"
		before, rest, found := strings.Cut(text, open)
		if !found {
			continue
		}
		_, after, found := strings.Cut(rest, end)
		if !found {
			return "", fmt.Errorf("%q has no %q after it", strings.TrimSpace(open), end)
		}
		raw, err := os.ReadFile(filepath.Join(results, t.file))
		if err != nil {
			return "", err
		}
		body, err := t.table(raw)
		if err != nil {
			return "", fmt.Errorf("%s: %w", t.file, err)
		}
		text = before + open + body + end + after
	}
	return text, nil
}

// computeTable renders what compare.sh prints.
func computeTable(raw []byte) (string, error) {
	var r struct {
		Date           string
		CPU            string
		Cores          int
		Batch, Threads int
		Repeat         int
		Models         []struct {
			Model    string
			Ours     float64 `json:"samples_per_s"`
			Torch    float64 `json:"torch_samples_per_s"`
			Ratio    float64
			Best     string  `json:"torch_best_setting"`
			Peak     float64 `json:"peak_share"`
			Speed    float64 `json:"scaling"`
			RSS      float64 `json:"rss_mib"`
			TheirRSS float64 `json:"torch_rss_mib"`
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| network | tinygrow, samples/s | PyTorch at its best, samples/s | ratio | share of the FMA peak | gain of %d "+
		"threads over one | peak memory, MiB (PyTorch) | PyTorch's best setting |\n|---|---:|---:|---:|---:|---:|---:|---|\n", r.Threads)
	for _, m := range r.Models {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.2f | %.0f %% | %.2f | %.0f (%.0f) | %s |\n", m.Model, m.Ours, m.Torch, m.Ratio,
			100*m.Peak, m.Speed, m.RSS, m.TheirRSS, m.Best)
	}
	fmt.Fprintf(&b, "\nMedians of %d paired, alternating runs; batch %d, %d threads; %s, %d cores; %s.\n", r.Repeat, r.Batch, r.Threads,
		r.CPU, r.Cores, r.Date)
	return b.String(), nil
}

// growthCostTable renders what compare_growth.sh prints: one row a network,
// and a sentence on the cost of events beside training.
func growthCostTable(raw []byte) (string, error) {
	var r struct {
		Date, CPU              string
		Cores, Samples, Repeat int
		Models                 []struct {
			Model      string
			Sites      int
			Beyond     float64 `json:"beyond_s"`
			Torch      float64 `json:"torch_beyond_s"`
			Ratio      float64
			Total      float64 `json:"total_s"`
			TorchTotal float64 `json:"torch_total_s"`
			TotalRatio float64 `json:"total_ratio"`
		}
		Events struct {
			Model, Data  string
			Steps, Batch int
			Costs        []struct {
				Params int
				Train  float64 `json:"train_s"`
				Event  float64 `json:"event_s"`
			}
		}
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| network | sites | tinygrow, s beyond the plain pass | PyTorch, s beyond it | ratio | in all: tinygrow, s | " +
		"PyTorch, s | ratio |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, m := range r.Models {
		fmt.Fprintf(&b, "| %s | %d | %.2f | %.2f | %.1f | %.2f | %.2f | %.1f |\n", m.Model, m.Sites, m.Beyond, m.Torch, m.Ratio, m.Total,
			m.TorchTotal, m.TotalRatio)
	}
	fmt.Fprintf(&b, "\nProcessor time on one core, %d samples, medians of %d paired, alternating runs; %s, %d cores; %s.\n", r.Samples,
		r.Repeat, r.CPU, r.Cores, r.Date)
	if n := len(r.Events.Costs); n > 0 {
		var train, event float64
		for _, c := range r.Events.Costs {
			train, event = train+c.Train, event+c.Event
		}
		fmt.Fprintf(&b, "%d growth events of %s on %s by policy tiny cost %.0f %% of the %d steps of batch %d before each.\n",
			n, r.Events.Model, r.Events.Data, 100*event/train, r.Events.Steps, r.Events.Batch)
	}
	return b.String(), nil
}
