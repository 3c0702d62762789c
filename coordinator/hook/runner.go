package hook

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
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Bounds of what hooks may take.
const (
	defaultTimeout = 10 * time.Second
	maxWaiting     = 64               // calls that wait
	maxOutput      = 4 << 10          // bytes of a command's output that are looked at
	lastCalls      = 30 * time.Second // the end of a run waits so long for calls
	afterKill      = time.Second      // the output of a command is waited for so long once it was ended
)

// About says what an event is about.
type About struct {
	Run  string
	Dir  string
	Step uint64
}

// Runner calls hooks, one after the other, on a goroutine of its own.
type Runner struct {
	hooks []Hook
	tell  func(string)
	calls chan call
	done  chan struct{}
	stop  context.CancelFunc

	mu      sync.Mutex
	dropped int
}

// call is one hook that is to be told of one event.
type call struct {
	hook  Hook
	event Event
	about About
	text  []byte
}

// New returns a Runner that waits for events, or nil, which hears them and does
// nothing, where there are no hooks. tell is told what fails; it is called by the
// Runner's goroutine and in Close.
func New(hooks []Hook, tell func(string)) *Runner {
	if len(hooks) == 0 {
		return nil
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Runner{hooks: hooks, tell: tell, calls: make(chan call, maxWaiting), done: make(chan struct{}), stop: stop}
	go func() {
		defer close(r.done)
		for c := range r.calls {
			if err := c.make(ctx); err != nil {
				r.tell(fmt.Sprintf("hook %s, told of %s at step %d: %v; the run goes on", &c.hook, c.event, c.about.Step, err))
			}
		}
	}()
	return r
}

// Send tells the hooks that want it of an event, with its details, and waits for none.
// Where too many calls wait, it is left out, which Close tells.
func (r *Runner) Send(e Event, about About, details any) {
	if r == nil {
		return
	}
	text, err := json.Marshal(struct {
		Event   Event  `json:"event"`
		Run     string `json:"run"`
		Dir     string `json:"run_dir"`
		Step    uint64 `json:"step"`
		Details any    `json:"details"`
	}{e, about.Run, about.Dir, about.Step, details})
	if err != nil {
		return // all details can be encoded
	}
	text = append(text, '\n')
	for _, h := range r.hooks {
		if !h.wants(e) {
			continue
		}
		select {
		case r.calls <- call{h, e, about, text}:
		default:
			r.mu.Lock()
			r.dropped++
			r.mu.Unlock()
		}
	}
}

// Close waits for the calls that were asked for, but not for ever, and ends the Runner.
func (r *Runner) Close() {
	if r == nil {
		return
	}
	close(r.calls)
	timer := time.AfterFunc(lastCalls, r.stop)
	<-r.done
	timer.Stop()
	r.stop()
	if r.dropped > 0 {
		r.tell(fmt.Sprintf("hooks are slower than the events of the run: %d calls were left out", r.dropped))
	}
}

// make calls the hook.
func (c *call) make(ctx context.Context) error {
	timeout := c.hook.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := c.post(ctx)
	if len(c.hook.Command) > 0 {
		err = c.execute(ctx)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("it was not done within %s", timeout)
	}
	return err
}

// execute runs the command with the event on its standard input.
func (c *call) execute(ctx context.Context) error {
	p := exec.CommandContext(ctx, c.hook.Command[0], c.hook.Command[1:]...)
	p.Stdin, p.WaitDelay = bytes.NewReader(c.text), afterKill
	out := &head{}
	p.Stdout, p.Stderr = out, out
	p.Env = append(os.Environ(), "HOOK_EVENT="+string(c.event), "HOOK_RUN="+c.about.Run, "HOOK_RUN_DIR="+c.about.Dir,
		fmt.Sprintf("HOOK_STEP=%d", c.about.Step))
	err := p.Run()
	if said := strings.TrimSpace(string(out.kept)); err != nil && said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

// client posts events. It follows no redirect: the event is for the address that was named.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// post sends the event to the address, if the hook has one.
func (c *call) post(ctx context.Context) error {
	if c.hook.URL == "" {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.hook.URL, bytes.NewReader(c.text))
	if err != nil {
		return errors.New("its address is none")
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		var without *url.Error
		if errors.As(err, &without) {
			err = without.Err // the address may hold secrets
		}
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxOutput))
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("it answered %s", answer.Status)
	}
	return nil
}

// head keeps the first bytes of what is written to it.
type head struct{ kept []byte }

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), maxOutput-len(h.kept))]...)
	return len(p), nil
}
