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
	"slices"
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
			r, err := m.Row()
			if err != nil {
				return Report{}, fmt.Errorf("%d workers: %w", n, err)
			}
			tell(r)
			params = m.Result.ParamsEnd
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

// Measured is what the processes of one measurement said.
type Measured struct {
	Workers   int
	Result    coordinator.Result
	Stats     []worker.Stats
	ServerCPU float64 // seconds of all servers; 0 for one of others
	Target    float64 // test accuracy whose time is measured; 0: none
	Metrics   []byte  // contents of metrics.jsonl
}

// measure trains once with n workers.
func measure(ctx context.Context, c Config, n int) (*Measured, error) {
	dir, err := os.MkdirTemp("", "tinygrow-scale-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file, run := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "run")
	if err := os.WriteFile(file, c.Document, 0o600); err != nil {
		return nil, err
	}
	m := &Measured{Workers: n, Stats: make([]worker.Stats, n), Target: c.Target}
	tinygrow, stop := Process{Binary: c.Binary, NATS: c.NATS}, func() (float64, error) { return 0, nil }
	if c.NATS == "" {
		if tinygrow.NATS, stop, err = tinygrow.Serve(ctx); err != nil {
			return nil, err
		}
	}
	group, ctx := errgroup.WithContext(ctx) // ends with Wait, before the server
	// A run of another name for each measurement: workers of the last one may still say goodbye.
	id := "scale-" + strconv.Itoa(n) + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	group.Go(func() error {
		return tinygrow.Ask(ctx, &m.Result, "coordinator", "--config", file, "--run", id, "--run-dir", run,
			"--set", "cluster.min_workers="+strconv.Itoa(n), "--json")
	})
	for i := range n {
		group.Go(func() error {
			return tinygrow.Ask(ctx, &m.Stats[i], "worker", "--config", file, "--run", id,
				"--threads", strconv.Itoa(c.Threads), "--json")
		})
	}
	err = group.Wait()
	cpu, e := stop()
	if m.ServerCPU = cpu; err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	m.Metrics, err = os.ReadFile(filepath.Join(run, "metrics.jsonl"))
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

// Process is how processes of the program are started.
type Process struct {
	Binary string
	NATS   string   // address of the server that they are to use
	Inside []string // command that runs them where they belong, as ip netns exec NAME; empty: here
}

func (p Process) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append(slices.Clone(p.Inside), p.Binary), args...)
	return exec.CommandContext(ctx, all[0], all[1:]...)
}

// Ask runs a process to its end and decodes the JSON object on its stdout. A
// process that fails ends the others with ctx. It gets the address of the server,
// which may hold a password, from the environment: everybody sees command lines.
func (p Process) Ask(ctx context.Context, out any, args ...string) error {
	c := p.command(ctx, args...)
	c.Env = append(os.Environ(), config.Variable("nats.url")+"="+p.NATS)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		return &ProcessError{args[0], c.ProcessState.ExitCode(), fmt.Errorf("%w: %s", err, lastLine(stderr.String()))}
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

// Serve starts a server process, which ends with its stdin: with stop, or when
// this process dies. stop returns the processor seconds that it took.
func (p Process) Serve(ctx context.Context, args ...string) (url string, stop func() (cpu float64, err error), err error) {
	c := p.command(ctx, append([]string{"bench", "nats"}, args...)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	answers := json.NewDecoder(stdout)
	var ready, end Server
	stop = func() (float64, error) {
		stdin.Close()
		err := answers.Decode(&end)
		_, _ = io.Copy(io.Discard, stdout)
		if e := c.Wait(); e != nil {
			err = e
		}
		if err != nil {
			return 0, fmt.Errorf("tinygrow bench nats: %w: %s", err, lastLine(stderr.String()))
		}
		return end.CPUS, nil
	}
	if err := answers.Decode(&ready); err != nil {
		stdin.Close()
		_ = c.Wait()
		return "", nil, fmt.Errorf("tinygrow bench nats: %w: %s", err, lastLine(stderr.String()))
	}
	return ready.URL, stop, nil
}
