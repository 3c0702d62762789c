//go:build browser

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a headless Chromium that is told what to do over two pipes, by the
// DevTools protocol: objects of JSON, each ended by a zero byte. Whatever is not on
// this machine goes to a proxy that is not there.
type browser struct {
	t       *testing.T
	in      *os.File
	mu      sync.Mutex
	next    int
	waiting map[int]chan json.RawMessage
	page    string   // session
	asked   []string // addresses that the page asked for
	faults  []string // exceptions, and errors in its console
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v: install chromium (.ci/run does)", err)
	}
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--proxy-server=127.0.0.1:1", "--proxy-bypass-list=127.0.0.1", "--remote-debugging-pipe",
		"--user-data-dir="+t.TempDir(), "about:blank")
	c.ExtraFiles = []*os.File{fromUs, toUs}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	b := &browser{t: t, in: in, waiting: map[int]chan json.RawMessage{}}
	read := make(chan struct{})
	go func() { defer close(read); b.read(out) }()
	t.Cleanup(func() {
		in.Close()
		_ = c.Process.Kill()
		_ = c.Wait()
		out.Close()
		<-read
	})
	var target struct{ TargetID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.page = session.SessionID
	for _, domain := range []string{"Runtime", "Log", "Page", "Network"} {
		b.call(b.page, domain+".enable", nil, nil)
	}
	return b
}

// read takes what the browser says until it ends.
func (b *browser) read(out *os.File) {
	in := bufio.NewReaderSize(out, 1<<20)
	for {
		text, err := in.ReadBytes(0)
		if err != nil {
			return
		}
		var m struct {
			ID     int
			Method string
			Result json.RawMessage
			Error  json.RawMessage
			Params struct {
				Request struct{ URL string }
				Entry   struct{ Level, Text, URL string }
				Details struct{ Exception struct{ Description string } } `json:"exceptionDetails"`
			}
		}
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m) != nil {
			continue
		}
		b.mu.Lock()
		switch {
		case m.ID > 0:
			b.waiting[m.ID] <- append(m.Result, m.Error...)
			delete(b.waiting, m.ID)
		case m.Method == "Network.requestWillBeSent":
			b.asked = append(b.asked, m.Params.Request.URL)
		case m.Method == "Runtime.exceptionThrown":
			b.faults = append(b.faults, m.Params.Details.Exception.Description)
		case m.Method == "Log.entryAdded" && m.Params.Entry.Level == "error":
			b.faults = append(b.faults, m.Params.Entry.Text+" "+m.Params.Entry.URL)
		}
		b.mu.Unlock()
	}
}

// call asks the browser and reads its answer into out, if that is not nil.
func (b *browser) call(session, method string, params, out any) {
	b.t.Helper()
	b.mu.Lock()
	b.next++
	id, answer := b.next, make(chan json.RawMessage, 1)
	b.waiting[id] = answer
	b.mu.Unlock()
	text, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params, "sessionId": session})
	if session == "" {
		text, err = json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	select {
	case result := <-answer:
		if out == nil {
			return
		}
		if err := json.Unmarshal(result, out); err != nil {
			b.t.Fatalf("%s: %s: %v", method, result, err)
		}
	case <-time.After(patience):
		b.t.Fatalf("%s: no answer", method)
	}
}

// open goes to an address.
func (b *browser) open(address string) {
	b.t.Helper()
	b.call(b.page, "Page.navigate", map[string]any{"url": "about:blank"}, nil)
	b.call(b.page, "Page.navigate", map[string]any{"url": address}, nil)
}

// value is what an expression is on the page, as text.
func (b *browser) value(expression string) string {
	b.t.Helper()
	var r struct {
		Result  struct{ Value any }
		Details *struct{ Text string } `json:"exceptionDetails"`
	}
	b.call(b.page, "Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.Details != nil {
		return "exception: " + r.Details.Text
	}
	return fmt.Sprint(r.Result.Value)
}

// await waits until an expression is true on the page.
func (b *browser) await(expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); b.value(expression) != "true"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s; the page says %.600s", expression, b.value("document.body.innerText"))
		}
	}
}

// calm fails the test if the page asked for anything that is not at hosts, or
// anything failed but what allowed names.
func (b *browser) calm(hosts string, allowed ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, address := range b.asked {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "data" && u.Scheme != "about" && u.Scheme != "file" && !strings.Contains(hosts, u.Host) {
			b.t.Errorf("the page asked for %s", address)
		}
	}
	for _, fault := range b.faults {
		ok := false
		for _, part := range allowed {
			ok = ok || strings.Contains(fault, part)
		}
		if !ok {
			b.t.Errorf("on the page: %s", fault)
		}
	}
	b.asked, b.faults = nil, nil
}

// buildProgram returns a tinygrow that was built for the test.
func buildProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tinygrow")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// start runs a command until the test ends or stop is called with a signal.
func start(t *testing.T, program string, args ...string) (stop func(os.Signal)) {
	t.Helper()
	c := exec.Command(program, args...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func(s os.Signal) {
		once.Do(func() {
			_ = c.Process.Signal(s)
			_ = c.Wait()
			if t.Failed() {
				t.Logf("%v said %s", args, said.String())
			}
		})
	}
	t.Cleanup(func() { stop(os.Kill) })
	return stop
}

// address returns a loopback address that nobody listened on a moment ago.
func address(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answers waits until somebody listens on an address.
func answers(t *testing.T, at string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", at)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// A person watches a network grow, is still there when the coordinator was killed and
// goes on, opens the finished run and its report, on a phone too; and nothing is asked of another host.
func TestBrowserWatchesARun(t *testing.T) {
	program, b, runs := buildProgram(t), startBrowser(t), t.TempDir()
	dir, at := filepath.Join(runs, "watched"), address(t)
	train := []string{"--ui", at, "--threads", "1"}
	stop := start(t, program, append([]string{"train", "--run-dir", dir, "--model", "mlp", "--set", "model.widths=[4,4]", "--limit", "512",
		"--batch", "32", "--steps", "1000000", "--policy", "random", "--set", "growth.every_steps=400", "--set", "growth.max_neurons=4",
		"--set", "growth.gate=false", "--set", "checkpoint.every=1s", "--set", "train.eval_epochs=50"}, train...)...)
	answers(t, at)
	b.open("http://" + at + "/")
	b.await(`location.hash === "#/run/watched" && !!TG.page && TG.page.model.steps.length > 5`)
	b.await(`TG.page.badge.textContent === "running"`)
	b.await(`TG.page.model.events.some(e => e.grown.length > 0)`)
	b.await(`document.querySelectorAll(".event.grow").length > 0 && document.querySelector(".event.grow").innerText.includes("Why:")`)
	b.await(`!!TG.page.drawing.drawn && Object.values(TG.page.drawing.drawn).some(d => d.count && +d.count.textContent > 4 && +d.fresh.getAttribute("height") > 0)`)
	b.await(`document.body.innerText.includes("Where a step's time goes")`)
	grown := b.value(`TG.page.model.events.filter(e => e.grown.length).length`)
	b.await(`TG.page.model.events.filter(e => e.grown.length).length > ` + grown)
	b.calm(at)

	// the coordinator is killed and goes on from its checkpoint; the page is not loaded again
	b.value(`window.stays = true`)
	stop(os.Kill)
	b.await(`TG.page.badge.textContent === "lost"`)
	before := b.value(`TG.page.model.last`)
	stop = start(t, program, append([]string{"resume", dir}, train...)...)
	b.await(`TG.page.badge.textContent === "running" && window.stays && TG.page.model.steps.length > 5`)
	b.await(`TG.page.model.steps[TG.page.model.last] > 0 && TG.page.model.live !== null && TG.page.model.live.workers.length > 0`)
	t.Logf("before the kill %s points, after it %s", before, b.value(`TG.page.model.last`))
	b.calm(at, "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
	b.open("about:blank")
	stop(syscall.SIGTERM)

	// a run of another name, finished, with a name that would be markup, beside it
	evil := filepath.Join(runs, `<img src=x onerror=window.evil=1>`)
	finish := exec.Command(program, "train", "--run-dir", evil, "--run", "evil", "--policy", "tiny", "--limit", "256", "--epochs", "4", "--batch", "32", "--set", "growth.every_steps=10", "--set", "growth.until=1",
		"--set", "growth.gate=false")
	if out, err := finish.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	at = address(t)
	start(t, program, "ui", runs, "--listen", at)
	answers(t, at)
	b.open("http://" + at + "/")
	b.await(`document.querySelectorAll("tbody tr").length === 2 && document.body.innerText.includes("<img src=x")`)
	b.await(`document.body.innerText.includes("stopped") && document.body.innerText.includes("finished")`)
	b.value(`[...document.querySelectorAll("a")].find(a => a.innerText.startsWith("<img")).click()`)
	b.await(`!!TG.page && TG.page.badge.textContent === "finished" && document.querySelectorAll(".chart path").length > 5`)
	b.await(`document.body.innerText.includes("Confusion matrix") && document.querySelectorAll(".mistakes canvas").length > 0`)
	b.await(`document.querySelectorAll(".filters canvas").length > 3`)
	b.value(`document.querySelector(".event details").open = true`)
	b.await(`document.body.innerText.includes("Spectra of the bottleneck") || document.body.innerText.includes("verdict")`)
	b.await(`document.images.length === 0 && window.evil === undefined`)

	// playback, by keyboard too, with an address that leads back to the step
	b.value(`TG.page.hop(-1)`)
	b.await(`/step=\d+/.test(location.hash) && TG.page.caption.textContent.includes("Last growth")`)
	step := b.value(`String(TG.page.step)`)
	b.value(`window.old = true; location.reload()`)
	b.await(`!window.old && !!TG.page && String(TG.page.step) === "` + step + `" && TG.page.model.last > 0 && TG.page.loss.lines.length > 0`)
	b.value(`TG.page.loss.box.focus(); TG.page.loss.box.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}))`)
	b.await(`TG.page.loss.tip.hidden === false && TG.page.loss.tip.innerText.includes("training")`)

	// other axes, several runs, a phone, the dark
	b.open("http://" + at + "/#/compare?run=watched&run=" + url.QueryEscape(filepath.Base(evil)))
	b.await(`document.querySelectorAll(".chart path").length > 3 && document.body.innerText.includes("Settings that differ")`)
	b.call(b.page, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true}, nil)
	b.call(b.page, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]any{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	for _, page := range []string{"#/", "#/run/watched?x=flops", "#/compare?run=watched&run=" + url.QueryEscape(filepath.Base(evil))} {
		b.open("http://" + at + "/" + page)
		b.await(`document.querySelectorAll("h1").length === 1 && document.documentElement.scrollWidth <= 390`)
		if c := b.value(`getComputedStyle(document.documentElement).backgroundColor`); c != "rgb(15, 19, 23)" {
			t.Errorf("%s: in the dark the page is %s", page, c)
		}
	}
	b.calm(at)

	// the policy of the pages forbids other hosts, whatever the page would do
	for _, way := range []string{`fetch("http://203.0.113.1/").then(() => "sent", e => "refused")`,
		`new Promise(r => { const i = new Image(); i.onerror = () => r("refused"); i.onload = () => r("sent"); i.src = "http://203.0.113.1/x.png" })`,
		`new Promise(r => { const s = document.createElement("script"); s.textContent = "window.inline = 1"; document.body.append(s); r(window.inline ? "ran" : "refused") })`} {
		if got := b.value(way); got != "refused" {
			t.Errorf("%s: %s", way, got)
		}
	}
	b.calm(at+" 203.0.113.1", "Content Security Policy", "ERR_BLOCKED_BY_CSP")

	// the report is whole by itself
	b.open("file://" + (&url.URL{Path: filepath.Join(evil, "report.html")}).EscapedPath())
	b.await(`!!TG.page && document.querySelectorAll(".chart path").length > 5 && document.querySelectorAll(".mistakes canvas").length > 0 && document.querySelectorAll(".filters canvas").length > 3`)
	b.value(`document.querySelector(".event details").open = true`)
	b.await(`document.body.innerText.includes("verdict")`)
	b.calm("")
}
