// Command viewers measures what it costs a run that people look at it: paired,
// alternating runs without pages, with pages that one viewer watches, and with a
// hundred. It prints one JSON object with the medians of the ratios of processor time
// and of wall time for a step, and with the largest memory of each kind.
//
// Usage: go run ./deploy/bench/viewers [-tinygrow PATH] [-pairs 5] [-only "cnn on shapes"] > deploy/bench/results/viewers.json
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

// viewerCounts are how many look on; -1: there are no pages.
var viewerCounts = []int{-1, 1, 100}

// measured is one run.
type measured struct {
	cpu, wall float64 // milliseconds a step
	memory    float64 // MiB, the largest
	updates   int     // updates that viewers got
}

// kind is what was measured with so many viewers.
type kind struct {
	Viewers   int     `json:"viewers"` // -1: no pages
	CPU       float64 `json:"cpu_ms_per_step"`
	Wall      float64 `json:"wall_ms_per_step"`
	CPURatio  float64 `json:"cpu_ratio"`  // median over pairs of the ratio to the run without pages
	WallRatio float64 `json:"wall_ratio"` // the same
	Memory    float64 `json:"memory_mib"` // largest of the process
	Updates   int     `json:"updates"`    // updates that all viewers got, median
}

func main() {
	program := flag.String("tinygrow", "tinygrow", "program to measure")
	pairs := flag.Int("pairs", 5, "runs of each kind")
	only := flag.String("only", "", "measure the workload of this name alone")
	flag.Parse()
	type row struct {
		workload
		Kinds []kind `json:"kinds"`
	}
	out := struct {
		Date  string `json:"date"`
		Cores int    `json:"cores"`
		Pairs int    `json:"pairs"`
		Rows  []row  `json:"rows"`
	}{time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), *pairs, nil}
	for _, w := range workloads {
		if *only != "" && w.Name != *only {
			continue
		}
		runs := make([][]measured, len(viewerCounts))
		for range *pairs {
			for i, n := range viewerCounts {
				m, err := measure(*program, w, n)
				if err != nil {
					fmt.Fprintln(os.Stderr, "viewers:", err)
					os.Exit(1)
				}
				runs[i] = append(runs[i], m)
				fmt.Fprintf(os.Stderr, "%s, %d viewers: %.3f ms of processor, %.3f ms a step, %.0f MiB\n",
					w.Name, n, m.cpu, m.wall, m.memory)
			}
		}
		r := row{workload: w}
		for i, n := range viewerCounts {
			r.Kinds = append(r.Kinds, summary(n, runs[i], runs[0]))
		}
		out.Rows = append(out.Rows, r)
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, "viewers:", err)
		os.Exit(1)
	}
}

// summary compares runs with those of the same pairs that had no pages.
func summary(viewers int, runs, base []measured) kind {
	over := func(of func(i int) float64) float64 {
		var list []float64
		for i := range runs {
			list = append(list, of(i))
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return kind{
		Viewers: viewers,
		CPU:     over(func(i int) float64 { return runs[i].cpu }), Wall: over(func(i int) float64 { return runs[i].wall }),
		CPURatio:  over(func(i int) float64 { return runs[i].cpu / base[i].cpu }),
		WallRatio: over(func(i int) float64 { return runs[i].wall / base[i].wall }),
		Memory:    over(func(i int) float64 { return runs[i].memory }),
		Updates:   int(over(func(i int) float64 { return float64(runs[i].updates) })),
	}
}

// measure makes one run that n viewers look at.
func measure(program string, w workload, n int) (measured, error) {
	dir, err := os.MkdirTemp("", "viewers")
	if err != nil {
		return measured{}, err
	}
	defer os.RemoveAll(dir)
	at := "off"
	if n >= 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return measured{}, err
		}
		at = l.Addr().String()
		l.Close()
	}
	args := append([]string{"train", "--run-dir", filepath.Join(dir, "r"), "--json", "--ui", at, "--set", "report=false"}, w.Args...)
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
	for range n {
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
