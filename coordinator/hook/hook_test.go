package hook

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("HOOK_EVENT") != "" && os.Getenv("AS_HOOK") != "" {
		asHook(os.Getenv("AS_HOOK"))
	}
	goleak.VerifyTestMain(m)
}

// asHook is what this program does as the command of a hook.
func asHook(what string) {
	in, _ := io.ReadAll(os.Stdin)
	switch what {
	case "write":
		_ = os.WriteFile(os.Args[1], append(in, os.Getenv("HOOK_EVENT")+os.Getenv("HOOK_RUN")+os.Getenv("HOOK_STEP")+os.Args[2]...), 0o600)
	case "fail":
		_, _ = os.Stderr.WriteString("no room " + strings.Repeat("x", 1<<20))
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	}
	os.Exit(0)
}

// told collects what a Runner tells.
type told struct {
	mu   sync.Mutex
	text []string
}

func (l *told) tell(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, text)
}

func (l *told) all() string { return strings.Join(l.text, "\n") }

// A command gets the event on its standard input and in its environment, and its
// arguments as they are, of the events that it asked for alone.
func TestCommand(t *testing.T) {
	t.Setenv("AS_HOOK", "write")
	file := filepath.Join(t.TempDir(), "out")
	var l told
	r := New([]Hook{{Events: []Event{Evaluation}, Command: []string{os.Args[0], file, "$(echo no)"}}}, l.tell)
	r.Send(Growth, About{"r", "runs/r", 1}, nil)
	r.Send(Evaluation, About{"r", "runs/r", 7}, map[string]int{"x": 3})
	r.Close()
	got, err := os.ReadFile(file)
	want := `{"event":"evaluation","run":"r","run_dir":"runs/r","step":7,"details":{"x":3}}
evaluationr7$(echo no)`
	if err != nil || string(got) != want || l.all() != "" {
		t.Errorf("%s, %v; told: %s", got, err, l.all())
	}
}

// An address gets the event as JSON; what it answers is no matter unless it refuses.
func TestURL(t *testing.T) {
	var got map[string]any
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&got)
		if r.URL.Path == "/elsewhere" {
			t.Error("a redirect was followed")
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer server.Close()
	defer client.CloseIdleConnections()
	for _, status = range []int{http.StatusOK, http.StatusFound, http.StatusForbidden} {
		var l told
		r := New([]Hook{{URL: server.URL + "/x?token=secret"}}, l.tell)
		r.Send(End, About{"r", "d", 9}, nil)
		r.Close()
		if got["event"] != "end" || got["step"] != 9.0 {
			t.Errorf("got %v", got)
		}
		if refused := status != http.StatusOK; strings.Contains(l.all(), "it answered") != refused || strings.Contains(l.all(), "secret") {
			t.Errorf("%d: told %q", status, l.all())
		}
	}
}

// What fails is told with the beginning of what it said; what takes too long is ended.
func TestFailuresAreTold(t *testing.T) {
	t.Setenv("AS_HOOK", "fail")
	var l told
	r := New([]Hook{{Command: []string{os.Args[0]}}, {Command: []string{"/nowhere"}}, {URL: "http://127.0.0.1:1/secret"}}, l.tell)
	r.Send(Start, About{}, nil)
	r.Close()
	all := l.all()
	if len(l.text) != 3 || !strings.Contains(all, "exit status 3: no room") || !strings.Contains(all, "nowhere") ||
		strings.Contains(all, "secret") || len(all) > 2*maxOutput {
		t.Errorf("told %d texts of %d bytes: %.400s", len(l.text), len(all), all)
	}
	t.Setenv("AS_HOOK", "sleep")
	l = told{}
	r = New([]Hook{{Command: []string{os.Args[0]}, Timeout: 50 * time.Millisecond}}, l.tell)
	r.Send(Start, About{}, nil)
	r.Close()
	if !strings.Contains(l.all(), "not done within 50ms") {
		t.Errorf("told %q", l.all())
	}
}

// Events beyond those that may wait are left out, and their number is told; the run
// waits for none.
func TestTooManyEvents(t *testing.T) {
	gate := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-gate }))
	defer server.Close()
	defer client.CloseIdleConnections()
	var l told
	r := New([]Hook{{URL: server.URL}}, l.tell)
	for range 2*maxWaiting + 1 {
		r.Send(Growth, About{}, nil)
	}
	close(gate)
	r.Close()
	if !strings.Contains(l.all(), "calls were left out") {
		t.Errorf("told %q", l.all())
	}
}

// No hooks are no Runner, and it does nothing.
func TestNone(t *testing.T) {
	r := New(nil, nil)
	r.Send(Start, About{}, nil)
	r.Close()
}

func TestValidate(t *testing.T) {
	for want, h := range map[string]Hook{
		"must be start, growth":  {Events: []Event{"begin"}, Command: []string{"x"}},
		"must have a command":    {},
		"or a url":               {Command: []string{"x"}, URL: "http://h"},
		"has no name":            {Command: []string{""}},
		"as https://host/path":   {URL: "ftp://h/secret"},
		"timeout -1s: must be 0": {Command: []string{"x"}, Timeout: -time.Second},
	} {
		if err := Validate([]Hook{h}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	if err := Validate(make([]Hook, 33)); err == nil || !strings.Contains(err.Error(), "33 hooks") {
		t.Errorf("%v", err)
	}
	if err := Validate([]Hook{{Command: []string{"x"}, Events: Events}, {URL: "https://h/p"}}); err != nil {
		t.Error(err)
	}
}
