package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
)

// gotSpan is a span as it was read by the numbers of the fields of trace.proto.
type gotSpan struct {
	trace, id, parent, name string
	from, to                uint64
	attributes              map[string]bool
}

// spansOf reads an ExportTraceServiceRequest.
func spansOf(request []byte) (list []gotSpan) {
	for _, resource := range fields(request) { // resource_spans
		for _, scope := range fields(resource.bytes) {
			if scope.field != 2 { // scope_spans
				continue
			}
			for _, f := range fields(scope.bytes) {
				if f.field != 2 { // spans
					continue
				}
				s := gotSpan{attributes: map[string]bool{}}
				for _, f := range fields(f.bytes) {
					switch f.field {
					case 1:
						s.trace = string(f.bytes)
					case 2:
						s.id = string(f.bytes)
					case 4:
						s.parent = string(f.bytes)
					case 5:
						s.name = string(f.bytes)
					case 7:
						s.from = f.number
					case 8:
						s.to = f.number
					case 9:
						s.attributes[string(fields(f.bytes)[0].bytes)] = true
					}
				}
				list = append(list, s)
			}
		}
	}
	return list
}

// otlp is a collector that fails at first.
func otlp(t *testing.T, fails int) (address *url.URL, got func() []gotSpan) {
	var mu sync.Mutex
	var list []gotSpan
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/base/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" ||
			r.Header.Get("Api-Key") != "a b" {
			t.Errorf("%s %s, %v, %v", r.Method, r.URL, r.Header, err)
		}
		if fails--; fails >= 0 {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		list = append(list, spansOf(body)...)
	}))
	t.Cleanup(server.Close)
	address, err := TracesCollector(server.URL + "/base/")
	if err != nil {
		t.Fatal(err)
	}
	return address, func() []gotSpan { mu.Lock(); defer mu.Unlock(); return list }
}

func environment(key string) string {
	return map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, junk"}[key]
}

func TestACollectorGetsStepsWithTheirPhases(t *testing.T) {
	address, got := otlp(t, 1)
	traces := NewTraces(address, environment, func(text string) { t.Error(text) })
	traces.out.retry = time.Millisecond
	now := time.Unix(1_000_000, 0)
	traces.clock = func() time.Time { return now }
	e := traces.Events(coordinator.Events{})
	e.Started(coordinator.Started{Run: "a"})
	var timing coordinator.Timing
	for n := range 4 {
		now = now.Add(time.Second)
		timing.Steps = n
		timing.Wait += 0.5
		timing.Reduce += 0.25
		timing.Send += 0.125
		e.Step(trainer.StepRecord{Loss: 1}, coordinator.Pace{Timing: timing})
		now = now.Add(traceEvery / 2)
		e.Step(trainer.StepRecord{}, coordinator.Pace{Timing: timing}) // so soon after the other it is none
	}
	now = now.Add(time.Second)
	e.Evaluated(trainer.EvalRecord{Split: "test"})
	now = now.Add(time.Second)
	e.Grew(growth.Record{Decision: "grow", Why: "because \xff"}, trainer.GrownRecord{})
	traces.Close()
	count, steps := map[string]int{}, map[string]gotSpan{}
	for _, s := range got() {
		count[s.name]++
		if s.name == "step" {
			steps[s.id] = s
		}
		if len(s.trace) != 16 || len(s.id) != 8 || s.to < s.from {
			t.Errorf("span %+v", s)
		}
	}
	if count["step"] != 4 || count["wait"] != 3 || count["send"] != 3 || count["evaluation"] != 1 || count["growth event"] != 1 {
		t.Errorf("spans %v", count)
	}
	for _, s := range got() {
		parent, child := steps[s.parent]
		switch long := s.to - s.from; {
		case s.name == "step" && (!s.attributes["loss"] || !s.attributes["run"] || s.parent != ""):
			t.Errorf("step %+v", s)
		case s.name == "wait" && (!child || s.trace != parent.trace || long != 5e8 || s.from != parent.from),
			s.name == "reduce" && (!child || long != 25e7 || s.from != parent.from+5e8),
			s.name == "send" && (!child || long != 125e6 || s.from != parent.from),
			s.name == "evaluation" && (child || long != 1e9), s.name == "growth event" && (long != 1e9 || !s.attributes["decision"]):
			t.Errorf("%+v of %+v", s, parent)
		}
	}
}

func TestSpansThatNobodyTakesAreCounted(t *testing.T) {
	address, _ := otlp(t, 1000)
	var told []string
	traces := NewTraces(address, environment, func(text string) { told = append(told, text) })
	traces.out.retry = time.Millisecond
	e := traces.Events(coordinator.Events{})
	e.Started(coordinator.Started{})
	for range 5 {
		e.Evaluated(trainer.EvalRecord{})
	}
	traces.Close()
	if len(told) != 1 || !strings.Contains(told[0], "did not take 5 spans") {
		t.Errorf("told %q", told)
	}
}

func TestAddressesOfCollectors(t *testing.T) {
	for address, good := range map[string]bool{"http://127.0.0.1:4318": true, "https://a/base": true, "": false, "127.0.0.1:4318": false,
		"grpc://a": false, "http://ann:secret@a": false, "http://a#b": false} {
		_, err := TracesCollector(address)
		if (err == nil) != good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
