package forecast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/deploy/bench/box"
	"github.com/tinygrow/tinygrow/deploy/bench/scale"
)

// Comparison is a run that was made beside its forecast.
type Comparison struct {
	What       string  `json:"what"`
	StandIn    bool    `json:"stand_in"`
	MeasuredMS float64 `json:"measured_step_ms"`
	ForecastMS float64 `json:"forecast_step_ms"`
	// Off is the forecast over what was measured, less 1.
	Off float64 `json:"off"`
	// Bytes a step of the busiest link one way; 0: not measured.
	MeasuredBytes float64 `json:"measured_busiest_link_bytes,omitempty"`
	ForecastBytes float64 `json:"forecast_busiest_link_bytes,omitempty"`
	Bottleneck    string  `json:"bottleneck"`
}

// ErrOtherModel is returned when runs are to be compared with the forecast of another network.
var ErrOtherModel = errors.New("another network than that of the run")

// Compare forecasts the runs in a file of bench box or bench scale, one JSON object after
// the other. Job and costs are those of c, but for what the file says.
func Compare(in io.Reader, c Config) ([]Comparison, error) {
	var list []Comparison
	for d := json.NewDecoder(in); ; {
		var raw json.RawMessage
		switch err := d.Decode(&raw); {
		case err == io.EOF && len(list) == 0:
			return nil, errors.New("no run is in it: give what bench box or bench scale --json printed")
		case err == io.EOF:
			return list, nil
		case err != nil:
			return nil, err
		}
		more, err := compareOne(raw, c)
		if err != nil {
			return nil, fmt.Errorf("run %d: %w", len(list)+1, err)
		}
		list = append(list, more...)
	}
}

func compareOne(raw json.RawMessage, c Config) ([]Comparison, error) {
	var kind struct {
		Hosts  int
		Rows   []json.RawMessage
		Params int
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, err
	}
	if (kind.Hosts > 0 || len(kind.Rows) > 0) && kind.Params != c.Job.Params {
		return nil, fmt.Errorf("%w: it has %d parameters, the one given %d: name the run's with --model", ErrOtherModel, kind.Params,
			c.Job.Params)
	}
	switch {
	case kind.Hosts > 0:
		var r box.Report
		if err := decode(raw, &r); err != nil {
			return nil, err
		}
		one, err := ofBox(r, c)
		return []Comparison{one}, err
	case len(kind.Rows) > 0:
		var r scale.Report
		if err := decode(raw, &r); err != nil {
			return nil, err
		}
		return ofScale(r, c)
	}
	return nil, errors.New("it is no report of bench box or bench scale")
}

func decode(raw json.RawMessage, out any) error {
	return json.NewDecoder(bytes.NewReader(raw)).Decode(out)
}

// ofBox forecasts a run in a box.
func ofBox(r box.Report, c Config) (_ Comparison, err error) {
	c.Cluster = Cluster{Hosts: r.Hosts, Workers: r.Workers, Threads: r.Threads, Apart: r.Apart, Mbit: r.Mbit,
		RTT: time.Duration(4 * r.DelayMS * 1e6), Each: r.Servers == box.EachServers, Shared: r.Cores}
	c.Job.Batch, c.Job.MicroShard = r.Batch, r.MicroShard
	if r.StandIn {
		c.Costs.StandIn, c.Costs.MicroShardMS = true, r.StandInMS
	}
	if c.Layout, err = layoutOf(r.Layout); err != nil {
		return Comparison{}, err
	}
	c.Layout.Reducers = r.Reducers
	every := float64(c.Layout.Every) // steps of a round, which is what was measured
	c.Job.Batch = r.Batch / c.Layout.Every
	f, err := Run(c)
	if err != nil {
		return Comparison{}, err
	}
	how := r.Layout["train.wire"]
	if how == "fp32" {
		how = ""
	}
	if how != "" {
		how = ", " + how
	}
	if c.Layout.Every > 1 {
		how += fmt.Sprintf(", %d local steps", c.Layout.Every)
	}
	if r.StandIn {
		how += " (stand-ins)"
	}
	hosts := fmt.Sprintf("%d hosts", r.Hosts)
	if r.Workers > 1 {
		hosts += fmt.Sprintf(" of %d workers", r.Workers)
	}
	if c.Cluster.Each {
		hosts += " with servers"
	}
	if r.Reducers > 0 {
		hosts += fmt.Sprintf(", %d reducers", r.Reducers)
	}
	what := fmt.Sprintf("%s, batch %d, %s, %g Mbit/s%s", r.Model, c.Job.Batch, hosts, r.Mbit, how)
	return Comparison{What: what, StandIn: r.StandIn,
		MeasuredMS: r.StepMS / every, ForecastMS: f.StepMS, Off: f.StepMS*every/r.StepMS - 1, MeasuredBytes: r.Busiest / every,
		ForecastBytes: f.Busiest,
		Bottleneck:    f.Bottleneck}, nil
}

// layoutOf reads the settings of a run that decide what goes over links.
func layoutOf(settings map[string]string) (Layout, error) {
	l := Layout{Bytes: 4, Every: 1}
	if w := settings["train.wire"]; w == "fp16" || w == "bf16" {
		l.Bytes = 2
	}
	for _, of := range []struct {
		key string
		to  *int
	}{{"sync.every", &l.Every}, {"sync.replicas", &l.Replicas}} {
		text, there := settings[of.key]
		if !there {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return l, fmt.Errorf("%s %.40q is no number", of.key, text)
		}
		*of.to = n
	}
	return l, nil
}

// ofScale forecasts runs on the loopback interface. Workers without a thread stand by.
func ofScale(r scale.Report, c Config) ([]Comparison, error) {
	var list []Comparison
	for _, row := range r.Rows {
		workers := max(1, min(row.Workers, row.Threads))
		c.Cluster = Cluster{Hosts: 1, Workers: workers, Threads: max(1, row.Threads/workers), Shared: r.Cores}
		c.Job.Batch, c.Layout = r.Batch, Layout{Bytes: 4, Every: 1}
		f, err := Run(c)
		if err != nil {
			return nil, err
		}
		list = append(list, Comparison{What: fmt.Sprintf("%s, batch %d, %d workers of one host", r.Model, r.Batch, row.Workers),
			MeasuredMS: row.StepMS, ForecastMS: f.StepMS, Off: f.StepMS/row.StepMS - 1, Bottleneck: f.Bottleneck})
	}
	return list, nil
}

// PrintComparisons writes runs beside their forecasts, in 80 columns.
func PrintComparisons(out io.Writer, list []Comparison) {
	fmt.Fprintf(out, "%-46s %10s %10s %8s\n", "run", "step ms", "forecast", "off")
	for _, c := range list {
		fmt.Fprintf(out, "%-46.46s %10.1f %10.1f %+7.0f%%\n", c.What, c.MeasuredMS, c.ForecastMS, 100*c.Off)
	}
}
