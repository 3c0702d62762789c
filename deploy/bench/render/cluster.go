package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// boxTable renders runs in a box beside their forecasts, as bench scale --replay compares them.
func boxTable(raw []byte) (string, error) {
	type run struct {
		What          string
		StandIn       bool    `json:"stand_in"`
		MeasuredMS    float64 `json:"measured_step_ms"`
		ForecastMS    float64 `json:"forecast_step_ms"`
		MeasuredBytes float64 `json:"measured_busiest_link_bytes"`
		ForecastBytes float64 `json:"forecast_busiest_link_bytes"`
	}
	var all []run
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		var some []run
		if err := d.Decode(&some); err == io.EOF {
			break
		} else if err != nil {
			return "", err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return "", errors.New("no runs")
	}
	var b strings.Builder
	b.WriteString("| run | computing | ms a step | forecast | off | MB a step on the busiest link, one way | forecast |\n" +
		"|---|---|---:|---:|---:|---:|---:|\n")
	for _, r := range all {
		how := "real"
		if r.StandIn {
			how = "stand-in"
		}
		what := strings.TrimSuffix(r.What, " (stand-ins)")
		fmt.Fprintf(&b, "| %s | %s | %.0f | %.0f | %+.0f %% | %.2f | %.2f |\n", what, how, r.MeasuredMS, r.ForecastMS,
			100*(r.ForecastMS/r.MeasuredMS-1), r.MeasuredBytes/1e6, r.ForecastBytes/1e6)
	}
	return b.String(), nil
}

// clusterPlan is what tinygrow plan --json prints of a cluster.
type clusterPlan struct {
	Cluster struct {
		Hosts, Threads int
		Mbit           float64 `json:"link_mbit_per_s"`
	}
	Job struct {
		Model         string
		Params, Batch int
	}
	Layouts []struct {
		Name     string
		Here     bool `json:"in_this_program"`
		Forecast struct {
			StepMS     float64 `json:"step_ms"`
			Efficiency float64
			Busiest    float64 `json:"busiest_link_bytes"`
		}
	}
}

// planTable renders forecasts: for each network and rate a table of layouts over hosts.
func planTable(raw []byte) (string, error) {
	var all []clusterPlan
	for d := json.NewDecoder(bytes.NewReader(raw)); ; {
		var p clusterPlan
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return "", err
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return "", errors.New("no forecasts")
	}
	var b strings.Builder
	for len(all) > 0 {
		first := all[0]
		n := slices.IndexFunc(all, func(p clusterPlan) bool { return p.Job != first.Job })
		if n < 0 {
			n = len(all)
		}
		var rates []float64
		for _, p := range all[:n] {
			if !slices.Contains(rates, p.Cluster.Mbit) {
				rates = append(rates, p.Cluster.Mbit)
			}
		}
		for _, rate := range rates {
			writePlans(&b, slices.DeleteFunc(slices.Clone(all[:n]), func(p clusterPlan) bool { return p.Cluster.Mbit != rate }))
		}
		all = all[n:]
	}
	b.WriteString("A cell is ms a step, efficiency, and MB a step on the busiest link one way. " +
		"Layouts marked * this program does not have.\n")
	return b.String(), nil
}

// writePlans renders the forecasts of one network at one rate.
func writePlans(b *strings.Builder, plans []clusterPlan) {
	p := plans[0]
	fmt.Fprintf(b, "%s, %d parameters, batch %d, links of %g Mbit/s:\n\n| layout |", p.Job.Model, p.Job.Params, p.Job.Batch, p.Cluster.Mbit)
	var names []string
	for _, p := range plans {
		fmt.Fprintf(b, " %d hosts |", p.Cluster.Hosts)
		for _, l := range p.Layouts {
			if !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(plans)) + "\n")
	for _, name := range names {
		row, mark := "", ""
		for _, p := range plans {
			at := -1
			for i, l := range p.Layouts {
				if l.Name == name {
					at = i
				}
			}
			if at < 0 {
				row += " - |"
				continue
			}
			l := p.Layouts[at]
			if !l.Here {
				mark = " *"
			}
			row += fmt.Sprintf(" %.0f, %.0f %%, %.2f |", l.Forecast.StepMS, 100*l.Forecast.Efficiency, l.Forecast.Busiest/1e6)
		}
		fmt.Fprintf(b, "| %s%s |%s\n", name, mark, row)
	}
	b.WriteString("\n")
}
