// Command viewers measures what it costs a run that it tells of itself and that people
// look at it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/metrics"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// workload is a run that is measured.
type workload struct {
	Name string   `json:"name"`
	Args []string `json:"args"`
}

// workloads are the default run, whose steps are the shortest, and one with longer steps.
var workloads = []workload{
	{"cnn on shapes", []string{"--steps", "300"}},
	{"resnet20 on shapes", []string{"--model", "resnet20", "--set", "model.width=16", "--steps", "40", "--set", "growth.every_steps=20"}},
}

// usage is what -h prints.
const usage = `viewers measures what it costs a run that it tells of itself and that people look at it.

It makes runs of each kind in turn, every other time in the opposite order, and compares the processor seconds of a step
with those of the run of kind off in the same turn:

  off      no pages and no event files
  files    event files for TensorBoard
  viewer   event files, pages that one viewer watches, and numbers that are asked for as Prometheus does, every 5 s
  viewers  the same with a hundred viewers

Journal and metrics.jsonl are always written. What a line of them takes is measured by itself, in this process, and
told as log_us_per_step and as a part of the processor time of a step of kind off.

It wants an idle machine: two cores, nothing else running. 15 turns take some 40 minutes. Whole it is made by

  go build -o /tmp/tinygrow ./cmd/tinygrow && go run ./deploy/bench/viewers -tinygrow /tmp/tinygrow

which writes deploy/bench/results/viewers.json.

`

// setup is how the runs of a kind are started.
type setup struct {
	name    string
	board   bool // event files
	pages   bool
	viewers int
}

// setups are the kinds; all are compared with the first.
var setups = []setup{{name: "off"}, {name: "files", board: true}, {name: "viewer", board: true, pages: true, viewers: 1},
	{name: "viewers", board: true, pages: true, viewers: 100}}

// measured is one run.
type measured struct {
	cpu, wall float64 // milliseconds a step
	memory    float64 // MiB, the largest
	updates   int     // updates that viewers got
}

// kind is what was measured of one kind of runs.
type kind struct {
	Name      string  `json:"kind"`
	Viewers   int     `json:"viewers"`
	CPU       float64 `json:"cpu_ms_per_step"`
	Wall      float64 `json:"wall_ms_per_step"`
	CPURatio  float64 `json:"cpu_ratio"`  // median over turns of the ratio to the run of kind off
	WallRatio float64 `json:"wall_ratio"` // the same
	// CPURatios are those of all turns, ascending.
	CPURatios []float64 `json:"cpu_ratios"`
	Memory    float64   `json:"memory_mib"` // largest of the process
	Updates   int       `json:"updates"`    // updates that all viewers got, median
}

// row is what was measured of a workload.
type row struct {
	workload
	Kinds []kind `json:"kinds"`
	// LogMicros is the processor time that a line of metrics.jsonl takes, LogPart what
	// part that is of a step of kind off.
	LogMicros float64 `json:"log_us_per_step"`
	LogPart   float64 `json:"log_part"`
}

// results is what is written.
type results struct {
	Date  string `json:"date"`
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"`
	Turns int    `json:"turns"`
	Rows  []row  `json:"rows"`
}

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
	program := flag.String("tinygrow", "tinygrow", "`program` to measure")
	turns := flag.Int("pairs", 15, "runs of each kind")
	only := flag.String("only", "", "measure the `workload` of this name alone, as \"cnn on shapes\"")
	kinds := flag.String("kinds", "", "measure these kinds beside off, separated by commas; none: all")
	out := flag.String("out", "deploy/bench/results/viewers.json", "`file` to write")
	flag.Parse()
	if err := run(*program, *turns, choice{*only, *kinds}, *out); err != nil {
		fmt.Fprintln(os.Stderr, "viewers:", err)
		os.Exit(1)
	}
}

// choice is what to measure; empty fields: all.
type choice struct{ workload, kinds string }

// of returns the kinds that are chosen, off first.
func (c choice) of() (list []setup, err error) {
	want := strings.Split(c.kinds, ",")
	for _, s := range setups {
		if s.name == setups[0].name || c.kinds == "" || slices.Contains(want, s.name) {
			list = append(list, s)
		}
	}
	for _, name := range want {
		if name != "" && !slices.ContainsFunc(setups, func(s setup) bool { return s.name == name }) {
			return nil, fmt.Errorf("-kinds %s: there are off, files, viewer and viewers", name)
		}
	}
	return list, nil
}

// run measures what is chosen and writes it.
func run(program string, turns int, c choice, path string) error {
	chosen, err := c.of()
	if err != nil {
		return err
	}
	out := results{time.Now().UTC().Format(time.DateOnly), processor(), runtime.NumCPU(), turns, nil}
	for _, w := range workloads {
		if c.workload != "" && w.Name != c.workload {
			continue
		}
		runs := make([][]measured, len(chosen))
		for turn := range turns {
			for k := range chosen {
				i := k
				if turn%2 == 1 {
					i = len(chosen) - 1 - k
				}
				m, err := measure(program, w, chosen[i])
				if err != nil {
					return err
				}
				runs[i] = append(runs[i], m)
				fmt.Fprintf(os.Stderr, "%s, turn %d of %d, %s: %.3f ms of processor, %.3f ms a step, %.0f MiB\n",
					w.Name, turn+1, turns, chosen[i].name, m.cpu, m.wall, m.memory)
			}
		}
		r := row{workload: w}
		for i, s := range chosen {
			r.Kinds = append(r.Kinds, summary(s, runs[i], runs[0]))
		}
		if r.LogMicros, err = logging(); err != nil {
			return err
		}
		r.LogPart = r.LogMicros / 1000 / r.Kinds[0].CPU
		out.Rows = append(out.Rows, r)
	}
	if len(out.Rows) == 0 {
		return fmt.Errorf("-only %q: there is no workload of that name", c.workload)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// logged is how many lines logging writes.
const logged = 100_000

// logging returns the microseconds of processor time that writing a step's line takes.
func logging() (float64, error) {
	dir, err := os.MkdirTemp("", "viewers")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	d, err := checkpoint.Create(filepath.Join(dir, "r"), nil)
	if err != nil {
		return 0, err
	}
	var lines metrics.Steps
	began := cputime.Used()
	for i := range logged {
		v := 1 / float64(i+3)
		r := trainer.StepRecord{Kind: metrics.KindStep, Step: proto.Step(i), Epoch: v, Loss: v, Accuracy: v, LR: v,
			Digest: "0123456789abcdef0123456789abcdef"}
		if err := d.Metrics.Append(lines.Line(&r, metrics.Measured{Wall: time.Duration(i), SamplesSec: v})); err != nil {
			return 0, errors.Join(err, d.Close())
		}
	}
	if err := d.Close(); err != nil {
		return 0, err
	}
	return float64(float64((cputime.Used() - began).Microseconds()) / logged), nil
}

// processor returns the name of the processor, empty where the system does not tell.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// summary compares runs with those of kind off of the same turns.
func summary(s setup, runs, base []measured) kind {
	over := func(of func(i int) float64) float64 {
		var list []float64
		for i := range runs {
			list = append(list, of(i))
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	ratios := make([]float64, len(runs))
	for i := range runs {
		ratios[i] = runs[i].cpu / base[i].cpu
	}
	slices.Sort(ratios)
	return kind{
		Name: s.name, Viewers: s.viewers, CPURatios: ratios,
		CPU: over(func(i int) float64 { return runs[i].cpu }), Wall: over(func(i int) float64 { return runs[i].wall }),
		CPURatio:  over(func(i int) float64 { return runs[i].cpu / base[i].cpu }),
		WallRatio: over(func(i int) float64 { return runs[i].wall / base[i].wall }),
		Memory:    over(func(i int) float64 { return runs[i].memory }),
		Updates:   int(over(func(i int) float64 { return float64(runs[i].updates) })),
	}
}

// measure makes one run of a kind.
func measure(program string, w workload, s setup) (measured, error) {
	dir, err := os.MkdirTemp("", "viewers")
	if err != nil {
		return measured{}, err
	}
	defer os.RemoveAll(dir)
	at, numbers := "off", ""
	args := []string{"train", "--run-dir", filepath.Join(dir, "r"), "--json", "--set", "report=false", "--set",
		fmt.Sprintf("telemetry.tensorboard=%t", s.board)}
	if s.pages {
		if at, err = vacant(); err != nil {
			return measured{}, err
		}
		if numbers, err = vacant(); err != nil {
			return measured{}, err
		}
		args = append(args, "--metrics", numbers)
	}
	args = append(append(args, "--ui", at), w.Args...)
	c := exec.Command(program, args...)
	var result, said bytes.Buffer
	c.Stdout, c.Stderr = &result, &said
	if err := c.Start(); err != nil {
		return measured{}, err
	}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var mu sync.Mutex
	updates, memory := 0, 0.0
	if numbers != "" {
		group.Go(func() { scrape(ctx, "http://"+numbers+"/metrics") })
	}
	for range s.viewers {
		group.Go(func() {
			got := look(ctx, "http://"+at+"/api/runs/r/stream")
			mu.Lock()
			updates += got
			mu.Unlock()
		})
	}
	group.Go(func() {
		for ctx.Err() == nil {
			memory = max(memory, resident(c.Process.Pid))
			time.Sleep(100 * time.Millisecond)
		}
	})
	err = c.Wait()
	stop()
	group.Wait()
	if err != nil {
		return measured{}, fmt.Errorf("%v: %w: %s", args, err, said.String())
	}
	var r struct {
		Timing struct {
			Steps int     `json:"steps"`
			CPU   float64 `json:"cpu_s"`
			Wall  float64 `json:"wall_s"`
		} `json:"timing"`
	}
	if err := json.Unmarshal(result.Bytes(), &r); err != nil {
		return measured{}, err
	}
	if r.Timing.Steps == 0 {
		return measured{}, errors.New("no step was measured")
	}
	steps := float64(r.Timing.Steps)
	return measured{1000 * r.Timing.CPU / steps, 1000 * r.Timing.Wall / steps, memory, updates}, nil
}

// vacant returns a loopback address that nobody listened on a moment ago.
func vacant() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// scrape asks for the numbers as Prometheus does, until ctx ends.
func scrape(ctx context.Context, address string) {
	for ctx.Err() == nil {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Second):
		}
	}
}

// look reads a stream until ctx ends or the server goes, and returns how many
// updates came. It starts again where the server is not there yet.
func look(ctx context.Context, address string) (updates int) {
	client := http.Client{Transport: &http.Transport{}}
	for ctx.Err() == nil && updates == 0 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return 0
		}
		answer, err := client.Do(request)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		buffer := make([]byte, 64<<10)
		for {
			n, err := answer.Body.Read(buffer)
			updates += bytes.Count(buffer[:n], []byte("event: update"))
			if err != nil {
				break
			}
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	return updates
}

// resident returns the memory of a process in MiB, the largest so far; 0 where the
// system does not tell.
func resident(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			if kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64); err == nil {
				return float64(kib / 1024)
			}
		}
	}
	return 0
}
