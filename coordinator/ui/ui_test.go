package ui

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const document = "model:\n  name: cnn\ntrain:\n  epochs: 2\ngrowth:\n  policy: tiny\ndata:\n  name: shapes\n"

func stepLine(step int) string {
	return fmt.Sprintf(`{"kind":"step","step":%d,"epoch":%g,"generation":0,"params":622,"samples":128,"loss":1.5,"accuracy":0.5,"lr":0.1,"wall_s":%d,"samples_per_s":10,"workers":2}`+"\n", step, float64(step)/10, step)
}

// folder makes a folder with a run of some steps.
func folder(t testing.TB, name string, steps int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := range steps {
		lines.WriteString(stepLine(i + 1))
	}
	put(t, dir, checkpoint.ConfigFile, document)
	put(t, dir, checkpoint.MetricsFile, lines.String())
	return filepath.Dir(dir)
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// serve starts a server that ends with the test.
func serve(t testing.TB, runs string, o Options) *Server {
	t.Helper()
	library, err := view.NewLibrary(runs)
	if err != nil {
		t.Fatal(err)
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	return serveLibrary(t, library, o)
}

func serveLibrary(t testing.TB, library *view.Library, o Options) *Server {
	t.Helper()
	s, err := Listen(library, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

func (s *Server) base() string { return "http://" + s.listen.Addr().String() }

// reply is what a server answered.
type reply struct {
	StatusCode int
	Header     http.Header
	cookies    []*http.Cookie
}

func get(t testing.TB, address string, change func(*http.Request)) (reply, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{answer.StatusCode, answer.Header, answer.Cookies()}, string(body)
}

// Every answer has the headers that keep a page to its server, and all files that
// the page names are there.
func TestPagesLoadNothingFromElsewhere(t *testing.T) {
	s := serve(t, folder(t, "a", 3), Options{})
	_, index := get(t, s.base()+"/", nil)
	files := append([]string{"/", "/api/runs", "/api/runs/a", "/api/runs/none", "/page.css", "/icon.svg"}, func() (list []string) {
		for _, m := range scripts.FindAllStringSubmatch(index, -1) {
			list = append(list, "/"+m[1])
		}
		return list
	}()...)
	if len(files) < 12 {
		t.Errorf("the page names only %v", files)
	}
	for _, path := range files {
		answer, body := get(t, s.base()+path, nil)
		if want := 200; path != "/api/runs/none" && answer.StatusCode != want {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		if got := answer.Header.Get("Content-Security-Policy"); got != policy {
			t.Errorf("%s: policy %q", path, got)
		}
		if strings.Contains(body, "http://") && !strings.Contains(body, "http://www.w3.org/2000/svg") || strings.Contains(body, "https://") {
			t.Errorf("%s names another host", path)
		}
		for _, way := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"} {
			if strings.Contains(body, way) {
				t.Errorf("%s makes markup or code of text by %s", path, way)
			}
		}
	}
}

// The server only reads, answers nobody who calls it by another name, and names of
// runs lead nowhere else.
func TestServerRefuses(t *testing.T) {
	s := serve(t, folder(t, "a", 3), Options{})
	for path, code := range map[string]int{
		"/api/runs/%2e%2e%2fa": 404, "/api/runs/b/stream": 404, "/api/runs/a/events/0": 404, "/api/runs/a/events/x": 404,
		"/api/runs/a/events/99999999999999999999": 404, "/api/runs/a/filters": 404, "/nothing": 404, "/%2e%2e/server.go": 404, "/api/runs/a/assessment": 200,
	} {
		answer, body := get(t, s.base()+path, nil)
		if answer.StatusCode != code {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, code)
		}
		if strings.HasPrefix(path, "/api") && !json.Valid([]byte(body)) {
			t.Errorf("%s: %q is no JSON", path, body)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		answer, _ := get(t, s.base()+"/api/runs", func(r *http.Request) { r.Method = method })
		if answer.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, answer.StatusCode)
		}
	}
	for host, code := range map[string]int{"evil.example": 421, "evil.example:80": 421, "127.0.0.1.evil.example": 421, "localhost:1": 200, "[::1]:7": 200, "127.0.0.1": 200} {
		answer, _ := get(t, s.base()+"/api/runs", func(r *http.Request) { r.Host = host })
		if answer.StatusCode != code {
			t.Errorf("host %s: %d, want %d", host, answer.StatusCode, code)
		}
	}
}

// With a token nobody sees anything without it; a browser keeps it in a cookie, and
// the address loses it.
func TestToken(t *testing.T) {
	s := serve(t, folder(t, "a", 3), Options{Token: "secret"})
	if !strings.HasSuffix(s.Address(), "/?token=secret") {
		t.Errorf("address %s", s.Address())
	}
	for _, path := range []string{"/", "/main.js", "/api/runs", "/api/runs/a/stream", "/?token=wrong", "/?token="} {
		if answer, _ := get(t, s.base()+path, nil); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	answer, _ := get(t, s.base()+"//evil.example/?token=secret&x=1", nil)
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/evil.example/?x=1" {
		t.Errorf("%d to %q", answer.StatusCode, to)
	}
	c := answer.cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie is %v", c)
	}
	if answer, _ := get(t, s.base()+"/api/runs", func(r *http.Request) { r.AddCookie(c) }); answer.StatusCode != http.StatusOK {
		t.Errorf("with the cookie: %d", answer.StatusCode)
	}
	if answer, _ := get(t, s.base()+"/api/runs", func(r *http.Request) { r.Header.Set("Authorization", "Bearer secret") }); answer.StatusCode != http.StatusOK {
		t.Errorf("with the header: %d", answer.StatusCode)
	}
}

// Any address but a loopback one has a token; a port in use is an error, or another
// is taken if that may be.
func TestListen(t *testing.T) {
	library, err := view.NewLibrary(folder(t, "a", 1))
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen(library, Options{Address: "0.0.0.0:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.listen.Close()
	if s.token == "" || !strings.HasPrefix(s.Address(), "http://127.0.0.1:") || !strings.Contains(s.Address(), "?token="+s.token) {
		t.Errorf("all addresses, with %q as %s", s.token, s.Address())
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := Listen(library, Options{Address: taken.Addr().String()}); err == nil || !strings.Contains(err.Error(), "name another") {
		t.Errorf("a port in use: %v", err)
	}
	near, err := Listen(library, Options{Address: taken.Addr().String(), Near: true})
	if err != nil {
		t.Fatal(err)
	}
	near.listen.Close()
	for _, bad := range []string{"", "7070", "nowhere", "256.0.0.1:1"} {
		if _, err := Listen(library, Options{Address: bad}); err == nil {
			t.Errorf("%q is listened on", bad)
		}
	}
}

// events reads updates of a stream.
type events struct {
	t    testing.TB
	in   *bufio.Reader
	body io.Closer
}

func watch(t testing.TB, s *Server, run string) *events {
	t.Helper()
	answer, err := http.Get(s.base() + "/api/runs/" + run + "/stream") //nolint:bodyclose // the events close it
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d, %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	return &events{t, bufio.NewReader(answer.Body), answer.Body}
}

// next returns the next update.
func (e *events) next() (u struct {
	view.Update
	Live   *Status                    `json:"live"`
	Fault  string                     `json:"fault"`
	Points map[string]json.RawMessage `json:"series"`
}) {
	e.t.Helper()
	for {
		line, err := e.in.ReadString('\n')
		if err != nil {
			e.t.Fatal(err)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(data), &u); err != nil {
				e.t.Fatal(err)
			}
			return u
		}
	}
}

// steps returns the steps of an update.
func steps(t testing.TB, points map[string]json.RawMessage) (list []int, from int) {
	t.Helper()
	if json.Unmarshal(points["step"], &list) != nil || json.Unmarshal(points["from"], &from) != nil {
		t.Fatalf("points are %s", points)
	}
	return list, from
}

// A viewer gets the whole run, then what is added, and the run anew when it was
// taken up from an earlier step.
func TestStreamFollowsARun(t *testing.T) {
	runs := folder(t, "a", 3)
	s := serve(t, runs, Options{})
	e := watch(t, s, "a")
	defer e.body.Close()
	u := e.next()
	if list, from := steps(t, u.Points); !u.Reset || len(list) != 3 || from != 0 || u.Info.Model != "cnn" {
		t.Errorf("at first %+v", u)
	}
	put(t, filepath.Join(runs, "a"), checkpoint.MetricsFile, stepLine(4))
	for {
		u = e.next()
		if list, from := steps(t, u.Points); from+len(list) == 4 && list[len(list)-1] == 4 {
			break
		}
	}
	if err := os.WriteFile(filepath.Join(runs, "a", checkpoint.MetricsFile), []byte(stepLine(1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for {
		u = e.next()
		if list, _ := steps(t, u.Points); u.Reset && len(list) == 1 {
			break
		}
	}
}

// Who looks before the run is there sees it from its beginning.
func TestStreamWaitsForItsRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	library, err := view.RunLibrary(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := serveLibrary(t, library, Options{Address: "127.0.0.1:0"})
	e := watch(t, s, "later")
	defer e.body.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, dir, checkpoint.ConfigFile, document)
	put(t, dir, checkpoint.MetricsFile, stepLine(1))
	if u := e.next(); !u.Reset || u.Info.Name != "later" {
		t.Errorf("at first %+v", u)
	}
	if answer, _ := get(t, s.base()+"/api/runs/other/stream", nil); answer.StatusCode != http.StatusNotFound {
		t.Errorf("another run: %d", answer.StatusCode)
	}
}

// Many viewers of a run that goes on take a bounded memory, also those that read
// nothing; others do not wait for these.
func TestManyViewersAreBounded(t *testing.T) {
	runs := folder(t, "a", 5000)
	s := serve(t, runs, Options{})
	var idle []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", s.listen.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "GET /api/runs/a/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
		idle = append(idle, c)
	}
	e := watch(t, s, "a")
	defer e.body.Close()
	e.next()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for step := 5001; step <= 5200; step += 50 {
		var lines strings.Builder
		for i := range 50 {
			lines.WriteString(stepLine(step + i))
		}
		put(t, filepath.Join(runs, "a"), checkpoint.MetricsFile, lines.String())
		for {
			u := e.next()
			list, _ := steps(t, u.Points)
			if len(list) > 0 && list[len(list)-1] == step+49 {
				break
			}
		}
	}
	if after := heap(); after > before+64<<20 {
		t.Errorf("%d viewers that read nothing take %d MiB", len(idle), (after-before)>>20)
	}
}

// What viewers cost a second is bounded: a crowd is told of news less often.
func TestCrowdsAreToldLessOften(t *testing.T) {
	for viewers, want := range map[int]time.Duration{0: interval, 1: interval, crowd/2 + 1: (interval + longInterval) / 2, crowd + 1: longInterval, 256: longInterval} {
		if got := pause(viewers); got != want {
			t.Errorf("%d viewers: every %v, want %v", viewers, got, want)
		}
	}
}

// No more viewers than a server may have.
func TestViewersAreCounted(t *testing.T) {
	s := serve(t, folder(t, "a", 1), Options{})
	s.feeds.mu.Lock()
	s.feeds.viewers = maxViewers
	s.feeds.mu.Unlock()
	answer, body := get(t, s.base()+"/api/runs/a/stream", nil)
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "close some") {
		t.Errorf("%d, %s", answer.StatusCode, body)
	}
	s.feeds.mu.Lock()
	s.feeds.viewers = 0
	s.feeds.mu.Unlock()
}

// Only so many runs are kept in memory.
func TestOpenRunsAreBounded(t *testing.T) {
	runs := t.TempDir()
	for i := range maxOpen + 9 {
		dir := filepath.Join(runs, fmt.Sprint("r", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, dir, checkpoint.ConfigFile, document)
	}
	s := serve(t, runs, Options{})
	for i := range maxOpen + 9 {
		if answer, _ := get(t, fmt.Sprintf("%s/api/runs/r%d", s.base(), i), nil); answer.StatusCode != http.StatusOK {
			t.Errorf("run %d: %d", i, answer.StatusCode)
		}
	}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if len(s.feeds.byName) != maxOpen || len(s.feeds.used) != maxOpen {
		t.Errorf("%d runs are open, %d are listed", len(s.feeds.byName), len(s.feeds.used))
	}
}

// The coordinator's own knowledge: who works at what pace, what waits, and who went.
func TestLive(t *testing.T) {
	l := NewLive()
	now := time.Unix(1000, 0)
	l.now = func() time.Time { return now }
	heard := 0
	e := l.Events(coordinator.Events{Step: func(trainer.StepRecord, coordinator.Pace) { heard++ }})
	e.Started(coordinator.Started{Dir: "d", Steps: 9})
	for _, w := range []proto.WorkerID{"a", "b"} {
		e.Joined(coordinator.Member{Worker: w, Host: "h", Threads: 2})
	}
	b0, b1, b2 := proto.Block{Lo: 0, Hi: 1}, proto.Block{Lo: 1, Hi: 2}, proto.Block{Lo: 2, Hi: 4}
	total := coordinator.Timing{}
	for range 10 {
		e.Decided(plan.Assign{Worker: "a", Block: b0})
		e.Decided(plan.Assign{Worker: "a", Block: b1})
		e.Decided(plan.Assign{Worker: "b", Block: b2})
		now = now.Add(time.Second)
		if s, _ := l.Status(); s.Workers[0].State != "computing" || s.Workers[0].Lag != 1 {
			t.Fatalf("worker is %+v", s.Workers[0])
		}
		for _, f := range []plan.Fold{{Worker: "a", Block: b0}, {Worker: "a", Block: b1}, {Worker: "b", Block: b2}} {
			e.Decided(f)
		}
		e.Decided(plan.Complete{})
		total.Partials += 3
		total.PartialBytes += 300
		e.Step(trainer.StepRecord{Samples: 128}, coordinator.Pace{Steps: 9, Timing: total})
	}
	s, version := l.Status()
	a, b := s.Workers[0], s.Workers[1]
	if a.Blocks != 20 || b.Blocks != 10 || a.Bytes != 2000 || b.Bytes != 1000 || a.BlocksPerS != 2 || b.SamplesPerS != 64 || a.State != "idle" || a.Lag != 0 || heard != 10 {
		t.Errorf("workers are %+v", s.Workers)
	}
	e.Waiting("0 of at least 1 workers are here")
	e.Decided(plan.Quarantine{Worker: "a", Why: "it computes wrongly"})
	e.Decided(plan.Drop{Worker: "b", Why: "silent"})
	for i := range 2 * maxNews {
		e.Trouble(fmt.Sprint(i))
	}
	now = now.Add(time.Hour)
	s, later := l.Status()
	if later == version || s.Waiting == "" || len(s.News) != maxNews || s.News[maxNews-1].Text != fmt.Sprint("trouble: ", 2*maxNews-1) {
		t.Errorf("status is %+v", s)
	}
	if len(s.Workers) != 2 || s.Workers[0].State != "quarantine" || s.Workers[1].State != "left" || s.Workers[1].Why != "silent" {
		t.Errorf("workers are %+v", s.Workers)
	}
}

// A report is one file: its policy names what stands in it, and nothing of a run ends
// the element that its data stand in.
func TestReportIsWhole(t *testing.T) {
	runs := folder(t, "a", 3)
	evil := `</script><script>alert(1)</script>`
	put(t, filepath.Join(runs, "a"), checkpoint.ConfigFile, "# "+evil+"\ncluster:\n  x: \""+evil+"\"\n")
	run, err := view.Open(filepath.Join(runs, "a"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := (Report{Title: evil, Made: evil, Runs: []Included{{Run: run}}}).Write(&text); err != nil {
		t.Fatal(err)
	}
	page := text.String()
	style, script, err := inline()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"sha256-" + strings.ReplaceAll(digest(script), "+", "&#43;"), "sha256-" + strings.ReplaceAll(digest(style), "+", "&#43;"), "<script>" + script + "</script>"} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %.60s", part)
		}
	}
	if n := strings.Count(page, "<script"); n != 2 {
		t.Errorf("%d scripts", n)
	}
	if strings.Contains(page, "alert(1)</script>") || strings.Contains(page, "src=") || strings.Contains(page, "https://") {
		t.Error("the page has markup of a run, or loads something")
	}
}

// What a viewer costs: encoding an update once, for all of them.
func BenchmarkTick(b *testing.B) {
	runs := folder(b, "a", 100000)
	s := &Server{}
	library, err := view.NewLibrary(runs)
	if err != nil {
		b.Fatal(err)
	}
	s.library = library
	s.feeds.server = s
	f, err := s.feeds.open("a")
	if err != nil {
		b.Fatal(err)
	}
	step := 100000
	for b.Loop() {
		b.StopTimer()
		var lines strings.Builder
		for range 100 {
			step++
			lines.WriteString(stepLine(step))
		}
		put(b, filepath.Join(runs, "a"), checkpoint.MetricsFile, lines.String())
		b.StartTimer()
		f.tick()
	}
}
