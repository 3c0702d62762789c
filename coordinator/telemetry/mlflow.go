package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// mlflowFile remembers in a run directory which run of an MLflow server it is.
const mlflowFile = ".mlflow"

// Bounds of what is sent to an MLflow server. A batch has at most 1000 metrics and 100
// parameters by its interface.
const (
	mlflowQueue  = 4096 // metrics that wait
	mlflowBatch  = 1000
	mlflowParams = 100
	mlflowValue  = 500 // characters of a parameter's value
	mlflowDense  = 1024
	mlflowEvery  = 2 * time.Second
	mlflowAnswer = 10 * time.Second
	mlflowTries  = 5
	mlflowEnd    = 5 * time.Second // how long the end of a run waits for the last batch
)

// Ending says how a run ended, in the words of MLflow.
type Ending string

// How a run can end.
const (
	Finished Ending = "FINISHED"
	Stopped  Ending = "KILLED" // it can be resumed
	Failed   Ending = "FAILED"
)

// MLflow tells an MLflow tracking server of a run by its REST interface: metrics of
// steps and evaluations, widths, settings as parameters, and how it ended. The run
// never waits for it: what it does not take in time is dropped and counted.
type MLflow struct {
	server     *url.URL
	experiment string
	login      func(*http.Request)
	params     []Param
	trouble    func(string)
	retry      time.Duration // pause before the second try, doubled for each further one

	queue   chan mlflowMetric
	started chan coordinator.Started
	done    chan struct{}
	cancel  context.CancelFunc
	ending  Ending
	once    sync.Once

	mu      sync.Mutex
	taken   int // metrics that the server has
	dropped int
	last    string // why the last one was dropped
	from    int64  // step up to which the server has the metrics already; -1: none
}

// Param is a setting of a run.
type Param struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// mlflowMetric is a metric as the interface wants it.
type mlflowMetric struct {
	Key       string  `json:"key"`
	Value     float64 `json:"value"`
	Timestamp int64   `json:"timestamp"` // milliseconds
	Step      uint64  `json:"step"`
}

// ErrMLflow is returned for an address at which no server can be.
var ErrMLflow = errors.New("address of MLflow")

// MLflowServer parses the address of a server.
func MLflowServer(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: must be as http://127.0.0.1:5000", ErrMLflow) // err may show a password
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: %q: must be as http://127.0.0.1:5000", ErrMLflow, u.Redacted())
	case u.User != nil:
		return nil, fmt.Errorf("%w: give user and password in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, "+
			"since the address is kept", ErrMLflow)
	}
	return u, nil
}

// NewMLflow returns an MLflow that tells server of a run with these settings. User and
// password, or a token, and the experiment's name come from MLflow's own variables,
// which environment looks up. trouble is told what was not taken.
func NewMLflow(server *url.URL, params []Param, environment func(string) string, trouble func(string)) *MLflow {
	m := &MLflow{server: server, params: params, trouble: trouble, retry: 500 * time.Millisecond,
		queue:   make(chan mlflowMetric, mlflowQueue),
		started: make(chan coordinator.Started, 1), done: make(chan struct{}), from: -1, experiment: environment("MLFLOW_EXPERIMENT_NAME")}
	if m.experiment == "" {
		m.experiment = "tinygrow"
	}
	user, password, token := environment("MLFLOW_TRACKING_USERNAME"), environment("MLFLOW_TRACKING_PASSWORD"),
		environment("MLFLOW_TRACKING_TOKEN")
	m.login = func(r *http.Request) {
		switch {
		case user != "":
			r.SetBasicAuth(user, password)
		case token != "":
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go m.work(ctx)
	return m
}

// Events returns e with callbacks that tell the server as well. Those of e are called first.
func (m *MLflow) Events(e coordinator.Events) coordinator.Events {
	e = e.WithDefaults()
	before := e
	e.Started = func(s coordinator.Started) {
		before.Started(s)
		select {
		case m.started <- s:
		default: // a standby that leads again goes on with the run that it has
		}
	}
	e.Step = func(r trainer.StepRecord, p coordinator.Pace) {
		before.Step(r, p)
		if step := uint64(r.Step); written(step, mlflowDense) {
			m.put(step, "train/loss", r.Loss)
			m.put(step, "train/accuracy", r.Accuracy)
			m.put(step, "train/learning_rate", r.LR)
			compared(r.Compared, func(name string, v float64) { m.put(step, name, v) })
			m.put(step, "speed/samples_per_s", p.SamplesSec)
		}
	}
	e.Evaluated = func(r trainer.EvalRecord) {
		before.Evaluated(r)
		m.put(uint64(r.Step), r.Split+"/loss", r.Loss)
		m.put(uint64(r.Step), r.Split+"/accuracy", r.Accuracy)
	}
	e.Network = func(n coordinator.Network) {
		before.Network(n)
		m.put(uint64(n.Step), "network/parameters", float64(len(n.Model.Params)))
		m.put(uint64(n.Step), "network/flops", float64(n.Model.Graph.FLOPs()))
		for layer, width := range n.Model.Graph.Widths() {
			m.put(uint64(n.Step), "widths/"+layer, float64(width))
		}
	}
	e.Grew = func(r growth.Record, g trainer.GrownRecord) {
		before.Grew(r, g)
		m.put(r.Step, "growth/events", float64(r.Event+1))
	}
	return e
}

// put lets a metric wait, or drops it.
func (m *MLflow) put(step uint64, key string, value float64) {
	select {
	case m.queue <- mlflowMetric{key, value, time.Now().UnixMilli(), step}:
	default:
		m.drop(1, errors.New("it is too slow"))
	}
}

func (m *MLflow) drop(n int, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropped += n
	m.last = why.Error()
}

// Close tells the server how the run ended and what still waits, for some seconds at
// most, and then says what was dropped.
func (m *MLflow) Close(how Ending) {
	m.once.Do(func() {
		m.ending = how
		close(m.started)
		close(m.queue)
		select {
		case <-m.done:
		case <-time.After(mlflowEnd):
			m.cancel()
			<-m.done
		}
		m.cancel()
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.dropped > 0 {
			m.trouble(fmt.Sprintf("MLflow at %s did not take %d of %d values: %s", m.server.Host, m.dropped, m.dropped+m.taken, m.last))
		}
	})
}

// work sends what waits until the queue is closed and empty, or ctx ends.
func (m *MLflow) work(ctx context.Context) {
	defer close(m.done)
	s, ok := <-m.started
	if !ok {
		return
	}
	id, err := m.begin(ctx, s)
	for m.batch(ctx, id, s, err) {
	}
	if err == nil {
		last := map[string]any{"run_id": id, "status": m.ending, "end_time": time.Now().UnixMilli()}
		if err := m.post(ctx, "runs/update", last, nil); err != nil {
			m.drop(0, err)
		}
	}
}

// batch sends metrics that came within some time, unless the run could not be begun
// for the reason failed. It reports whether more may come.
func (m *MLflow) batch(ctx context.Context, id string, s coordinator.Started, failed error) (more bool) {
	var list []mlflowMetric
	count := 0
	more = true
	for deadline := time.After(mlflowEvery); more && len(list) < mlflowBatch && deadline != nil; {
		select {
		case one, ok := <-m.queue:
			if more = ok; ok {
				if count++; int64(one.Step) > m.from {
					list = append(list, one)
				}
			}
		case <-deadline:
			deadline = nil
		case <-ctx.Done():
			for range m.queue { // it is closed
				count++
			}
			more = false
		}
	}
	switch {
	case len(list) == 0 && (failed == nil || count == 0):
		return more
	case failed == nil:
		failed = m.post(ctx, "runs/log-batch", map[string]any{"run_id": id, "metrics": list}, nil)
	}
	if failed != nil {
		m.drop(max(len(list), count), failed)
		return more
	}
	m.mu.Lock()
	m.taken += len(list)
	m.mu.Unlock()
	m.remember(s.Dir, mlflowRun{m.server.String(), id, int64(list[len(list)-1].Step)})
	return more
}

// mlflowRun is what the file remembers: a server, its id of the run, and the step up
// to which it has the metrics, -1 for none.
type mlflowRun struct {
	Server string `json:"server"`
	ID     string `json:"run_id"`
	Step   int64  `json:"step"`
}

// remember writes the file. Without it a resumed run begins another one at the server.
func (m *MLflow) remember(dir string, r mlflowRun) {
	text, err := json.Marshal(r)
	if err == nil {
		path := filepath.Join(dir, mlflowFile)
		if err = os.WriteFile(path+".new", text, 0o644); err == nil {
			err = os.Rename(path+".new", path)
		}
	}
	if err != nil {
		m.drop(0, err)
	}
}

// begin goes on with the server's run that the directory remembers, or makes one.
func (m *MLflow) begin(ctx context.Context, s coordinator.Started) (id string, err error) {
	var known mlflowRun
	text, err := file.Read(filepath.Join(s.Dir, mlflowFile), 4096)
	if err == nil && json.Unmarshal(text, &known) == nil && known.Server == m.server.String() && known.ID != "" {
		m.from = known.Step
		return known.ID, m.post(ctx, "runs/update", map[string]any{"run_id": known.ID, "status": "RUNNING"}, nil)
	}
	experiment, err := m.experimentID(ctx)
	if err != nil {
		return "", err
	}
	var made struct {
		Run struct {
			Info struct {
				ID string `json:"run_id"`
			} `json:"info"`
		} `json:"run"`
	}
	err = m.post(ctx, "runs/create", map[string]any{"experiment_id": experiment, "run_name": string(s.Run),
		"start_time": time.Now().UnixMilli(), "tags": []Param{{"mlflow.source.name", "tinygrow"}, {"tinygrow.run_dir", s.Dir}}}, &made)
	if id = made.Run.Info.ID; err == nil && id == "" {
		err = errors.New("its answer names no run")
	}
	for i := 0; i < len(m.params) && err == nil; i += mlflowParams {
		some := append([]Param{}, m.params[i:min(i+mlflowParams, len(m.params))]...)
		for k := range some {
			some[k].Value = some[k].Value[:min(len(some[k].Value), mlflowValue)]
		}
		err = m.post(ctx, "runs/log-batch", map[string]any{"run_id": id, "params": some}, nil)
	}
	if err == nil && s.Outlook != "" {
		err = m.post(ctx, "runs/set-tag", map[string]any{"run_id": id, "key": "tinygrow.outlook", "value": s.Outlook}, nil)
	}
	if err == nil {
		m.remember(s.Dir, mlflowRun{m.server.String(), id, -1})
	}
	return id, err
}

// experimentID returns the id of the experiment, which is made if it is not there.
func (m *MLflow) experimentID(ctx context.Context) (string, error) {
	var found struct {
		Experiment struct {
			ID string `json:"experiment_id"`
		} `json:"experiment"`
		ID string `json:"experiment_id"`
	}
	err := m.ask(ctx, http.MethodGet, "experiments/get-by-name?experiment_name="+url.QueryEscape(m.experiment), nil, &found)
	var refused *mlflowError
	if errors.As(err, &refused) && refused.status == http.StatusNotFound {
		err = m.post(ctx, "experiments/create", map[string]any{"name": m.experiment}, &found)
	}
	if err != nil {
		return "", err
	}
	return found.Experiment.ID + found.ID, nil
}

// mlflowError is an answer that refuses.
type mlflowError struct {
	status int
	text   string
}

func (e *mlflowError) Error() string { return e.text }

func (m *MLflow) post(ctx context.Context, what string, body, into any) error {
	return m.ask(ctx, http.MethodPost, what, body, into)
}

// ask sends a request, again a few times where the server does not answer or has a
// fault of its own, and reads its answer.
func (m *MLflow) ask(ctx context.Context, method, what string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	var err error
	wait := m.retry
	for try := range mlflowTries {
		if try > 0 && pause.For(ctx, wait) != nil {
			return err
		}
		wait *= 2
		err = m.send(ctx, method, what, text, into)
		var refused *mlflowError
		if err == nil || errors.As(err, &refused) && refused.status < 500 && refused.status != http.StatusTooManyRequests {
			return err
		}
	}
	return err
}

// send sends a request once.
func (m *MLflow) send(ctx context.Context, method, what string, text []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, mlflowAnswer)
	defer cancel()
	address := strings.TrimRight(m.server.String(), "/") + "/api/2.0/mlflow/" + what
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	m.login(r)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return &mlflowError{answer.StatusCode, fmt.Sprintf("%s: %s: %.200s", what, answer.Status, said)}
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(said, into)
}
