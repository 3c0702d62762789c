package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fiveLines renders the results that README has a line of each.
func fiveLines(results string) (string, error) {
	var b strings.Builder
	for _, one := range []func(results string) (string, error){stepLine, growthLine, shapeLine, workersLine, failuresLine} {
		line, err := one(results)
		if err != nil {
			return "", err
		}
		b.WriteString("- " + line + "\n")
	}
	return b.String(), nil
}

// readResult reads a file of results as JSON.
func readResult(results, name string, into any) error {
	raw, err := os.ReadFile(filepath.Join(results, name))
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

// ratios are those of the networks that a file compares with PyTorch.
type ratios struct {
	Models []struct{ Ratio float64 }
}

// ends returns the smallest and the largest ratio.
func (r ratios) ends() (least, most float64) {
	var list []float64
	for _, m := range r.Models {
		list = append(list, m.Ratio)
	}
	return slices.Min(list), slices.Max(list)
}

func stepLine(results string) (string, error) {
	var r ratios
	if err := readResult(results, "compute.json", &r); err != nil {
		return "", err
	}
	least, most := r.ends()
	return fmt.Sprintf("A training step takes 1/%.1f to 1/%.1f of the time of PyTorch 1.13 at its best on the same two cores.",
		least, most), nil
}

func growthLine(results string) (string, error) {
	var r ratios
	if err := readResult(results, "growth-cost.json", &r); err != nil {
		return "", err
	}
	least, most := r.ends()
	return fmt.Sprintf("Statistics and solver of a growth event cost 1/%.0f to 1/%.0f of the authors' algorithm in PyTorch.",
		least, most), nil
}

// lines calls take for each line of a file of results.
func lines(results, name string, take func(line []byte) error) error {
	raw, err := os.ReadFile(filepath.Join(results, name))
	if err != nil {
		return err
	}
	in := bufio.NewScanner(bytes.NewReader(raw))
	for in.Buffer(nil, len(raw)+1); in.Scan(); {
		if err := take(in.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return in.Err()
}

// shapeLine compares growing with the best fixed shape at the largest budget that both have.
func shapeLine(results string) (string, error) {
	found := map[float64]map[string][]float64{}
	err := lines(results, "campaign.jsonl", func(line []byte) error {
		var r struct {
			Network, Policy string
			Budget          float64
			Accuracy        float64 `json:"test_accuracy"`
		}
		if err := json.Unmarshal(line, &r); err != nil || !strings.HasPrefix(r.Network, "vgg") {
			return err
		}
		if found[r.Budget] == nil {
			found[r.Budget] = map[string][]float64{}
		}
		found[r.Budget][r.Policy] = append(found[r.Budget][r.Policy], r.Accuracy)
		return nil
	})
	most, best := 0.0, 0.0
	for budget, policies := range found {
		fixed := 0.0
		for policy, list := range policies {
			if strings.HasPrefix(policy, "fixed") {
				fixed = max(fixed, halfway(list))
			}
		}
		if fixed > 0 && policies["compute"] != nil && budget > most {
			most, best = budget, fixed
		}
	}
	if err == nil && most == 0 {
		err = fmt.Errorf("campaign.jsonl: no budget has both compute and a fixed shape")
	}
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Growing from 4 channels a layer, told no widths, reaches %.1f %% on CIFAR-10 with %.3g FLOPs; the best of the "+
		"fixed shapes that were tried reaches %.1f %% (medians of seeds).", 100*halfway(found[most]["compute"]), most, 100*best), nil
}

// halfway returns the median of a list.
func halfway(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

func workersLine(results string) (string, error) {
	var r struct {
		Rows []struct {
			Workers    int
			Efficiency float64
		}
	}
	if err := readResult(results, "scale-resnet18-16.json", &r); err != nil {
		return "", err
	}
	last := r.Rows[len(r.Rows)-1]
	return fmt.Sprintf("%d worker processes over NATS on one machine train a ResNet-18 at %.0f %% of the rate of one, to the same bits.",
		last.Workers, 100*last.Efficiency), nil
}

func failuresLine(results string) (string, error) {
	runs, faults := 0, 0
	err := lines(results, "chaos.jsonl", func(line []byte) error {
		var r struct{ Faults []struct{ Fired bool } }
		runs++
		err := json.Unmarshal(line, &r)
		for _, f := range r.Faults {
			if f.Fired {
				faults++
			}
		}
		return err
	})
	return fmt.Sprintf("%d runs with %d faults (workers and coordinators killed, servers restarted) ended in the bits of undisturbed ones.",
		runs, faults), err
}
