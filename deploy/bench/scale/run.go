package scale

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/worker"
)

// Run measures every number of workers, Repeat times by turns, tells each
// measurement as it comes, and returns the medians.
func Run(ctx context.Context, c Config, tell func(Row)) (Report, error) {
	if err := c.Validate(); err != nil {
		return Report{}, err
	}
	all, params := map[int][]Row{}, 0
	for range c.Repeat {
		for _, n := range c.Workers {
			m, err := measure(ctx, c, n)
			if err != nil {
				return Report{}, fmt.Errorf("%d workers: %w", n, err)
			}
			r, err := m.row()
			if err != nil {
				return Report{}, fmt.Errorf("%d workers: %w", n, err)
			}
			tell(r)
			params = m.result.ParamsEnd
			all[n] = append(all[n], r)
		}
	}
	var rows []Row
	for _, n := range c.Workers {
		rows = append(rows, medians(all[n]))
	}
	compare(rows)
	return Report{Params: params, Rows: rows, Repeat: c.Repeat, Target: c.Target}, nil
}

// measured is what the processes of one measurement said.
type measured struct {
	workers   int
	result    coordinator.Result
	stats     []worker.Stats
	serverCPU float64 // 0 for a server of others
	target    float64
	metrics   []byte // contents of metrics.jsonl
}

// measure trains once with n workers.
func measure(ctx context.Context, c Config, n int) (*measured, error) {
	dir, err := os.MkdirTemp("", "tinygrow-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file, run := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "run")
	if err := os.WriteFile(file, c.Document, 0o600); err != nil {
		return nil, err
	}
	m := &measured{workers: n, stats: make([]worker.Stats, n), target: c.Target}
	url, stop := c.NATS, func() error { return nil }
	if url == "" {
		if url, stop, err = m.serve(ctx, c.Binary); err != nil {
			return nil, err
		}
	}
	tinygrow := command{c.Binary, url}
	group, ctx := errgroup.WithContext(ctx) // ends with Wait, before the server
	// A run of another name for each measurement: workers of the last one may still say goodbye.
	id := "scale-" + strconv.Itoa(n) + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	group.Go(func() error {
		return tinygrow.ask(ctx, &m.result, "coordinator", "--config", file, "--run", id, "--run-dir", run,
			"--set", "cluster.min_workers="+strconv.Itoa(n), "--json")
	})
	for i := range n {
		group.Go(func() error {
			return tinygrow.ask(ctx, &m.stats[i], "worker", "--config", file, "--run", id,
				"--threads", strconv.Itoa(c.Threads), "--json")
		})
	}
	err = group.Wait()
	if e := stop(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	m.metrics, err = os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	return m, err
}

// ProcessError is returned when a coordinator or worker failed.
type ProcessError struct {
	Command string
	Code    int // its exit code; -1: it did not start, or a signal ended it
	Err     error
}

// Error says which command failed and why.
func (e *ProcessError) Error() string { return fmt.Sprintf("tinygrow %s: %v", e.Command, e.Err) }

// Unwrap returns why the command failed.
func (e *ProcessError) Unwrap() error { return e.Err }

// command is the program, and the address of the server that it is to use.
type command struct{ binary, nats string }

// ask runs a process to its end and decodes the JSON object on its stdout. A
// process that fails ends the others with ctx. It gets the address of the server,
// which may hold a password, from the environment: everybody sees command lines.
func (c command) ask(ctx context.Context, out any, args ...string) error {
	p := exec.CommandContext(ctx, c.binary, args...)
	p.Env = append(os.Environ(), config.Variable("nats.url")+"="+c.nats)
	var stdout, stderr bytes.Buffer
	p.Stdout, p.Stderr = &stdout, &stderr
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) }
	p.WaitDelay = 10 * time.Second
	if err := p.Run(); err != nil {
		return &ProcessError{args[0], p.ProcessState.ExitCode(), fmt.Errorf("%w: %s", err, lastLine(stderr.String()))}
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		return fmt.Errorf("tinygrow %s: its result: %w", args[0], err)
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// Server is what the process of the server prints: the URL when it is ready,
// the rest when its stdin ends.
type Server struct {
	URL  string  `json:"url,omitempty"`
	CPUS float64 `json:"cpu_s,omitempty"` // since it was ready
}

// serve starts a server process, which ends with its stdin: with stop, or when
// this process dies.
func (m *measured) serve(ctx context.Context, binary string) (url string, stop func() error, err error) {
	p := exec.CommandContext(ctx, binary, "bench", "nats")
	var stderr bytes.Buffer
	p.Stderr = &stderr
	stdin, err := p.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := p.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := p.Start(); err != nil {
		return "", nil, err
	}
	answers := json.NewDecoder(stdout)
	var ready, end Server
	stop = func() error {
		stdin.Close()
		err := answers.Decode(&end)
		_, _ = io.Copy(io.Discard, stdout)
		if e := p.Wait(); e != nil {
			err = e
		}
		if err != nil {
			return fmt.Errorf("tinygrow bench nats: %w: %s", err, lastLine(stderr.String()))
		}
		m.serverCPU = end.CPUS
		return nil
	}
	if err := answers.Decode(&ready); err != nil {
		stdin.Close()
		_ = p.Wait()
		return "", nil, fmt.Errorf("tinygrow bench nats: %w: %s", err, lastLine(stderr.String()))
	}
	return ready.URL, stop, nil
}
