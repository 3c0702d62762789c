package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

// hashes are what must not differ.
type hashes struct {
	Model     string `json:"model_sha256"`
	Optimizer string `json:"optimizer_sha256"`
	Journal   string `json:"journal_sha256"`
	Grew      int    `json:"grew"` // growth events that grew
}

func (h hashes) String() string {
	return fmt.Sprintf("model %.12s optimizer %.12s journal %.12s, grew %d times", h.Model, h.Optimizer, h.Journal, h.Grew)
}

// read reads a run's result.
func read(result []byte) (hashes, error) {
	var r struct {
		hashes
		Events []struct {
			Before int `json:"params_before"`
			After  int `json:"params_after"`
		} `json:"growth_events"`
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return hashes{}, err
	}
	for _, e := range r.Events {
		if e.After > e.Before {
			r.Grew++
		}
	}
	return r.hashes, nil
}

// network is a network that grows, by its name in golden.json.
type network struct {
	name, config string
	settings     []string // what it starts with
}

// networks are those that every build trains.
var networks = []network{
	{"mlp", "small.yaml", []string{"--model", "mlp", "--set", "model.widths=[6,6]"}},
	{"vgg", "small.yaml", []string{"--model", "vgg", "--set", "model.widths=[2,3,4]"}},
	{"resnet18", "small.yaml", []string{"--model", "resnet18", "--set", "model.width=2"}},
	{"resnet18 by computation", "compute.yaml", []string{"--model", "resnet18", "--set", "model.width=2"}},
}

// taken is the network whose coordinator is killed.
var taken = networks[1]

// arguments are the settings of all runs of a network.
func (n network) arguments() []string {
	return append([]string{"--config", here + "/" + n.config, "--json"}, n.settings...)
}

// train runs a network in one process.
func (b *build) train(dir string, n network) (hashes, error) {
	run := filepath.Join(dir, b.name+"-"+n.name)
	c := b.command(append([]string{"train", "--workers", "1", "--threads", "1", "--run-dir", run}, n.arguments()...)...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		return hashes{}, fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	return read(out)
}

// killAt is the step at which a coordinator is killed: behind the first growth event.
const killAt = 4

// patience is how long a run with a takeover may last, also under emulation.
const patience = 10 * time.Minute

// takeover trains with workers of both builds, kills the coordinator of the first
// and returns what a standby of the second makes of it.
func takeover(dir string, first, second *build, n network) (hashes, error) {
	dir = filepath.Join(dir, first.name+"-"+second.name)
	server, err := natsserver.Start(natsserver.Options{StoreDir: filepath.Join(dir, "jetstream")})
	if err != nil {
		return hashes{}, err
	}
	defer server.Stop()
	g := &group{dir: dir}
	defer g.stop()
	lead := func(b *build) *process {
		return g.start(b, append([]string{"coordinator", "--nats", server.URL(), "--run", "builds", "--standby",
			"--run-dir", filepath.Join(dir, b.name)}, n.arguments()...)...)
	}
	leader := lead(first)
	for _, b := range []*build{first, second} {
		g.start(b, "worker", "--config", here+"/"+n.config, "--nats", server.URL(), "--run", "builds", "--threads", "1")
	}
	if err := leader.waitForStep(filepath.Join(dir, first.name, "metrics.jsonl"), killAt); err != nil {
		return hashes{}, err
	}
	standby := lead(second)
	if err := leader.Process.Kill(); err != nil {
		return hashes{}, err
	}
	out, err := standby.result()
	if err != nil {
		return hashes{}, err
	}
	return read(out)
}

// group is the processes of a run.
type group struct {
	dir string
	all []*process
}

// process is one of them; over is closed at its end.
type process struct {
	*exec.Cmd
	out, log bytes.Buffer
	err      error
	over     chan struct{}
}

func (g *group) start(b *build, args ...string) *process {
	p := &process{Cmd: b.command(args...), over: make(chan struct{})}
	p.Stdout, p.Stderr = &p.out, &p.log
	if p.err = p.Start(); p.err != nil {
		close(p.over)
		return p
	}
	go func() {
		defer close(p.over)
		p.err = p.Wait()
	}()
	g.all = append(g.all, p)
	return p
}

// stop ends all that still run and waits for them.
func (g *group) stop() {
	for _, p := range g.all {
		if err := p.Process.Kill(); err == nil || errors.Is(err, os.ErrProcessDone) {
			<-p.over
		}
	}
}

// result waits for the end of a process and returns what it printed.
func (p *process) result() ([]byte, error) {
	select {
	case <-p.over:
	case <-time.After(patience):
		return nil, fmt.Errorf("%s: no end within %v", p.Args[0], patience)
	}
	if p.err != nil {
		return nil, fmt.Errorf("%w: %s", p.err, p.log.Bytes())
	}
	return p.out.Bytes(), nil
}

// waitForStep waits until the metrics of a run tell of a step.
func (p *process) waitForStep(metrics string, step int) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		if raw, err := os.ReadFile(metrics); err == nil && bytes.Count(raw, []byte(`"kind":"step"`)) >= step {
			return nil
		}
		select {
		case <-p.over:
			return fmt.Errorf("%s ended before step %d: %w: %s", p.Args[0], step, p.err, p.log.Bytes())
		case <-end:
			return fmt.Errorf("%s did not reach step %d within %v", p.Args[0], step, patience)
		case <-tick.C:
		}
	}
}
