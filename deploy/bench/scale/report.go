package scale

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Report is what scaling looks like on this machine.
type Report struct {
	Model   string  `json:"model"`
	Data    string  `json:"data"`
	Batch   int     `json:"batch"`
	Params  int     `json:"params"` // at the end
	CPU     string  `json:"cpu,omitempty"`
	Cores   int     `json:"cores"`
	Date    string  `json:"date"`
	Version string  `json:"version"`
	Repeat  int     `json:"repeat"` // the rows are medians
	Target  float64 `json:"target_accuracy,omitempty"`
	Rows    []Row   `json:"rows"`
}

// Row is one number of workers. Everything is of the gradient rounds, the first
// one left out.
type Row struct {
	Workers int `json:"workers"`
	Threads int `json:"threads"` // computing threads of all workers
	Steps   int `json:"steps"`

	SamplesPerS float64 `json:"samples_per_s"`
	// Efficiency is samples/s a thread over those of the first row.
	Efficiency float64 `json:"efficiency"`
	// CPUMS is milliseconds of processor time a sample, of all processes;
	// CPURatio is it over that of the first row.
	CPUMS    float64 `json:"cpu_ms_per_sample"`
	CPURatio float64 `json:"cpu_ratio"`

	// Bytes a step: sums to the coordinator, weights to all workers, and what
	// the numbers in them need: partials x (4 gradient + 8 metrics and moments), workers x 4 weights.
	Up          float64 `json:"bytes_up"`
	Down        float64 `json:"bytes_down"`
	FormulaUp   float64 `json:"formula_up"`
	FormulaDown float64 `json:"formula_down"`
	Partials    float64 `json:"partials"` // a step

	StepMS float64 `json:"step_ms"`
	Split  Split   `json:"phases_ms"`
	// GrowthS is the duration of all growth events, EvalAccuracy the last test
	// accuracy, TargetS the time until the target accuracy was measured; 0: never.
	GrowthS      float64  `json:"growth_s"`
	EvalAccuracy *float64 `json:"test_accuracy"` // nil: not evaluated
	TargetS      float64  `json:"target_s,omitempty"`
	Model        string   `json:"model_sha256"` // the same in all rows
}

// Split is where the milliseconds of a step are. Compute is the mean of the
// workers that had blocks; Wait is what these had to spare, for weights and
// for each other; they overlap what follows, which is the coordinator's.
type Split struct {
	Compute float64 `json:"compute"`
	Encode  float64 `json:"encode"` // partials by the workers, weights by the coordinator
	Wire    float64 `json:"wire"`   // the rest of the step: messages on their way
	Wait    float64 `json:"wait"`
	Decode  float64 `json:"decode"` // partials checked and put together
	Reduce  float64 `json:"reduce"`
	Update  float64 `json:"update"`
	Serve   float64 `json:"serve"` // pulls, plan, records, checkpoints
}

// Row works out what the processes of one measurement said.
func (m *Measured) Row() (Row, error) {
	t := m.Result.Timing
	if t.Steps == 0 {
		return Row{}, fmt.Errorf("%d steps are too few to measure: give at least 2", m.Result.Steps)
	}
	steps := float64(t.Steps)
	ms := func(s float64) float64 { return s / steps * 1e3 }
	r := Row{Workers: m.Workers, Threads: t.Threads, Steps: t.Steps, SamplesPerS: float64(t.Samples) / t.WallS, StepMS: ms(t.WallS),
		Partials: float64(t.Partials) / steps, FormulaUp: float64(t.PartialBytes) / steps,
		FormulaDown:  float64(m.Workers) * float64(t.WeightBytes) / steps,
		EvalAccuracy: m.Result.TestAccuracy, Model: m.Result.ModelSHA256}
	cpu, active := t.CPUS+m.ServerCPU, 0
	var slowest float64
	for _, s := range m.Stats {
		if s.Versions > 0 {
			r.Down += float64(s.Down) / float64(s.Versions)
		}
		r.Up += float64(s.Up) / steps
		if s.Blocks == 0 { // stood by: all it cost is getting weights
			cpu += s.CPUS * steps / float64(max(s.Versions, 1))
			continue
		}
		active++
		cpu += s.CPUS
		r.Split.Compute += ms(s.Compute)
		r.Split.Encode += ms(s.Encode)
		r.Split.Wait += ms(s.Idle + s.Weights)
		slowest = max(slowest, ms(s.Compute+s.Encode))
	}
	for _, v := range []*float64{&r.Split.Compute, &r.Split.Encode, &r.Split.Wait} {
		*v /= float64(max(active, 1))
	}
	r.CPUMS = cpu / float64(t.Samples) * 1e3
	r.Split.Encode += ms(t.Encode + t.Send)
	r.Split.Decode, r.Split.Reduce, r.Split.Update, r.Split.Serve = ms(t.Decode), ms(t.Reduce), ms(t.Update), ms(t.Serve)
	r.Split.Wire = max(0, r.StepMS-slowest-ms(t.WallS-t.Wait)-ms(t.Decode))
	return r, m.read(&r)
}

// read takes from the metrics how long growth took and when the target was met.
func (m *Measured) read(r *Row) error {
	lines := bufio.NewScanner(bytes.NewReader(m.Metrics))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l struct {
			Kind     string
			Accuracy float64
			Wall     float64 `json:"wall_s"`
			Event    float64 `json:"event_s"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		switch {
		case l.Kind == "growth":
			r.GrowthS += l.Event
		case l.Kind == "evaluation" && m.Target > 0 && r.TargetS == 0 && l.Accuracy >= m.Target:
			r.TargetS = l.Wall
		}
	}
	return lines.Err()
}

// medians returns the row whose numbers are the medians of rows; what is not
// measured is the same in all.
func medians(rows []Row) Row {
	r := rows[0]
	each := []func(*Row) *float64{
		func(r *Row) *float64 { return &r.SamplesPerS }, func(r *Row) *float64 { return &r.CPUMS },
		func(r *Row) *float64 { return &r.Up }, func(r *Row) *float64 { return &r.Down },
		func(r *Row) *float64 { return &r.FormulaUp }, func(r *Row) *float64 { return &r.Partials },
		func(r *Row) *float64 { return &r.StepMS }, func(r *Row) *float64 { return &r.GrowthS },
		func(r *Row) *float64 { return &r.TargetS },
		func(r *Row) *float64 { return &r.Split.Compute }, func(r *Row) *float64 { return &r.Split.Encode },
		func(r *Row) *float64 { return &r.Split.Wire }, func(r *Row) *float64 { return &r.Split.Wait },
		func(r *Row) *float64 { return &r.Split.Decode }, func(r *Row) *float64 { return &r.Split.Reduce },
		func(r *Row) *float64 { return &r.Split.Update }, func(r *Row) *float64 { return &r.Split.Serve },
	}
	for _, field := range each {
		v := make([]float64, len(rows))
		for i := range rows {
			v[i] = *field(&rows[i])
		}
		slices.Sort(v)
		*field(&r) = (v[(len(v)-1)/2] + v[len(v)/2]) / 2
	}
	return r
}

// compare sets what rows have relative to the first.
func compare(rows []Row) {
	for i := range rows {
		r, first := &rows[i], &rows[0]
		r.Efficiency = r.SamplesPerS / float64(max(r.Threads, 1)) / (first.SamplesPerS / float64(max(first.Threads, 1)))
		r.CPURatio = r.CPUMS / first.CPUMS
	}
}

// Same reports whether all rows ended in the same weights.
func (r Report) Same() bool {
	return !slices.ContainsFunc(r.Rows, func(x Row) bool { return x.Model != r.Rows[0].Model })
}

// Print writes the report as tables.
func (r Report) Print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "workers\tthreads\tsamples/s\tefficiency\tCPU ms/sample\tratio\tMB up\tformula\tMB down\tformula\t"+
		"growth s\taccuracy\tto target s\t")
	for _, x := range r.Rows {
		accuracy, target := "-", "-"
		if x.EvalAccuracy != nil {
			accuracy = fmt.Sprintf("%.1f %%", 100**x.EvalAccuracy)
		}
		if x.TargetS > 0 {
			target = fmt.Sprintf("%.1f", x.TargetS)
		}
		fmt.Fprintf(w, "%d\t%d\t%.0f\t%.0f %%\t%.3f\t%.2f\t%.3f\t%.3f\t%.3f\t%.3f\t%.1f\t%s\t%s\t\n", x.Workers, x.Threads, x.SamplesPerS,
			100*x.Efficiency,
			x.CPUMS, x.CPURatio, x.Up/1e6, x.FormulaUp/1e6, x.Down/1e6, x.FormulaDown/1e6, x.GrowthS, accuracy, target)
	}
	w.Flush()
	fmt.Fprintln(out)
	fmt.Fprintln(w, "workers\tms/step\tcompute\tencode\twire\twait\tdecode\treduce\tupdate\tserve\t")
	for _, x := range r.Rows {
		s := x.Split
		fmt.Fprintf(w, "%d\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", x.Workers, x.StepMS, s.Compute, s.Encode, s.Wire,
			s.Wait, s.Decode, s.Reduce, s.Update, s.Serve)
	}
	w.Flush()
}
