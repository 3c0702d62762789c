package forecast

import (
	"fmt"
	"slices"
	"time"
)

// Result is a forecast. Times are milliseconds of one step; with local steps the average
// of the round is shared out between them.
type Result struct {
	StepMS      float64 `json:"step_ms"` // median
	SamplesPerS float64 `json:"samples_per_s"`
	// Efficiency is the part of a step in which workers compute, the mean over all.
	Efficiency float64 `json:"efficiency"`
	Phases     Phases  `json:"phases_ms"`
	// Bottleneck is what was busy most, for the part Busy of the time.
	Bottleneck string  `json:"bottleneck"`
	Busy       float64 `json:"bottleneck_busy"`
	// Bytes a step on the busiest link one way, on that of the coordinator each way, and
	// the mean over the hosts both ways.
	Busiest  float64 `json:"busiest_link_bytes"`
	HomeUp   float64 `json:"coordinator_link_up_bytes"`
	HomeDown float64 `json:"coordinator_link_down_bytes"`
	MeanLink float64 `json:"mean_link_bytes"`
	// EpochS is seconds, HostHours of all machines, for the samples of an epoch; 0: not asked for.
	EpochS    float64 `json:"epoch_s,omitempty"`
	HostHours float64 `json:"epoch_host_hours,omitempty"`
	// EpochPrice is set by Plan.Price.
	EpochPrice float64 `json:"epoch_price,omitempty"`
}

// Phases follow one another: weights on their way until the last worker has them, computing
// until the last one is ready, sums on their way until all are added, and the update.
type Phases struct {
	Weights float64 `json:"weights"`
	Compute float64 `json:"compute"`
	Sums    float64 `json:"sums"`
	Update  float64 `json:"update"`
}

// usage is what was used up to a time.
type usage struct {
	at       time.Duration
	names    []string
	busy     []time.Duration
	up, down []float64 // bytes of links
}

// used returns what was used so far.
func (s *simulation) used() usage {
	u := usage{at: s.now}
	note := func(d time.Duration, format string, args ...any) {
		u.names, u.busy = append(u.names, fmt.Sprintf(format, args...)), append(u.busy, d)
	}
	var computing time.Duration
	for _, w := range s.workers {
		computing += w.spent
	}
	note(computing/time.Duration(len(s.workers)), "computing")
	note(s.run.spent, "the coordinator's sums and update")
	note(s.bus.spent, "the coordinator's reading of sums")
	note(s.send.spent, "the coordinator's sending of weights")
	for i, o := range s.owners {
		note(o.run.spent, "sums and update of owner %d", i)
		note(o.bus.spent, "reading of owner %d", i)
	}
	for i, h := range s.net.hosts {
		of := fmt.Sprintf("host %d", i)
		if i == s.home {
			of = "the coordinator's host"
		}
		note(h.up.busy, "link from %s", of)
		note(h.down.busy, "link to %s", of)
		if h.server != nil {
			note(h.server.spent, "NATS server of %s", of)
		}
		u.up, u.down = append(u.up, h.up.bytes), append(u.down, h.down.bytes)
	}
	return u
}

// result sums up what happened since before.
func (s *simulation) result(before usage) Result {
	after := s.used()
	var steps []time.Duration
	var r Result
	done := s.marks[1 : len(s.marks)-1] // the first is not counted, the last not over
	local := float64(s.Layout.Every)
	for _, m := range done {
		steps = append(steps, m.next-m.opened)
		p := &r.Phases
		for to, d := range map[*float64]time.Duration{&p.Weights: m.began - m.opened, &p.Compute: m.computed - m.began,
			&p.Sums: m.complete - m.computed, &p.Update: m.next - m.complete} {
			*to += d.Seconds() * 1e3 / float64(len(done)) / local
		}
	}
	slices.Sort(steps)
	n := len(steps)
	median := (steps[(n-1)/2] + steps[n/2]) / 2
	r.StepMS = median.Seconds() * 1e3 / local
	r.SamplesPerS = float64(s.Job.Batch) / max(r.StepMS/1e3, 1e-12)
	span := max(after.at-before.at, 1)
	at := func(d time.Duration) float64 { return float64(d) / float64(span) }
	r.Efficiency = at(after.busy[0] - before.busy[0])
	for i, name := range after.names {
		if part := at(after.busy[i] - before.busy[i]); part > r.Busy {
			r.Busy, r.Bottleneck = part, name
		}
	}
	rounds := float64(span) / float64(median) * local // steps in the span
	for i := range after.up {
		up, down := (after.up[i]-before.up[i])/rounds, (after.down[i]-before.down[i])/rounds
		r.Busiest = max(r.Busiest, up, down)
		r.MeanLink += (up + down) / float64(len(after.up))
		if i == s.home {
			r.HomeUp, r.HomeDown = up, down
		}
	}
	if s.Job.Samples > 0 {
		r.EpochS = float64(s.Job.Samples) / r.SamplesPerS
		r.HostHours = r.EpochS * float64(len(s.net.hosts)) / 3600
	}
	return r
}
