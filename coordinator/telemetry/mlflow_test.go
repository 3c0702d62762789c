package telemetry

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// standIn is an MLflow server that refuses what the documentation of the REST
// interface does not allow, and remembers the rest.
type standIn struct {
	*testing.T
	*httptest.Server
	mu       sync.Mutex
	calls    []string
	metrics  map[string]int // times that a key came at a step
	params   map[string]string
	tags     map[string]string
	statuses []string
	fails    int // answers that are yet to be a fault of the server
	users    []string
}

func newStandIn(t *testing.T) *standIn {
	s := &standIn{T: t, metrics: map[string]int{}, params: map[string]string{}, tags: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(s.Server.Close)
	return s
}

// documented are the fields of the requests: their type, and whether they must be there.
var documented = map[string]map[string]string{
	"experiments/create": {"name": "string!"},
	"runs/create":        {"experiment_id": "string!", "run_name": "string", "start_time": "int", "tags": "list"},
	"runs/log-batch":     {"run_id": "string!", "metrics": "list", "params": "list", "tags": "list"},
	"runs/set-tag":       {"run_id": "string!", "key": "string!", "value": "string!"},
	"runs/update":        {"run_id": "string!", "status": "string", "end_time": "int"},
}

// check returns what is wrong with a request.
func check(body map[string]any, want map[string]string) string {
	for name, value := range body {
		kind, ok := want[name]
		if !ok {
			return "there is no field " + name
		}
		switch v := value.(type) {
		case string:
			ok = strings.HasPrefix(kind, "string")
		case float64:
			ok = kind == "int" && v == float64(int64(v))
		case []any:
			ok = kind == "list"
		default:
			ok = false
		}
		if !ok {
			return fmt.Sprintf("%s: %v", name, value)
		}
	}
	for name, kind := range want {
		if _, there := body[name]; strings.HasSuffix(kind, "!") && !there {
			return name + " is missing"
		}
	}
	return ""
}

func (s *standIn) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := strings.TrimPrefix(r.URL.Path, "/api/2.0/mlflow/")
	s.calls = append(s.calls, what)
	user, _, _ := r.BasicAuth()
	s.users = append(s.users, user)
	if s.fails > 0 {
		s.fails--
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	if what == "experiments/get-by-name" && r.Method == http.MethodGet {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":"RESOURCE_DOES_NOT_EXIST"}`)
		return
	}
	var body map[string]any
	want, known := documented[what]
	err := json.NewDecoder(r.Body).Decode(&body)
	if !known || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || err != nil {
		s.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	if wrong := check(body, want); wrong != "" {
		s.Errorf("%s: %s", what, wrong)
		http.Error(w, wrong, http.StatusBadRequest)
		return
	}
	if id, ok := body["run_id"]; ok && id != "r1" {
		s.Errorf("%s of run %v", what, id)
	}
	switch what {
	case "experiments/create":
		fmt.Fprint(w, `{"experiment_id":"7"}`)
		return
	case "runs/create":
		if body["experiment_id"] != "7" {
			s.Errorf("experiment %v", body["experiment_id"])
		}
		fmt.Fprint(w, `{"run":{"info":{"run_id":"r1","status":"RUNNING"},"data":{}}}`)
		return
	case "runs/set-tag":
		s.tags[body["key"].(string)] = body["value"].(string)
	case "runs/update":
		s.statuses = append(s.statuses, body["status"].(string))
	case "runs/log-batch":
		s.take(body)
	}
	fmt.Fprint(w, "{}")
}

// take checks and remembers a batch.
func (s *standIn) take(body map[string]any) {
	list, _ := body["metrics"].([]any)
	params, _ := body["params"].([]any)
	if len(list) > 1000 || len(params) > 100 || len(list)+len(params) == 0 {
		s.Errorf("a batch of %d metrics and %d parameters", len(list), len(params))
	}
	for _, one := range list {
		m := one.(map[string]any)
		if len(m) != 4 || m["timestamp"].(float64) < 1e12 || m["value"] == nil {
			s.Errorf("metric %v", m)
		}
		s.metrics[fmt.Sprint(m["key"], "@", m["step"])]++
	}
	for _, one := range params {
		p := one.(map[string]any)
		if len(p) != 2 || len(p["value"].(string)) > 500 {
			s.Errorf("parameter %v", p)
		}
		s.params[p["key"].(string)] = p["value"].(string)
	}
}

// tell lets an MLflow hear of the steps from+1 to to of a run in dir.
func tell(t *testing.T, m *MLflow, dir string, from, to uint64, how Ending) {
	t.Helper()
	e := m.Events(coordinator.Events{})
	e.Started(coordinator.Started{Run: "a", Dir: dir, Step: proto.Step(from), Outlook: "it grows"})
	e.Network(coordinator.Network{Step: proto.Step(from), Model: model(t)})
	for step := from + 1; step <= to; step++ {
		e.Step(trainer.StepRecord{Step: proto.Step(step), Loss: 1}, coordinator.Pace{})
	}
	m.Close(how)
}

func (s *standIn) mlflow(params []Param, environment map[string]string, trouble func(string)) *MLflow {
	server, err := MLflowServer(s.URL + "/")
	if err != nil {
		s.Fatal(err)
	}
	m := NewMLflow(server, params, func(key string) string { return environment[key] }, trouble)
	m.retry = time.Millisecond
	return m
}

func TestMLflowGetsARunOnceAlsoWhenItIsResumed(t *testing.T) {
	s, dir := newStandIn(t), t.TempDir()
	s.fails = 2
	var params []Param
	for i := range 150 {
		params = append(params, Param{fmt.Sprintf("train.p%d", i), strings.Repeat("v", 10*i)})
	}
	trouble := func(text string) { t.Error(text) }
	tell(t, s.mlflow(params, map[string]string{"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "x"}, trouble), dir, 0, 600, Stopped)
	tell(t, s.mlflow(params, nil, trouble), dir, 550, 700, Finished)
	if len(s.params) != 150 || s.params["train.p3"] != strings.Repeat("v", 30) {
		t.Errorf("%d parameters", len(s.params))
	}
	for step := 1; step <= 700; step++ {
		if n := s.metrics[fmt.Sprintf("train/loss@%d", step)]; n != 1 {
			t.Fatalf("step %d came %d times", step, n)
		}
	}
	if s.metrics["widths/conv1@0"] != 1 || s.metrics["network/parameters@550"] != 0 {
		t.Errorf("widths at the start came %d times", s.metrics["widths/conv1@0"])
	}
	if want := []string{"KILLED", "RUNNING", "FINISHED"}; !slices.Equal(s.statuses, want) || s.tags["tinygrow.outlook"] != "it grows" {
		t.Errorf("statuses %v, want %v; tags %v", s.statuses, want, s.tags)
	}
	if s.users[0] != "ann" || s.users[len(s.users)-1] != "" {
		t.Errorf("users %v", s.users)
	}
}

func TestARunDoesNotWaitForMLflow(t *testing.T) {
	block := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(block)
	u, err := MLflowServer(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	m := NewMLflow(u, nil, func(string) string { return "" }, func(text string) { told = append(told, text) })
	tell(t, m, t.TempDir(), 0, 3*mlflowQueue, Failed)
	if len(told) != 1 || !strings.Contains(told[0], "did not take") {
		t.Errorf("told %q", told)
	}
}

func TestAnMLflowThatRefusesIsToldOnce(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	m := NewMLflow(u, nil, func(string) string { return "" }, func(text string) { told = append(told, text) })
	tell(t, m, t.TempDir(), 0, 10, Finished)
	if len(told) != 1 || !strings.Contains(told[0], "404 Not Found") {
		t.Errorf("told %q", told)
	}
	NewMLflow(u, nil, func(string) string { return "" }, func(string) { t.Error("trouble") }).Close(Failed) // before the run started
}

func TestAddressesOfMLflow(t *testing.T) {
	for address, good := range map[string]bool{"http://127.0.0.1:5000": true, "https://mlflow.example.org/base/": true, "": false, "here": false,
		"ftp://a": false, "http://": false, "http://ann:secret@a": false, "http://a?b": false, "http://a:b:c": false} {
		_, err := MLflowServer(address)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
