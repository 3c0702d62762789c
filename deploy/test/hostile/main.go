// Command hostile attacks runs with a worker's key and measures what it gets.
// Each attack meets a run of its own: a NATS server with keys, a coordinator
// and three honest workers, all on the loopback interface. The attacker is a
// process of the lowest priority, because its machine is not the run's.
//
//	go run ./deploy/test/hostile [-only 'pulls|hoard'] [-json deploy/bench/results/hostile.json]
//
// It fails if an honest worker is put into quarantine, if steps come at less
// than half of the rate before the attack, if the end is not that of the
// undisturbed run, if foreign streams are touched, or if the coordinator takes
// more memory or log than its bounds.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"
)

// bounds of a run under attack.
const (
	maxMemory = 200.0 // MB above the undisturbed run
	maxLog    = 256 << 10
)

type flags struct {
	binary, only, json, as string
	steps                  int
	calm, window           time.Duration
	leastRate              float64
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "attack" {
		os.Exit(attacker(os.Args[2], []byte(os.Args[3])))
	}
	var f flags
	flag.StringVar(&f.binary, "tinygrow", "", "the binary; empty: the one that this tree builds")
	flag.StringVar(&f.only, "only", ".", "regular expression of the attacks")
	flag.StringVar(&f.json, "json", "", "file for the figures, beside what it holds under other names; empty: standard output")
	flag.StringVar(&f.as, "as", "after", "name of the figures in the file")
	flag.IntVar(&f.steps, "steps", 400, "steps of each run")
	flag.DurationVar(&f.calm, "calm", 4*time.Second, "time before the attack")
	flag.DurationVar(&f.window, "window", 8*time.Second, "time of the attack")
	flag.Float64Var(&f.leastRate, "least-rate", 0.5, "steps under attack, as a part of those before it, below which it fails; 0 where "+
		"time is not to be judged")
	flag.Parse()
	endWithUs()
	if err := bench(f); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		os.Exit(1)
	}
}

// attacker runs one attack in this process and tells how much it sent.
func attacker(name string, on []byte) int {
	var v victim
	if err := json.Unmarshal(on, &v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.Window)
	defer cancel()
	c, err := dial(v.Key, false)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer c.conn.Close()
	at := slices.IndexFunc(attacks, func(a attack) bool { return a.name == name })
	end := ""
	if err := attacks[at].do(ctx, &v, c); err != nil && ctx.Err() == nil {
		end = err.Error()
		<-ctx.Done()
	}
	if err := json.NewEncoder(os.Stdout).Encode(sent{c.sent.Load(), c.refused.Load(), end}); err != nil {
		return 2
	}
	return 0
}

// sent is what an attacker did.
type sent struct {
	Messages uint64 `json:"messages"`
	Refused  uint64 `json:"refused_by_server"`
	End      string `json:"end,omitempty"` // why it gave up
}

func bench(f flags) error {
	only, err := regexp.Compile("^(" + f.only + ")")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if f.binary == "" {
		f.binary = filepath.Join(dir, "tinygrow")
		build := exec.Command("go", "build", "-o", f.binary, "./cmd/tinygrow")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build: %w (start this from the root of the repository)", err)
		}
	}
	calm := map[string]figures{}
	report := outcome{Date: time.Now().Format("2006-01-02"), CPUs: runtime.NumCPU(), Steps: f.steps, CalmS: f.calm.Seconds(),
		AttackS: f.window.Seconds()}
	bad := 0
	for _, a := range attacks {
		if !only.MatchString(a.name) {
			continue
		}
		kind := fmt.Sprint(a.settings)
		if _, ok := calm[kind]; !ok {
			if calm[kind], err = measure(f, filepath.Join(dir, "calm"+kind),
				attack{name: "undisturbed", settings: a.settings}); err != nil {
				return err
			}
			report.Calm = append(report.Calm, calm[kind])
		}
		got, err := measure(f, filepath.Join(dir, a.name), a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		got.judge(calm[kind], f.leastRate)
		fmt.Fprintf(os.Stderr, "%-12s %5.1f steps/s, %5.1f under attack, %4.0f MB, log %d bytes, %s %q\n", got.Name, got.Before,
			got.Under, got.Peak, got.Log, got.End, got.Faults)
		bad += len(got.Faults)
		report.Attacks = append(report.Attacks, got)
	}
	if err := f.write(report); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d promises were broken", bad)
	}
	return nil
}

// write puts the figures into the file, or prints them.
func (f flags) write(o outcome) error {
	all := map[string]any{}
	if f.json != "" {
		if text, err := os.ReadFile(f.json); err == nil && len(text) > 0 {
			if err := json.Unmarshal(text, &all); err != nil {
				return fmt.Errorf("%s: %w", f.json, err)
			}
		}
	}
	all[f.as] = o
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return err
	}
	if text = append(text, '\n'); f.json == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(f.json, text, 0o644)
}
