package box

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/tinygrow/tinygrow/deploy/bench/scale"
)

// Report is one run in the box. Times are of the steps but the first; with local steps
// (sync.every) a step is an outer one, and the batch all samples of it.
type Report struct {
	Hosts    int     `json:"hosts"` // that compute
	Apart    bool    `json:"coordinator_apart"`
	Servers  Servers `json:"servers"`
	Mbit     float64 `json:"link_mbit_per_s"` // 0: no bound
	DelayMS  float64 `json:"link_delay_ms"`
	Workers  int     `json:"workers"` // of a host
	Threads  int     `json:"threads"` // of a worker
	Reducers int     `json:"reducers,omitempty"`
	// StandIn says that workers computed nothing, and StandInMS what a micro-shard took.
	StandIn   bool    `json:"stand_in"`
	StandInMS float64 `json:"stand_in_ms,omitempty"`

	Model      string `json:"model"`
	Data       string `json:"data"`
	Params     int    `json:"params"`
	Batch      int    `json:"batch"`
	MicroShard int    `json:"microshard"`
	Steps      int    `json:"steps"` // measured
	// Layout is what of the run's settings decides what goes over the links, as they
	// are written there.
	Layout map[string]string `json:"layout,omitempty"`

	StepMS float64 `json:"step_ms"` // median
	MeanMS float64 `json:"mean_step_ms"`
	// Efficiency is the part of a step in which workers computed, the mean over all.
	Efficiency  float64     `json:"efficiency"`
	SamplesPerS float64     `json:"samples_per_s"`
	Split       scale.Split `json:"phases_ms"`
	// Links are bytes a step, Busiest the most one way.
	Links    []Link  `json:"links"`
	Busiest  float64 `json:"busiest_link_bytes"`
	CPUMS    float64 `json:"cpu_ms_per_step"` // of all processes
	ModelSHA string  `json:"model_sha256"`    // of the weights at the end
	Load     float64 `json:"load_average"`    // of the machine at the end, over a minute
	CPU      string  `json:"cpu"`             // its processor
	Cores    int     `json:"cores"`           // it has
	Date     string  `json:"date"`            // of the measurement
	Version  string  `json:"version"`         // of tinygrow
}

// Link is what the link of a host carried, in bytes a step with all headers.
type Link struct {
	Host int     `json:"host"`
	Up   float64 `json:"up"` // from the host
	Down float64 `json:"down"`
}

// report puts together what processes and links said.
func (c Config) report(m *scale.Measured, seen []sample, ended time.Time) (Report, error) {
	row, err := m.Row()
	if err != nil {
		return Report{}, err
	}
	r := Report{Hosts: c.Links.Hosts, Apart: c.Apart, Servers: c.Servers, Mbit: c.Links.Mbit, DelayMS: c.Links.Delay.Seconds() * 1e3,
		Workers: c.Workers, Threads: c.Threads, Reducers: c.Reducers, StandIn: m.Result.StandIn, Params: m.Result.ParamsEnd,
		Steps:  row.Steps,
		MeanMS: row.StepMS, SamplesPerS: row.SamplesPerS, Split: row.Split, ModelSHA: row.Model,
		CPUMS: row.CPUMS * row.SamplesPerS * row.StepMS / 1e3}
	r.Batch = int(row.SamplesPerS*row.StepMS/1e3 + 0.5)
	for _, s := range m.Stats {
		r.Efficiency += s.Compute / m.Result.Timing.WallS / float64(len(m.Stats))
	}
	at, err := stepTimes(m.Metrics)
	if err != nil {
		return Report{}, err
	}
	r.StepMS = medianGap(at).Seconds() * 1e3
	// The coordinator says how long it ran when it ends, so its clock began that long before.
	began := ended.Add(-time.Duration(m.Result.WallS * float64(time.Second)))
	r.Links, err = carried(seen, []time.Time{began.Add(at[0]), began.Add(at[len(at)-1])}, len(at)-1)
	for _, l := range r.Links {
		r.Busiest = max(r.Busiest, l.Up, l.Down)
	}
	r.Load = loadAverage()
	return r, err
}

// loadAverage returns that of the last minute, 0 where it is not told.
func loadAverage() (load float64) {
	text, _ := os.ReadFile("/proc/loadavg")
	_, _ = fmt.Sscan(string(text), &load)
	return load
}

// stepTimes returns when steps ended, by the clock of the coordinator.
func stepTimes(metrics []byte) ([]time.Duration, error) {
	var at []time.Duration
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var l struct {
			Kind string
			Wall float64 `json:"wall_s"`
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, err
		}
		if l.Kind == "step" {
			at = append(at, time.Duration(l.Wall*float64(time.Second)))
		}
	}
	if len(at) < 3 {
		return nil, errors.New("fewer than 3 steps were made: give at least that many")
	}
	return at, lines.Err()
}

func medianGap(at []time.Duration) time.Duration {
	var gaps []time.Duration
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i]-at[i-1])
	}
	slices.Sort(gaps)
	return (gaps[(len(gaps)-1)/2] + gaps[len(gaps)/2]) / 2
}

// carried returns what links carried a step between two times, over so many steps.
func carried(seen []sample, between []time.Time, steps int) ([]Link, error) {
	if len(seen) < 2 {
		return nil, errors.New("the run was too short for its links to be counted: give it more steps")
	}
	links := make([]Link, len(seen[0].links))
	for i := range links {
		up := func(c count) uint64 { return c.up }
		down := func(c count) uint64 { return c.down }
		links[i] = Link{i, (countAt(seen, between[1], i, up) - countAt(seen, between[0], i, up)) / float64(steps),
			(countAt(seen, between[1], i, down) - countAt(seen, between[0], i, down)) / float64(steps)}
	}
	return links, nil
}

// countAt returns a counter at a time between two looks at it.
func countAt(seen []sample, at time.Time, link int, of func(count) uint64) float64 {
	after := sort.Search(len(seen), func(i int) bool { return !seen[i].at.Before(at) })
	switch {
	case after == 0:
		return float64(of(seen[0].links[link]))
	case after == len(seen):
		return float64(of(seen[after-1].links[link]))
	}
	a, b := seen[after-1], seen[after]
	part := float64(at.Sub(a.at)) / float64(b.at.Sub(a.at))
	x, y := float64(of(a.links[link])), float64(of(b.links[link]))
	return x + float64(part*(y-x))
}
