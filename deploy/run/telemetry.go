package run

import (
	"fmt"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/telemetry"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/deploy/run/scrape"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/worker"
)

// Telemetry is what other programs are told of a run. It decides nothing of it.
type Telemetry struct {
	// TensorBoard says whether event files for TensorBoard are written into the run
	// directory, below tensorboard.
	TensorBoard bool `yaml:"tensorboard"`
	// Metrics is host:port at which a Prometheus server gets numbers of this process,
	// or a port of the loopback address; empty: nowhere.
	Metrics string `yaml:"metrics"`
	// MLflow is the address of an MLflow tracking server; empty: none.
	MLflow string `yaml:"mlflow"`
	// Traces is the address of an OpenTelemetry collector that takes OTLP over HTTP;
	// empty: none.
	Traces string `yaml:"traces"`
}

// validate returns all faults at once, or nil.
func (t *Telemetry) validate() error {
	var found faults.List
	if t.Metrics != "" {
		if _, err := scrape.Address(t.Metrics); err != nil {
			found = append(found, fmt.Errorf("telemetry.metrics: %w", err))
		}
	}
	if t.MLflow != "" {
		if _, err := telemetry.MLflowServer(t.MLflow); err != nil {
			found = append(found, fmt.Errorf("telemetry.mlflow: %w", err))
		}
	}
	if t.Traces != "" {
		if _, err := telemetry.TracesCollector(t.Traces); err != nil {
			found = append(found, fmt.Errorf("telemetry.traces: %w", err))
		}
	}
	return found.Err()
}

// telling is a Console whose events other programs hear of as well.
type telling struct {
	Console
	listeners []listener
	ends      []func(telemetry.Ending) // last one first
}

// listener hears of events.
type listener interface {
	Events(coordinator.Events) coordinator.Events
}

// tell returns con with what the settings say should be told.
func (s *Settings) tell(con Console) (*telling, error) {
	t := &telling{Console: con}
	trouble := con.Events().WithDefaults().Trouble
	if s.Telemetry.TensorBoard {
		board := &telemetry.TensorBoard{Trouble: trouble}
		t.add(board, func(telemetry.Ending) { board.Close() })
	}
	if s.Telemetry.MLflow != "" {
		server, err := telemetry.MLflowServer(s.Telemetry.MLflow)
		if err != nil {
			return nil, as(ErrUsage, err)
		}
		m := telemetry.NewMLflow(server, s.params(), os.Getenv, trouble)
		t.add(m, m.Close)
	}
	if s.Telemetry.Traces != "" {
		collector, err := telemetry.TracesCollector(s.Telemetry.Traces)
		if err != nil {
			return nil, as(ErrUsage, err)
		}
		traces := telemetry.NewTraces(collector, os.Getenv, trouble)
		t.add(traces, func(telemetry.Ending) { traces.Close() })
	}
	if s.Telemetry.Metrics != "" {
		registry := scrape.Registry()
		end, err := s.Telemetry.scraped(registry, con)
		if err != nil {
			t.close(telemetry.Failed)
			return nil, err
		}
		t.add(telemetry.NewPrometheus(registry), func(telemetry.Ending) { end() })
	}
	return t, nil
}

// params returns the settings that decide a run's result.
func (s *Settings) params() []telemetry.Param {
	var list []telemetry.Param
	for _, key := range config.Keys(s) {
		if key != "run" && key != "run_dir" && Decides(key) {
			list = append(list, telemetry.Param{Key: key, Value: config.Get(s, key)})
		}
	}
	return list
}

// ending says how a run went.
func ending(r *coordinator.Result, err error) telemetry.Ending {
	switch {
	case err != nil:
		return telemetry.Failed
	case r.Done:
		return telemetry.Finished
	}
	return telemetry.Stopped
}

// add lets somebody hear until end is called.
func (t *telling) add(l listener, end func(telemetry.Ending)) {
	t.listeners, t.ends = append(t.listeners, l), append(t.ends, end)
}

// Events are told to the console, then to others.
func (t *telling) Events() coordinator.Events {
	e := t.Console.Events()
	for _, l := range t.listeners {
		e = l.Events(e)
	}
	return e
}

// close ends what tell began.
func (t *telling) close(how telemetry.Ending) {
	for i := len(t.ends) - 1; i >= 0; i-- {
		t.ends[i](how)
	}
}

// scraped answers a Prometheus server with what is in r, until end is called.
func (t *Telemetry) scraped(r *prometheus.Registry, con Console) (end func(), err error) {
	address, err := scrape.Address(t.Metrics)
	if err != nil {
		return nil, as(ErrUsage, err)
	}
	server, err := scrape.Listen(address, r)
	if err != nil {
		return nil, as(ErrUsage, err)
	}
	con.Line("metrics for Prometheus: %s", server.URL())
	if server.Open() {
		con.Line("others than this machine may read them")
	}
	return server.Close, nil
}

// computed are the numbers of a worker for Prometheus: what it measured so far.
type computed struct {
	mu   sync.Mutex
	last worker.Stats

	blocks, samples, up, down, threads, phases *prometheus.Desc
}

// newComputed returns numbers that are in r.
func newComputed(r prometheus.Registerer) *computed {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tinygrow_computed_"+name, help, labels, nil)
	}
	c := &computed{blocks: desc("blocks_total", "Blocks of gradient rounds that this worker computed."),
		samples: desc("samples_total", "Samples in them."), up: desc("up_bytes_total", "Bytes of sums that it sent."),
		down: desc("down_bytes_total", "Bytes of weights that it got."), threads: desc("threads", "Its threads."),
		phases: desc("phase_seconds_total",
			"Seconds of its computing goroutine: without a task, waiting for weights, computing, sending.", "phase")}
	r.MustRegister(c)
	return c
}

// take takes what was measured so far.
func (c *computed) take(s worker.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = s
}

// Describe names the numbers.
func (c *computed) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.blocks, c.samples, c.up, c.down, c.threads, c.phases} {
		to <- d
	}
}

// Collect tells them.
func (c *computed) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	s := c.last
	c.mu.Unlock()
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	count(c.blocks, float64(s.Blocks))
	count(c.samples, float64(s.Samples))
	count(c.up, float64(s.Up))
	count(c.down, float64(s.Down))
	count(c.phases, s.Idle, "idle")
	count(c.phases, s.Weights, "weights")
	count(c.phases, s.Compute, "compute")
	count(c.phases, s.Encode, "encode")
	to <- prometheus.MustNewConstMetric(c.threads, prometheus.GaugeValue, float64(s.Threads))
}
