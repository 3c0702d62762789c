package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Config says what to do to what.
type Config struct {
	Binary string // tinygrow, which trains undisturbed
	// Binaries are builds of tinygrow; each start of a process draws one of them.
	Binaries []string
	Document []byte // the run's configuration as YAML, but for its seed
	Steps    uint64 // number of steps of the run
	Workers  int
	Reducers int
	Kills    int
	Limit    time.Duration // longest time for one seed; a run that takes longer counts as stuck
	Dir      string        // directory for the files of a seed; they stay only if it failed
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	found.Check(c.Workers >= 1 && c.Workers <= 64, "%d workers: must be 1 to 64", c.Workers)
	found.Check(c.Reducers >= 0 && c.Reducers <= 64, "%d reducers: must be 0 to 64", c.Reducers)
	found.Check(c.Kills >= 0 && c.Kills <= 1000, "%d kills: must be 0 to 1000", c.Kills)
	found.Check(c.Steps >= 1, "the run's length must be given in steps (--steps), so that faults can be laid over it")
	found.Check(len(c.Binaries) > 0, "no binary to run")
	found.Check(c.Limit > 0, "limit %v: must be above 0", c.Limit)
	found.Add(able)
	return found.Err()
}

// Hashes are what must not differ.
type Hashes struct {
	Model     string `json:"model_sha256"`
	Optimizer string `json:"optimizer_sha256"`
	Journal   string `json:"journal_sha256"`
}

// Fired is a fault and what came of it.
type Fired struct {
	Fault
	Fired bool    `json:"fired"` // false: the run ended before, or there was no process to hit
	AtS   float64 `json:"at_s"`  // since the start of the run
	Done  uint64  `json:"at_step"`
}

// Report is the proof of one seed.
type Report struct {
	Seed     uint64       `json:"seed"`
	Workers  int          `json:"workers"`
	Reducers int          `json:"reducers,omitempty"`
	Steps    uint64       `json:"steps"`
	Grew     int          `json:"grew"` // growth events that grew
	Faults   []Fired      `json:"faults"`
	Fired    map[Kind]int `json:"fired"`
	Starts   int          `json:"starts"` // starts of processes, the first ones included
	// Reduced is how many updates of ranges the reducers made that ended in peace.
	Reduced int     `json:"reduced,omitempty"`
	WallS   float64 `json:"wall_s"`
	Want    Hashes  `json:"undisturbed"`
	Got     Hashes  `json:"disturbed"`
	Same    bool    `json:"same"`
	Failure string  `json:"failure,omitempty"` // what went wrong, with the directory that tells more
}

// Run trains once undisturbed and once under the script of the seed, and
// compares. Its error is one of this machine or of ctx; what the run did wrong is in
// the report.
func Run(ctx context.Context, c Config, seed uint64) (Report, error) {
	r := Report{Seed: seed, Workers: c.Workers, Reducers: c.Reducers, Fired: map[Kind]int{}}
	dir, err := os.MkdirTemp(c.Dir, "tinygrow-chaos-"+strconv.FormatUint(seed, 10)+"-")
	if err != nil {
		return r, err
	}
	cl := &cluster{Config: c, dir: dir, config: filepath.Join(dir, "config.yaml"), run: filepath.Join(dir, "run"), seed: seed, report: &r}
	if err := cl.all(ctx); err != nil {
		if ctx.Err() != nil {
			return r, errors.Join(ctx.Err(), os.RemoveAll(dir))
		}
		r.Failure = fmt.Sprintf("%v; see %s", err, dir)
		return r, nil
	}
	if r.Same = r.Got == r.Want; !r.Same {
		r.Failure = "other bits than the undisturbed run; see " + dir
		return r, nil
	}
	return r, os.RemoveAll(dir)
}

type cluster struct {
	Config
	dir, config, run string
	seed             uint64
	report           *Report

	nats, coordinator *keeper
	workers, reducers []*keeper
	began             time.Time
	paused            []*time.Timer
	open              []*os.File // the pipe that the processes have as stdin
}

func (c *cluster) all(ctx context.Context) error {
	if err := os.WriteFile(c.config, c.Document, 0o600); err != nil {
		return err
	}
	alone, err := c.undisturbed(ctx)
	if err != nil {
		return fmt.Errorf("the undisturbed run: %w", err)
	}
	c.report.Want, c.report.Steps = hashes(alone), uint64(alone.Steps)
	for _, e := range alone.GrowthEvents {
		if e.ParamsAfter > e.ParamsBefore {
			c.report.Grew++
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("the disturbed run did not end within %v", c.Limit))
	defer cancel()
	c.began = time.Now()
	err = c.start()
	if err == nil {
		err = c.disturb(ctx)
	}
	c.report.WallS = time.Since(c.began).Seconds()
	if err == nil && c.Reducers > 0 {
		time.Sleep(500 * time.Millisecond) // they hear of the end, and tell what they did
	}
	c.stop()
	if err != nil {
		return err
	}
	if err := c.reduced(); err != nil {
		return err
	}
	var got coordinator.Result
	raw, err := os.ReadFile(filepath.Join(c.dir, "coordinator.json"))
	if err == nil {
		err = json.Unmarshal(raw, &got)
	}
	if err != nil {
		return fmt.Errorf("the coordinator's result: %w", err)
	}
	c.report.Got = hashes(&got)
	return nil
}

func hashes(r *coordinator.Result) Hashes {
	return Hashes{r.ModelSHA256, r.OptimizerSHA256, r.JournalSHA256}
}

// reduced sums up what reducers told at their ends.
func (c *cluster) reduced() error {
	for i := range c.Reducers {
		name := filepath.Join(c.dir, fmt.Sprintf("reducer-%d.json", i+1))
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for d := json.NewDecoder(bytes.NewReader(raw)); d.More(); {
			var s reduce.Stats
			if err := d.Decode(&s); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			c.report.Reduced += s.Updates
		}
	}
	return nil
}

// undisturbed trains with one worker in one process.
func (c *cluster) undisturbed(ctx context.Context) (*coordinator.Result, error) {
	p := exec.CommandContext(ctx, c.Binary, append([]string{"train", "--run-dir", filepath.Join(c.dir, "alone"),
		"--workers", "1", "--json"}, c.flags()...)...)
	var stderr bytes.Buffer
	p.Stderr = &stderr
	out, err := p.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	var r coordinator.Result
	return &r, json.Unmarshal(out, &r)
}

func (c *cluster) flags() []string {
	return []string{"--config", c.config, "--seed", strconv.FormatUint(c.seed, 10)}
}

// start starts server, coordinator and workers.
func (c *cluster) start() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	url := "nats://127.0.0.1:" + strconv.Itoa(port)
	file := func(name string) string { return filepath.Join(c.dir, name) }
	stdin, alive, err := os.Pipe()
	if err != nil {
		return err
	}
	c.open = []*os.File{stdin, alive}
	keepProcess := func(name string, args ...string) *keeper {
		if err != nil {
			return nil
		}
		var k *keeper
		k, err = keep(&keeper{name: name, binary: c.draw(name), args: args, ends: name == "coordinator", stdin: stdin,
			out: file(name + ".json"), all: args[0] == "reducer"}, file(name+".log"))
		return k
	}
	c.nats = keepProcess("nats", "bench", "nats", "--port", strconv.Itoa(port), "--store", file("jetstream"))
	c.coordinator = keepProcess("coordinator", append([]string{"coordinator", "--nats", url, "--run", "chaos", "--run-dir", c.run,
		"--resume", "--json", "--set", "cluster.log=on"}, c.flags()...)...)
	for i := range c.Workers {
		c.workers = append(c.workers, keepProcess(fmt.Sprintf("worker-%d", i+1), "worker", "--config", c.config, "--nats", url,
			"--run", "chaos", "--threads", "1"))
	}
	for i := range c.Reducers {
		c.reducers = append(c.reducers, keepProcess(fmt.Sprintf("reducer-%d", i+1), "reducer", "--config", c.config, "--nats", url,
			"--run", "chaos", "--json"))
	}
	return err
}

// draw returns which binary the next start of a process runs, by the seed.
func (c *cluster) draw(process string) func() string {
	h := fnv.New64a()
	h.Write([]byte(process))
	r := rand.New(rand.NewPCG(c.seed, h.Sum64()))
	return func() string { return c.Binaries[r.IntN(len(c.Binaries))] }
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// stop ends all processes, the server last.
func (c *cluster) stop() {
	for _, t := range c.paused {
		t.Stop()
	}
	for _, k := range slices.Concat(c.workers, c.reducers, []*keeper{c.coordinator, c.nats}) {
		if k != nil {
			k.stop()
			c.report.Starts += k.starts
		}
	}
	for _, f := range c.open {
		f.Close()
	}
}

// disturb lets the faults happen and waits for the end of the run.
func (c *cluster) disturb(ctx context.Context) error {
	c.report.Faults = make([]Fired, 0, c.Kills)
	for _, f := range Script(c.seed, Extent{c.Kills, c.Workers, c.Reducers, c.report.Steps}) {
		done, over, err := c.await(ctx, f.Step)
		if err != nil {
			return err
		}
		time.Sleep(f.After)
		fired := Fired{Fault: f, AtS: time.Since(c.began).Seconds(), Done: done}
		if !over && c.fire(f) {
			fired.Fired = true
			c.report.Fired[f.Kind]++
		}
		c.report.Faults = append(c.report.Faults, fired)
	}
	_, over, err := c.await(ctx, 1<<63)
	if err == nil && !over {
		err = errors.New("the coordinator ended without a result")
	}
	return err
}

// fire does to a process what the fault says.
func (c *cluster) fire(f Fault) bool {
	switch f.Kind {
	case WorkerKill, ReducerKill:
		return c.victim(f).signal(os.Kill, f.For)
	case WorkerLeave, ReducerLeave:
		return c.victim(f).signal(syscall.SIGTERM, f.For)
	case WorkerPause, ReducerPause:
		w := c.victim(f)
		if !w.signal(pause, 0) {
			return false
		}
		c.paused = append(c.paused, time.AfterFunc(f.For, func() { w.signal(goOn, 0) }))
		return true
	case CoordinatorKill:
		return c.coordinator.signal(os.Kill, f.For)
	case NATSRestart:
		return c.nats.signal(os.Kill, f.For)
	}
	return false
}

// victim is the worker or reducer that a fault names.
func (c *cluster) victim(f Fault) *keeper {
	if f.Reducer > 0 {
		return c.reducers[f.Reducer-1]
	}
	return c.workers[f.Worker-1]
}

// await waits until the run has made a step, or is over.
func (c *cluster) await(ctx context.Context, step uint64) (done uint64, over bool, err error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if done = lastStep(filepath.Join(c.run, checkpoint.MetricsFile)); done >= step {
			return done, false, nil
		}
		select {
		case <-ctx.Done():
			return done, false, context.Cause(ctx)
		case <-c.coordinator.over:
			return done, true, nil
		case <-tick.C:
		}
	}
}

// lastStep returns the last step in the metrics of a run, 0 if there is none.
func lastStep(path string) uint64 {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	const tail = 8 << 10
	size, err := file.Seek(0, 2)
	if err != nil {
		return 0
	}
	text := make([]byte, min(size, tail))
	n, _ := file.ReadAt(text, max(0, size-tail))
	lines := bytes.Split(text[:n], []byte("\n"))
	for _, line := range slices.Backward(lines) {
		var r struct {
			Kind string
			Step uint64
		}
		if json.Unmarshal(line, &r) == nil && r.Kind == "step" {
			return r.Step
		}
	}
	return 0
}
